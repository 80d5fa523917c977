"""The student that reasons: a small model that learns answers, chains of thought, and verdicts on chains."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import numpy as np

from dualchecker.confidence.calibration import Calibrator
from dualchecker.data import fingerprint
from dualchecker.embedding.transformer import import_torch
from dualchecker.errors import ConfigError, StudentError
from dualchecker.records import Example, Record
from dualchecker.students.pretrained import Pretrained
from dualchecker.students.reasoning import JudgedChain, Reasoned
from dualchecker.students.reasoning_lessons import Lesson, LessonWriter, Source, Target, verdict_weights
from dualchecker.students.reasoning_model import is_causal, load_writer, part_length, with_lora, without_lora
from dualchecker.students.reasoning_texts import Reader, chain_ending, question_text, stated_answer
from dualchecker.students.reasoning_training import Course, Work, train
from dualchecker.students.reasoning_votes import (
    calibration_from_json,
    calibration_to_json,
    fit_calibration,
    signals,
    vote,
)
from dualchecker.students.reasoning_writing import Writer, verdict_tokens
from dualchecker.students.scratch import SCRATCH, make_scratch, texts_of
from dualchecker.tasks.verdicts import VERDICTS

_WORTH = np.array([1.0, 0.0, 0.5])
"""What a verdict counts, in the order of ``VERDICTS``: an uncertain one is half a right one."""


class ReasonerStudent(Pretrained):
    """A ``ReasoningStudent`` that fine-tunes a sequence-to-sequence or causal model, or a small T5 of its own.

    It learns as in Mind's Mirror (Liu et al. 2024, section 3.3): answers (``predict: question``), chains (``explain:
    question``), and verdicts on chains with their reasons (``evaluate: question [chain]``). The loss is ``alpha``
    times the cross-entropy of the answer (the verdict) and the rest times that of the chain (the reason), a weighted
    mean over (question, chain); the verdicts on a chain together count as much as the chain, and rare verdicts more.
    Its folder is a plain Hugging Face model. On one machine's CPU, the same seed and data give the same student. The
    caller's random state stays as it was.

    Args:
        base: ``scratch`` (a small T5 with random weights and the words of the examples), a folder, or a name on the
            hub.
        seed: Decides the first weights, the order of the questions, and the chains that are drawn.
        text: What it reads of a record: ``text``, ``detail`` or ``both``.
        alpha: Part of the loss that is the answer's.
        stages: ``mixed``: all at once; ``evaluation_first``: verdicts, then answers and chains, as in the paper, each
            for all epochs. The second stage then makes a small model forget part of the first: 80 % for right chains
            and 55 % for wrong ones where mixed learning gives 100 % and 0 % (40 questions that a tiny T5 masters).
        lora: Rank of low-rank matrices to train in place of the weights; None trains these.
        samples: Chains for each answer: a greedy one, and the rest drawn.
        chains_per_step: Of a question's chains, and of those with verdicts, so many are learnt in a step, drawn anew
            each time; None for all. On average the loss is the same, and a step costs less.
        temperature: By which they are drawn.
        epochs: Passes over the examples; may be a fraction.
        min_steps: Optimiser steps to make at least in each stage, with more passes if need be.
        batch_size: Questions, each with all its chains, per optimiser step.
        learning_rate: At its peak, after the warm-up.
        max_length: Tokens after which a question, a chain or a reason is cut.
        read: From a chain to the answer that it arrives at; by default the words behind "The answer is". A loaded
            student has the default until it is set.
        progress: Called after every step with the steps taken and the steps in all.

    Attributes:
        read: As above.
        unlearnt: What the last ``fit`` could not learn as it was, with counts; see ``LessonWriter``, and
            ``known_held``: validation questions that are among the examples, and so choose nothing.
        work: Steps and tokens of the last ``fit``.
    """

    kind = "reasoner"
    model_class = "AutoModelForSeq2SeqLM or AutoModelForCausalLM"

    def __init__(
        self,
        *,
        base: str = SCRATCH,
        seed: int = 42,
        text: str = "both",
        alpha: float = 0.5,
        stages: Literal["mixed", "evaluation_first"] = "mixed",
        lora: int | None = None,
        samples: int = 5,
        chains_per_step: int | None = None,
        temperature: float = 0.7,
        epochs: float = 4,
        min_steps: int = 0,
        batch_size: int = 16,
        learning_rate: float = 3e-4,
        max_length: int = 256,
        read: Reader | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if lora and base == SCRATCH:
            raise ConfigError(
                "student.lora does not fit student.base 'scratch'.",
                why="Low-rank matrices change a trained model a little; random weights have to be trained as a whole.",
                fix="Leave one of the two out.",
            )
        self._base, self._seed, self._text, self._max_length = base, seed, text, max_length
        self._alpha, self._stages, self._lora = alpha, stages, lora
        self._samples, self._temperature, self._chains_per_step = samples, temperature, chains_per_step
        self._epochs, self._min_steps, self._batch_size = epochs, min_steps, batch_size
        self._learning_rate, self._progress = learning_rate, progress
        self.read: Reader = read or stated_answer
        self.unlearnt: dict[str, int] = {}
        self.work = Work()
        self._verdicts: dict[str, float] = {}
        self._writes = True
        self._lengths = {"answer": max_length, "chain": max_length}
        self._calibration: Calibrator | None = None

    @property
    def judges(self) -> bool:
        """Whether it has learnt verdicts."""
        return bool(self._verdicts)

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> Self:
        """Fine-tune from the base; earlier training is forgotten.

        Args:
            examples: Those with a weight above 0 are learnt from.
            validation: Gold that decides which epoch's weights are kept, by its answers; may be empty.

        Raises:
            StudentError: There is nothing to learn from, or training diverged.
            ConfigError: The base cannot be loaded, cannot write, or does not know the verdicts apart.
        """
        used = [example for example in examples if example.weight > 0]
        if not used:
            raise StudentError("There is nothing to train on.", fix="Give gold answers, or lower check.threshold.")
        torch, _ = import_torch()
        self._loaded = None  # should this training fail, none is left half forgotten
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(self._seed)
            if self._base == SCRATCH:
                model, tokenizer = make_scratch(texts_of(used, self._text), self._max_length)
            else:
                model, tokenizer = load_writer(self._base, self._max_length)
            self._calibration, self._verdicts = None, verdict_weights(used)
            self._writes = any(chain.weight > 0 and chain.text.strip() for one in used for chain in one.chains)
            if self.judges:
                verdict_tokens(tokenizer)  # before the work, not after it
            writer = self._writer(model, tokenizer)
            courses = self._courses(writer, used, self._held(writer, used, validation))
            self.unlearnt = dict(writer.unlearnt)
            self._train(model, tokenizer, courses)
        return self

    def _train(self, model: Any, tokenizer: Any, courses: Sequence[Course]) -> None:
        rng, causal = np.random.default_rng(self._seed), is_causal(model)
        total, done = sum(course.steps for course in courses), 0

        def after_step() -> None:
            nonlocal done
            done += 1
            if self._progress:
                self._progress(done, total)

        self.work = Work()
        if self._lora:
            model = with_lora(model, self._lora)
        for course in courses:
            took = train(model, tokenizer.pad_token_id, course, rng, causal=causal, after_step=after_step)
            self.work.steps += took.steps
            self.work.real, self.work.padded = self.work.real + took.real, self.work.padded + took.padded
        self._loaded = without_lora(model) if self._lora else model, tokenizer

    def _writer(self, model: Any, tokenizer: Any) -> LessonWriter:
        return LessonWriter(
            tokenizer,
            causal=is_causal(model),
            max_length=part_length(model, self._max_length),
            text=self._text,
            alpha=self._alpha,
        )

    def _courses(self, writer: LessonWriter, examples: Sequence[Example], held: Sequence[Source]) -> list[Course]:
        """What is learnt, stage by stage."""
        verdicts = self._verdicts or None
        if self._stages == "mixed":
            stages: list[tuple[list[Lesson], Sequence[Source]]] = [(writer.lessons(examples, verdicts=verdicts), held)]
        else:
            first = writer.lessons(examples, chains=False, verdicts=verdicts) if verdicts else []
            stages = [(first, ()), (writer.lessons(examples), held)]
        if not stages[-1][0]:
            raise StudentError("There is nothing to train on: no example has an answer or a chain.")
        self._lengths = {name: 8 + round(1.25 * length) for name, length in writer.longest.items()}
        return [
            Course(
                lessons,
                self._epochs,
                self._min_steps,
                self._batch_size,
                self._learning_rate,
                held,
                self._chains_per_step,
            )
            for lessons, held in stages
            if lessons
        ]

    def _held(self, writer: LessonWriter, used: Sequence[Example], validation: Sequence[Example]) -> list[Source]:
        """Questions that are not learnt, with their answers."""
        learnt = {fingerprint(question_text(example.record, self._text)) for example in used}
        held = []
        for example in validation:
            question = question_text(example.record, self._text)
            if fingerprint(question) in learnt:
                writer.unlearnt["known_held"] += 1
            elif example.label.strip():
                answer = writer.answer(example.label)
                held.append(Source(writer.predict(question), (Target(answer, (1.0,) * len(answer)),)))
        return held

    def answer(self, records: Sequence[Record]) -> list[str | None]:
        """Answers at once, without any chain; aligned.

        Raises:
            StudentError: The student has not been trained.
        """
        model, tokenizer = self._trained()
        lessons, pen = self._writer(model, tokenizer), Writer(model, tokenizer, causal=is_causal(model))
        inputs = [lessons.predict(question_text(record, self._text)) for record in records]
        written = pen.write(inputs, length=self._lengths["answer"])
        return [
            self.read(chain_ending(text), record) if text else None
            for (text,), record in zip(written, records, strict=True)
        ]

    def predict(self, records: Sequence[Record]) -> list[Reasoned]:
        """Answers by vote of several chains, each judged by the student itself; aligned.

        Raises:
            StudentError: The student has not been trained.
        """
        direct = self.answer(records)
        if not self._writes:  # it has learnt no chain: there is nothing to vote
            return [self._calibrated(vote((), answer)) for answer in direct]
        model, tokenizer = self._trained()
        lessons, pen = self._writer(model, tokenizer), Writer(model, tokenizer, causal=is_causal(model))
        inputs = [lessons.explain(question_text(record, self._text)) for record in records]
        written = pen.write(
            inputs,
            length=self._lengths["chain"],
            drawn=self._samples - 1,
            temperature=self._temperature,
            seed=self._seed,
        )
        chains = [
            [(text, self.read(text, record) if text else None) for text in texts]
            for texts, record in zip(written, records, strict=True)
        ]
        said = [vote(judged, at_once) for judged, at_once in zip(self._judged(records, chains), direct, strict=True)]
        return [self._calibrated(one) for one in said]

    def _judged(
        self, records: Sequence[Record], chains: Sequence[Sequence[tuple[str, str | None]]]
    ) -> list[list[JudgedChain]]:
        if not self.judges:
            return [[JudgedChain(text, answer) for text, answer in its] for its in chains]
        # A chain that arrives at nothing needs no verdict.
        whole = [[(text, answer) for text, answer in its if answer is not None] for its in chains]
        judged = []
        for its, verdicts in zip(chains, self.judge(records, whole), strict=True):
            left = iter(verdicts)
            judged.append([JudgedChain(text, answer, 0.0 if answer is None else next(left)) for text, answer in its])
        return judged

    def judge(self, records: Sequence[Record], chains: Sequence[Sequence[tuple[str, str]]]) -> list[list[float]]:
        """Probability that a chain is right, for any chains (text, answer) about a question; aligned.

        It is the probability of the verdict ``correct``, and half that of ``uncertain``, freed of the weights by which
        rare verdicts were learnt.

        Raises:
            StudentError: The student has not been trained, or has learnt no verdicts.
        """
        model, tokenizer = self._trained()
        if not self.judges:
            raise StudentError(
                "The student has learnt no verdicts.",
                why="None of its training examples had a self-evaluation.",
                fix="Have the teacher evaluate its chains.",
            )
        lessons, pen = self._writer(model, tokenizer), Writer(model, tokenizer, causal=is_causal(model))
        questions = [question_text(record, self._text) for record in records]
        inputs = [
            lessons.evaluate(question, text, answer)
            for question, its in zip(questions, chains, strict=True)
            for text, answer in its
        ]
        chances = pen.verdicts(inputs) / [self._verdicts.get(word, 1.0) for word in VERDICTS]
        right = iter((chances @ _WORTH / chances.sum(axis=1)).tolist())
        return [[next(right) for _ in its] for its in chains]

    def calibrate(self, said: Sequence[Reasoned], right: Sequence[float]) -> None:
        """Learn from answers to questions that it was not trained on how often a confidence is deserved.

        Args:
            said: What ``predict`` gave, before or after an earlier calibration.
            right: How likely each answer is right, 0 or 1 where that is known. With none at all the confidence stays
                the share of the votes.
        """
        self._calibration = fit_calibration(said, right)

    def _calibrated(self, said: Reasoned) -> Reasoned:
        if self._calibration is None or said.answer is None:
            return said
        confidence = float(self._calibration.predict([signals(said)])[0])
        return Reasoned(said.answer, confidence, said.direct, said.chains, said.votes)

    def sharpen(self, exponent: float) -> None:
        """Not possible.

        Raises:
            StudentError: Always: its confidence is a vote, not the probability of one label.
        """
        raise StudentError("The probabilities of a reasoner cannot be scaled.", fix="Call calibrate instead.")

    def _load(self) -> tuple[Any, Any]:
        return load_writer(self._base, self._max_length)

    def _settings(self) -> dict[str, Any]:
        return {
            "reasons": True,
            "text": self._text,
            "max_length": self._max_length,
            "seed": self._seed,
            "samples": self._samples,
            "writes": self._writes,
            "temperature": self._temperature,
            "verdicts": self._verdicts,
            "lengths": self._lengths,
            "calibration": calibration_to_json(self._calibration) if self._calibration else None,
        }

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], base: str) -> Self:
        student = cls(
            base=base,
            **{name: settings[name] for name in ("text", "max_length", "seed", "samples", "temperature")},
        )
        student._verdicts, student._lengths = settings["verdicts"], settings["lengths"]
        student._writes = settings["writes"]
        if settings["calibration"]:
            student._calibration = calibration_from_json(settings["calibration"])
        return student
