"""Prompts a second of the teacher in process: the naive ways to score labels, and what prompts share read once.

    python benchmarks/local_teacher.py --prompts 48

A random Llama and prompts as a run renders them: a question with four labels, five demonstrations (two the same in
every prompt, three the nearest of each), a text of 40 to 120 words. Each way computes the log-likelihood of every label
of every prompt; the ways take turns in one process, and their scores are compared. On a CPU, time is the process's own.

- naive: a full forward pass for each prompt and label, one at a time.
- batched: the same in padded batches of like length.
- one at a time: the teacher with one request under way; what it keeps between requests, and the labels as a tree.
- together: the teacher with all requests under way, as a run asks.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from dualchecker.config import SeniorConfig
from dualchecker.prompts import Prompt, PromptWriter, Rung, Template
from dualchecker.records import Demonstration, Record
from dualchecker.tasks import Classification
from dualchecker.teachers.local import LocalTeacher
from dualchecker.teachers.local_model import LocalModel
from dualchecker.teachers.local_scoring import Question, Questions

Scores = list[list[float]]

LABELS = {
    "energy": "It is about making, moving or saving energy. Engines and batteries count.",
    "energy_storage": "It keeps energy for later, in whatever form.",
    "material": "It is about a substance or what things are made of.",
    "something else": "None of these.",
}
_WORDS = [f"{first}{second}{last}" for first in "bdfgklmnprst" for second in "aeiou" for last in "lmnrst"]
_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def build(folder: Path, hidden: int, layers: int) -> Path:
    """A random Llama, with a tokenizer of some 4,000 tokens that knows the words of the prompts."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        special_tokens=["<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    seen = [message["content"] for prompt in draw_prompts(20, 1) for message in prompt.messages]
    bpe.train_from_iterator([*seen, '{"label": "energy_storage", "label": "material"}' * 50], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="</s>",
        additional_special_tokens=["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
    )
    tokenizer.chat_template = _TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden * 3,
        num_hidden_layers=layers,
        num_attention_heads=max(hidden // 64, 1),
        max_position_embeddings=8192,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def draw_prompts(count: int, seed: int) -> list[Prompt]:
    """Prompts of the first rung, as ContextAligner makes them."""
    rng = random.Random(seed)

    def record(number: int) -> Record:
        return Record(str(number), " ".join(rng.choices(_WORDS, k=rng.randint(40, 120))) + ".")

    gold = [
        Demonstration(record(-n), rng.choice(list(LABELS)), " ".join(rng.choices(_WORDS, k=15)) + ".")
        for n in range(1, 41)
    ]
    writer = PromptWriter(Classification("What is this text about?", LABELS))
    template = Template(tuple(gold[:2]), 5)
    return [writer.label(record(n), Rung("brief"), template, rng.sample(gold[2:], 3)) for n in range(count)]


def naive(model: LocalModel, questions: list[Question]) -> Scores:
    """A full pass for each prompt and label."""
    return [
        [_logs(model, [(q.row, q.tree.sequence(n), q.tree.closed[n])])[0] for n in range(len(LABELS))]
        for q in questions
    ]


def batched(model: LocalModel, questions: list[Question], tokens: int) -> Scores:
    """The same in padded batches."""
    rows = [
        (len(q.row), at, n, (q.row, q.tree.sequence(n), q.tree.closed[n]))
        for at, q in enumerate(questions)
        for n in range(len(LABELS))
    ]
    rows.sort(key=lambda row: row[0])
    found: Scores = [[0.0] * len(LABELS) for _ in questions]
    size = max(tokens // (rows[-1][0] + 8), 1)
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        for (_, at, number, _), log in zip(some, _logs(model, [row[3] for row in some]), strict=True):
            found[at][number] = log
    return found


def _logs(model: LocalModel, rows: list[tuple[Any, Any, bool]]) -> list[float]:
    """Log-likelihoods by plain passes, padded at the end, logits of the last tokens alone."""
    import torch

    whole = [(*row, *path) for row, path, _ in rows]
    longest = max(map(len, whole))
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    for number, one in enumerate(whole):
        ids[number, : len(one)] = torch.tensor(one)
    first = min(len(row) for row, *_ in rows) - 1
    with torch.inference_mode():
        logits = model.model(
            input_ids=ids.to(model.device), use_cache=False, logits_to_keep=longest - first
        ).logits.float()
    closing = torch.tensor(model.closing, device=model.device)
    found = []
    for number, (row, path, closed) in enumerate(rows):
        logs = logits[number].log_softmax(-1)
        total = sum(logs[len(row) - 1 + n - first, token] for n, token in enumerate(path))
        total = total + (logs[len(row) + len(path) - 1 - first, closing].logsumexp(0) if closed else 0)
        found.append(float(total))
    return found


async def _teacher(teacher: LocalTeacher, prompts: list[Prompt], under_way: int) -> Scores:
    """Log-shares of the labels, from the replies, with so many requests under way."""
    found: dict[int, Any] = {}
    waiting = iter(enumerate(prompts))

    async def worker() -> None:
        for number, prompt in waiting:
            found[number] = await teacher.ask(prompt, teacher.payload(prompt))

    await asyncio.gather(*(worker() for _ in range(under_way)))
    return [list((found[n].label_probabilities or {}).values()) for n in range(len(prompts))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=3, help="turns of all ways; their median time counts")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--batch-tokens", type=int, default=8192)
    parser.add_argument("--under-way", type=int, default=32)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = build(Path(folder) / "llama", given.hidden, given.layers)
        measure(path, given)


def measure(path: Path, given: argparse.Namespace) -> None:
    """Let the ways take turns, and print what they take."""
    import torch

    teacher = LocalTeacher(
        SeniorConfig(
            kind="transformers",
            model=str(path),
            device=given.device,
            dtype=given.dtype,
            batch_tokens=given.batch_tokens,
        )
    )
    prompts = draw_prompts(given.prompts, 7)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_teacher(teacher, prompts[:2], 2))  # load, and the comparison that is made once
    assert teacher._engine is not None
    model = teacher._engine.model
    ask = Questions(model)
    questions = [ask.question(model.written(prompt.messages), '{"label": ', tuple(LABELS)) for prompt in prompts]
    sizes = [len(question.row) for question in questions]
    print(f"{len(prompts)} prompts of {min(sizes)} to {max(sizes)} tokens, {len(LABELS)} labels")
    print(f"{model.device}, {model.model.dtype}, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}\n")
    ways: dict[str, Callable[[], Scores]] = {
        "naive": lambda: naive(model, questions),
        "batched": lambda: batched(model, questions, given.batch_tokens),
        "one at a time": lambda: loop.run_until_complete(_teacher(teacher, prompts, 1)),
        "together": lambda: loop.run_until_complete(_teacher(teacher, prompts, given.under_way)),
    }
    # On a CPU its own time counts, which a busy machine changes less.
    clock = time.process_time if given.device == "cpu" else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in ways}
    scores: dict[str, Scores] = {}
    for _ in range(given.repeats):
        for name, way in ways.items():
            start = clock()
            scores[name] = way()
            times[name].append(clock() - start)
    rates = {name: len(prompts) / median(taken) for name, taken in times.items()}
    shares = {
        name: torch.tensor(found).softmax(-1) if name in ("naive", "batched") else torch.tensor(found)
        for name, found in scores.items()
    }
    unit = "CPU second" if given.device == "cpu" else "second"
    print(f"| way | prompts a {unit} | naive = 1 | batched = 1 | largest difference of a probability |")
    print("| --- | --- | --- | --- | --- |")
    for name, rate in rates.items():
        apart = float((shares[name] - shares["naive"]).abs().max())
        print(f"| {name} | {rate:.1f} | {rate / rates['naive']:.1f} | {rate / rates['batched']:.1f} | {apart:.0e} |")
    loop.run_until_complete(teacher.aclose())
    loop.close()


if __name__ == "__main__":
    main()
