"""Rows a second: the training of reasoners beside a plain Seq2SeqTrainer, same model, same rows, one after the other.

    python benchmarks/reasoner_speed.py [questions]

A row is a question with one of its chains: the answer, the chain, and a verdict on it. The trainer computes the loss of
the three of them as is usual (one forward pass each, padded to the longest text of the data, or of the batch); ours
reads each question once. Both make the same number of steps with the same rows in each. Times are wall time and the
process's own CPU time, which a busy machine changes less. Needs accelerate, as the trainer does.

Measured with 500 questions, one verdict a chain, on one CPU thread: in CPU time 2.1 times as fast as with padding to
the longest of the data, with 0.41 of its tokens; 1.7 times as fast as with padding to the longest of the batch, with
0.46.
"""

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
import transformers

from dualchecker.records import Example, Record, TaughtChain
from dualchecker.students.reasoning_lessons import LessonWriter, verdict_weights
from dualchecker.students.reasoning_training import Course, train
from dualchecker.students.scratch import make_scratch, texts_of

CHAINS, QUESTIONS_A_STEP, ALPHA, LIMIT = 5, 8, 0.5, 256
_WORDS = [f"{first}{second}{last}" for first in "bdfgklmnprst" for second in "aeiou" for last in "lmnrst"]


def draw_examples(count: int, seed: int) -> list[Example]:
    """Questions of 15 to 60 words; chains of 10 to 110 words, long ones rare, as those of language models are."""
    rng = random.Random(seed)

    def words(low: int, high: int) -> str:
        # The smaller of two draws: short ones are more frequent.
        return " ".join(rng.choices(_WORDS, k=min(rng.randint(low, high), rng.randint(low, high))))

    examples = []
    for number in range(count):
        answer = str(rng.randint(1, 99))
        chains = tuple(
            TaughtChain(f"{words(10, 110)}.", answer, 1.0, (("correct" if nth else "wrong", f"{words(3, 12)}."),))
            for nth in range(CHAINS)
        )
        examples.append(Example(Record(str(number), f"{words(15, 60)}?"), answer, chains=chains))
    return examples


@dataclass
class Timed:
    """What training took: seconds of wall and of CPU, and tokens with padding."""

    wall: float
    cpu: float
    padded: int


def timed(work: Callable[[], int]) -> Timed:
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = work()
    return Timed(time.perf_counter() - wall, time.process_time() - cpu, tokens)


class Rows(torch.utils.data.Dataset):
    """For each row the (read, written) token ids of its three tasks."""

    def __init__(self, examples: list[Example], lessons: LessonWriter) -> None:
        self.rows = []
        for example in examples:
            question, answer = example.record.text, lessons.answer(example.label)
            for chain in example.chains:
                one = Example(example.record, example.label, chains=(chain,))
                (lesson,) = lessons.lessons([one], verdicts=verdict_weights([one]))
                _, explain, evaluate = lesson.sources
                self.rows.append(
                    [
                        (lessons.predict(question), answer),
                        (explain.ids, explain.targets[0].ids),
                        (evaluate.ids, evaluate.targets[0].ids),
                    ]
                )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> Any:
        return self.rows[number]

    def longest(self, task: int, part: int) -> int:
        return max(len(row[task][part]) for row in self.rows)


class Collate:
    """Rows to padded tensors, one batch a task; and a count of their tokens."""

    def __init__(self, rows: Rows, *, to_longest_of_data: bool) -> None:
        self.tokens = 0
        self._least = [[rows.longest(t, p) if to_longest_of_data else 0 for p in range(2)] for t in range(3)]

    def __call__(self, batch: list[Any]) -> dict[str, Any]:
        found = {}
        for task, least in enumerate(self._least):
            for part, (name, fill) in enumerate((("input_ids", 0), ("labels", -100))):
                ids = [row[task][part] for row in batch]
                width = max(least[part], *map(len, ids))
                found[f"{name}{task}"] = torch.tensor([[*row, *[fill] * (width - len(row))] for row in ids])
                self.tokens += width * len(ids)
        return found


class ThreeTasks(transformers.Seq2SeqTrainer):
    """``ALPHA`` times the loss of the answer, the rest times that of the chain, and that of the verdict."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
        losses = [
            model(
                input_ids=inputs[f"input_ids{task}"],
                attention_mask=(inputs[f"input_ids{task}"] != 0).long(),
                labels=inputs[f"labels{task}"],
            ).loss
            for task in range(3)
        ]
        loss = ALPHA * losses[0] + (1 - ALPHA) * losses[1] + losses[2]
        return (loss, {}) if return_outputs else loss


def with_trainer(make: Callable[[], tuple[Any, Any]], rows: Rows, *, to_longest_of_data: bool) -> int:
    model, _ = make()
    collate = Collate(rows, to_longest_of_data=to_longest_of_data)
    with tempfile.TemporaryDirectory() as folder:
        settings = transformers.Seq2SeqTrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=QUESTIONS_A_STEP * CHAINS,
            learning_rate=1e-3,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            remove_unused_columns=False,
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
        )
        ThreeTasks(model=model, args=settings, train_dataset=rows, data_collator=collate).train()
    return collate.tokens


def with_ours(make: Callable[[], tuple[Any, Any]], examples: list[Example], lessons: LessonWriter) -> int:
    model, tokenizer = make()
    taught = lessons.lessons(examples, verdicts=verdict_weights(examples))
    course = Course(taught, 1, 0, QUESTIONS_A_STEP, 1e-3)
    rng = np.random.default_rng(0)
    return train(model, tokenizer.pad_token_id, course, rng, causal=False, after_step=lambda: None).padded


def main() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    examples = draw_examples(int(sys.argv[1]) if len(sys.argv) > 1 else 500, 0)
    texts = texts_of(examples, "text")

    def make() -> tuple[Any, Any]:
        torch.manual_seed(0)
        return make_scratch(texts, LIMIT)

    lessons = LessonWriter(make()[1], causal=False, max_length=LIMIT, text="text", alpha=ALPHA)
    rows = Rows(examples, lessons)
    with_ours(make, examples[: 2 * QUESTIONS_A_STEP], lessons)  # warm-up
    results = {
        "trainer, padded to the longest of the data": timed(lambda: with_trainer(make, rows, to_longest_of_data=True)),
        "trainer, padded to the longest of the batch": timed(
            lambda: with_trainer(make, rows, to_longest_of_data=False)
        ),
        "ours": timed(lambda: with_ours(make, examples, lessons)),
    }
    ours = results["ours"]
    for name, took in results.items():
        print(
            f"{name}: {len(rows) / took.cpu:.0f} rows a CPU second ({took.cpu:.1f} s, wall {took.wall:.1f} s), "
            f"{took.padded} tokens with padding; ours is {took.cpu / ours.cpu:.1f} times as fast "
            f"(wall {took.wall / ours.wall:.1f})"
        )


if __name__ == "__main__":
    main()
