"""From examples with chains of thought to what a model reads and writes: token ids, and what each token counts.

Mind's Mirror (Liu et al. 2024, section 3.3): of every (question, chain) the loss is ``alpha`` times the cross-entropy
of the answer and ``1 - alpha`` times that of the chain; of every (question, chain, verdict) likewise of the verdict and
of its reason. A cross-entropy is a mean over tokens. What rows have in common is written down once: the answer to a
question counts as often as it has chains, and an input is read once whatever the number of its targets.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dualchecker.embedding.transformer import clean
from dualchecker.records import Example, TaughtChain
from dualchecker.students.reasoning_texts import (
    CHOICES,
    chain_body,
    chain_ending,
    evaluate_input,
    explain_input,
    predict_input,
    question_text,
)

Ids = tuple[int, ...]

MOST_WEIGHT = 4.0
"""At most so much more, or less, a verdict counts for being rare, or common."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be written.

    Attributes:
        ids: Tokens.
        weights: What the cross-entropy of each counts in the loss.
    """

    ids: Ids
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """What is read, once, and all that is to be written about it."""

    ids: Ids
    targets: tuple[Target, ...]

    def weighing(self, factor: float, targets: tuple[Target, ...] | None = None) -> "Source":
        """The same with other weights, and perhaps with some of its targets only."""
        kept = self.targets if targets is None else targets
        return Source(self.ids, tuple(Target(t.ids, tuple(w * factor for w in t.weights)) for t in kept))


@dataclass(frozen=True, slots=True)
class Lesson:
    """All about one question.

    Attributes:
        question: As it is read.
        sources: What is read and written.
        rows: How many rows the loss is a mean of: (question, chain), and (question, chain) with its verdicts.
        weight: Sum of the rows' weights.
        judged: How many of the sources, the last ones, ask for verdicts.
    """

    question: str
    sources: tuple[Source, ...]
    rows: int
    weight: float
    judged: int = 0

    @property
    def length(self) -> int:
        """Tokens in all."""
        return sum(len(source.ids) + sum(len(target.ids) for target in source.targets) for source in self.sources)

    def drawn(self, most: int, rng: np.random.Generator) -> "Lesson":
        """At most so many of its chains, and of its chains' verdicts, which count for all of them.

        On average over draws the loss is that of the whole lesson, and a step costs a part of it.
        """
        split = len(self.sources) - self.judged
        written = [self._some(source, most, rng) for source in self.sources[:split]]
        judged = list(self.sources[split:])
        if len(judged) > most:
            chosen = sorted(rng.choice(len(judged), most, replace=False).tolist())
            judged = [judged[place].weighing(len(judged) / most) for place in chosen]
        return replace(self, sources=(*written, *judged), judged=len(judged))

    @staticmethod
    def _some(source: Source, most: int, rng: np.random.Generator) -> Source:
        count = len(source.targets)
        if count <= most:
            return source
        chosen = sorted(rng.choice(count, most, replace=False).tolist())
        return source.weighing(count / most, tuple(source.targets[place] for place in chosen))


@dataclass
class _Draft:
    rows: int = 0
    weight: float = 0.0
    sources: dict[Ids, dict[Ids, list[float]]] = field(default_factory=lambda: defaultdict(dict))
    judgements: dict[Ids, dict[Ids, list[float]]] = field(default_factory=lambda: defaultdict(dict))

    def write(self, source: Ids, target: Ids, weights: Iterable[float], *, judged: bool = False) -> None:
        """Equal targets become one, which counts as much as all of them."""
        weights = list(weights)
        if not any(weights):
            return
        sources = self.judgements if judged else self.sources
        known = sources[source].setdefault(target, [0.0] * len(target))
        known[:] = [old + new for old, new in zip(known, weights, strict=True)]

    def lesson(self, question: str) -> Lesson:
        sources = (
            Source(ids, tuple(Target(target, tuple(weights)) for target, weights in targets.items()))
            for ids, targets in (*self.sources.items(), *self.judgements.items())
        )
        return Lesson(question, tuple(sources), self.rows, self.weight, len(self.judgements))


def verdict_weights(examples: Sequence[Example]) -> dict[str, float]:
    """By what the loss of each verdict is multiplied, so that rare ones are learnt too.

    Inverse frequency, held within a factor of ``MOST_WEIGHT`` of 1 before the mean is set, which is 1; or less where
    there is more to judge than to write: verdicts together count at most as much as chains together, since what a step
    spends on the ones it takes from the others.
    """
    counts: dict[str, float] = defaultdict(float)
    for example in examples:
        for chain in example.chains:
            for verdict, _ in chain.verdicts if chain.text.strip() else ():
                counts[verdict] += _verdict_weight(example, chain) / len(chain.verdicts)
    total = sum(counts.values())
    present = {verdict: count for verdict, count in counts.items() if count > 0}
    bounded = {
        verdict: min(MOST_WEIGHT, max(1 / MOST_WEIGHT, total / (len(present) * count)))
        for verdict, count in present.items()
    }
    mean = sum(bounded[verdict] * count for verdict, count in present.items()) / total if total else 1.0
    written = sum(one.weight * chain.weight for one in examples for chain in one.chains if chain.text.strip())
    share = min(1.0, written / total) if total and written else 1.0
    return {verdict: share * weight / mean for verdict, weight in bounded.items()}


def _verdict_weight(example: Example, chain: TaughtChain) -> float:
    """What the verdicts on a chain count together."""
    return example.weight if chain.verdict_weight is None else chain.verdict_weight


class LessonWriter:
    """Writes lessons with a model's tokenizer.

    Args:
        tokenizer: Of the model.
        causal: Whether the model goes on with what it reads, instead of reading it with an encoder of its own.
        max_length: Tokens after which a question is cut, and likewise a chain and a reason.
        text: What is read of a record: ``text``, ``detail`` or ``both``.
        alpha: Part of the loss that is the answer's, or the verdict's.

    Attributes:
        unlearnt: What could not be learnt as it is, with counts: ``empty_chain``, ``empty_answer``, ``cut_chain``,
            ``cut_question`` (where the end of a chain or a question is beyond the limit).
        longest: Tokens of the longest ``answer`` and ``chain`` that were written down.
    """

    def __init__(self, tokenizer: Any, *, causal: bool, max_length: int, text: str, alpha: float) -> None:
        self._tokenizer, self._causal, self._limit = tokenizer, causal, max_length
        self._text, self._alpha = text, alpha
        self._known: dict[str, Ids] = {}
        self._end: int = tokenizer.eos_token_id
        first = tokenizer("")["input_ids"][:1]
        # What a model's inputs begin with, where its tokenizer knows of any such thing.
        self._start: Ids = tuple(first) if first and first[0] == tokenizer.bos_token_id else ()
        self.unlearnt: Counter[str] = Counter()
        self.longest = {"answer": 1, "chain": 1}

    def lessons(
        self, examples: Sequence[Example], *, chains: bool = True, verdicts: dict[str, float] | None = None
    ) -> list[Lesson]:
        """One lesson for each question that teaches anything, in the order in which questions come first.

        Args:
            examples: Several about the same question come into one lesson.
            chains: Teach answers and chains.
            verdicts: Teach verdicts, with these weights (``verdict_weights``).
        """
        drafts: dict[str, _Draft] = defaultdict(_Draft)
        for example in examples:
            question = question_text(example.record, self._text)
            if chains and len(self._ids(predict_input(question))) > self._limit:
                self.unlearnt["cut_question"] += 1
            if chains:
                self._chains(drafts[question], question, example)
            if verdicts is not None:
                self._verdicts(drafts[question], question, example, verdicts)
        return [draft.lesson(question) for question, draft in drafts.items() if draft.weight > 0]

    def _chains(self, draft: _Draft, question: str, example: Example) -> None:
        written = [(chain, example.weight * chain.weight) for chain in self._whole(example.chains)]
        written = [(chain, weight) for chain, weight in written if weight > 0]
        # A question without any chain teaches its answer, as one row.
        weights = [weight for _, weight in written] or [example.weight]
        if example.label.strip():
            answer = self.answer(example.label)
            self.longest["answer"] = max(self.longest["answer"], len(answer))
            draft.write(self.predict(question), answer, _even(answer, self._alpha * sum(weights)))
        else:
            self.unlearnt["empty_answer"] += 1
            if not written:
                return
        for chain, weight in written:
            ids = self._chain(chain.text, chain.answer, count=True)
            self.longest["chain"] = max(self.longest["chain"], len(ids))
            draft.write(self.explain(question), ids, _even(ids, (1 - self._alpha) * weight))
        draft.rows += len(weights)
        draft.weight += sum(weights)

    def _verdicts(self, draft: _Draft, question: str, example: Example, by_word: dict[str, float]) -> None:
        for chain in example.chains:
            if not chain.text.strip() or not chain.verdicts:
                continue
            source = self.evaluate(question, chain.text, chain.answer)
            row = 0.0
            for word, reason in chain.verdicts:
                weight = _verdict_weight(example, chain) * by_word[word] / len(chain.verdicts)
                label, rationale = self.verdict(word), self._reason(reason)
                weights = [*_even(label, self._alpha * weight), *_even(rationale, (1 - self._alpha) * weight)]
                draft.write(source, (*label, *rationale), weights, judged=True)
                row += weight
            draft.rows += 1
            draft.weight += row

    def _whole(self, chains: Sequence[TaughtChain]) -> list[TaughtChain]:
        there = [chain for chain in chains if chain.text.strip()]
        if len(there) < len(chains):
            self.unlearnt["empty_chain"] += len(chains) - len(there)
        return there

    def predict(self, question: str) -> Ids:
        """What is read before an answer."""
        return self._input(predict_input, question)

    def explain(self, question: str) -> Ids:
        """What is read before a chain."""
        return self._input(explain_input, question)

    def evaluate(self, question: str, text: str, answer: str) -> Ids:
        """What is read before a verdict; question and chain are each cut by themselves, the chain's ending never."""
        opening = self._cut(evaluate_input(question, "").removesuffix("]"))
        return (
            *self._start,
            *opening,
            *self._chain(text, answer, end=False),
            *self._ids("]"),
            *self._stop(),
        )

    def answer(self, label: str) -> Ids:
        """What is written at once."""
        return (*self._ids(" ".join(label.split()))[: self._limit], self._end)

    def verdict(self, word: str) -> Ids:
        """What is written first about a chain."""
        return self._ids(word)

    def _reason(self, reason: str) -> Ids:
        """Empty for none: then the verdict alone is learnt."""
        words = " ".join(reason.split())
        return (*self._behind(words)[: self._limit], self._end) if words else ()

    def _chain(self, text: str, answer: str, *, end: bool = True, count: bool = False) -> Ids:
        body = self._ids(chain_body(text))
        ending = self._behind(chain_ending(answer)) if body else self._ids(chain_ending(answer))
        room = max(self._limit - len(ending), 0)
        if count and len(body) > room:
            self.unlearnt["cut_chain"] += 1
        return (*body[:room], *ending, *((self._end,) if end else ()))

    def _input(self, make: Any, question: str) -> Ids:
        return (*self._start, *self._cut(make(question)), *self._stop())

    def _cut(self, asked: str) -> Ids:
        """A question, its end cut off where it is too long; the choices that it offers stay."""
        ids = self._ids(asked)
        if len(ids) <= self._limit:
            return ids
        told, mark, offered = asked.rpartition(CHOICES)
        choices = self._behind(f"{mark}{offered}".strip()) if mark else ()
        return (*self._ids(told if mark else asked)[: max(self._limit - len(choices), 0)], *choices)

    def _behind(self, text: str) -> Ids:
        """Text behind other text: some causal models tell words by the blank before them."""
        return self._ids(f" {text}" if self._causal else text)

    def _stop(self) -> Ids:
        """Between what is read and what is written: an encoder's end, or a line of its own."""
        return self._ids("\n") or (self._end,) if self._causal else (self._end,)

    def _ids(self, text: str) -> Ids:
        if text not in self._known:  # the same question, chain or verdict is part of several inputs
            self._known[text] = tuple(
                # Too long is no matter here: every part is cut on its own.
                self._tokenizer(clean([text])[0], add_special_tokens=False, verbose=False)["input_ids"]
            )
        return self._known[text]


def _even(ids: Ids, weight: float) -> list[float]:
    """Weights of tokens by which their cross-entropies sum up to ``weight`` times the mean."""
    return [weight / max(len(ids), 1)] * len(ids)
