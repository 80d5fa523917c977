"""The embedded teacher: answers from the demonstrations in its own prompt. It is no language model, and says so."""

import json
import math
import random
import re
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.config import RUNGS
from dualchecker.embedding import Embedder, similarity
from dualchecker.errors import RequestFailed
from dualchecker.prompts import Prompt, Shown
from dualchecker.records import Answer, Reply
from dualchecker.teachers.base import FreeTeacher
from dualchecker.teachers.exemplar_spans import VERSION as SPANS_VERSION
from dualchecker.teachers.exemplar_spans import SpanExemplars, explain_spans
from dualchecker.teachers.recombination import recombine

VERSION = 1
"""Enters the request key: raise it whenever answers change."""

_TEMPERATURE = 0.06
"""Similarities of short texts lie between about .2 and .8; this makes a lead of .1 worth a factor of five."""

Floats = npt.NDArray[np.float64]

_WORDS = re.compile(r"[^\W\d_]{4,}")


class ExemplarTeacher(FreeTeacher):
    """Votes with the labels of the demonstrations, weighted by embedding similarity to the text.

    Its confidence is the winning label's share of the weights, shrunk by one pseudo-vote spread over the labels that
    were shown; like any stated confidence it needs calibration. It serves to run the whole job on a machine with no
    key, no GPU and no model hub. Asked for spans, it carries over those of the demonstrations (``SpanExemplars``).
    """

    name = "exemplar"
    rungs = frozenset(RUNGS) | {"explain", "generate"}

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._spans = SpanExemplars(embedder)

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        body: dict[str, Any] = {
            "teacher": "exemplar",
            "version": VERSION,
            "embedder": self._embedder.name,
            "messages": [dict(message) for message in prompt.messages],
        }
        if prompt.shown.spans:
            body["spans"] = self._spans_payload(prompt.shown)
        elif prompt.shown.previous:  # the messages give its earlier answers rounded, and without the distributions
            body["previous"] = [dict(answer.label_probabilities or {}) for answer in prompt.shown.previous]
        if prompt.sample:
            body["sample"] = prompt.sample
        return body

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        if prompt.purpose == "explain":
            return Reply(json.dumps({"rationale": self._explain(prompt)}, ensure_ascii=False), model=self.name)
        if prompt.purpose == "generate":
            return Reply(json.dumps(recombine(prompt), ensure_ascii=False), model=self.name)
        shown = prompt.shown
        if shown.by_guide and not shown.demonstrations:
            return self._spans_reply(prompt) if shown.spans else self._by_descriptions(shown)
        if not shown.demonstrations:
            raise RequestFailed(
                "The exemplar teacher was shown no demonstration.",
                kind="no_demonstrations",
                why="It answers by similarity to demonstrations and knows nothing else.",
                fix="Set align.demonstrations to at least 1, or use another teacher.",
                fatal=True,
            )
        if shown.spans:
            return self._spans_reply(prompt)
        texts = [d.record.long_text if shown.long else d.record.text for d in shown.demonstrations]
        vectors = self._embedder.embed([shown.text, *texts])
        similarities = similarity(vectors[:1], vectors[1:])[0].astype(float)
        weights = np.exp((similarities - similarities.max()) / _TEMPERATURE)
        if prompt.sample:
            weights = weights * _resampled(len(weights), prompt)
        if shown.multiple:
            return self._answer_each(prompt, similarities, weights)
        cast: dict[str, list[float]] = {label: [] for label in shown.labels}
        for demo, weight in zip(shown.demonstrations, weights, strict=True):
            cast[demo.label].append(float(weight))
        # fsum: the order of the demonstrations must not move the last digit.
        votes = {label: math.fsum(weights) for label, weights in cast.items()}
        if shown.previous:  # deciding between its own answers: what it thought before still counts
            votes = self._with_previous(votes, shown.previous)
        share = _normalised({k: v + 0.5 / len(votes) for k, v in votes.items()})
        label = max(share, key=share.__getitem__)
        nearest = min(range(len(texts)), key=lambda i: (-similarities[i], shown.demonstrations[i].record.id))
        told = shown.demonstrations[nearest]
        rationale = (
            f"The most similar labelled text ({told.record.id}, cosine {similarities[nearest]:.2f}) is {told.label}; "
            f"weighted by similarity, {share[label]:.0%} of the {len(texts)} shown speak for {label}."
        )
        body = {"rationale": rationale, "label": label, "confidence": round(share[label], 4)}
        return Reply(json.dumps(body, ensure_ascii=False), label_probabilities=share, model=self.name)

    def _spans_reply(self, prompt: Prompt) -> Reply:
        drawn = _resampled(len(prompt.shown.demonstrations), prompt) if prompt.sample else None
        return Reply(json.dumps(self._spans.answer(prompt.shown, drawn), ensure_ascii=False), model=self.name)

    @staticmethod
    def _spans_payload(shown: Shown) -> dict[str, Any]:
        """What the messages do not say: where exactly spans stand, and the stated confidences unrounded."""
        return {
            "version": SPANS_VERSION,
            "shown": [[[s.start, s.end, s.label] for s in d.record.spans or ()] for d in shown.demonstrations],
            "previous": [
                [answer.ok, [[f.span.start, f.span.end, f.span.label, f.stated] for f in answer.spans]]
                for answer in shown.previous
            ],
            "focus": [label for label, _ in shown.focus],
        }

    def _by_descriptions(self, shown: Shown) -> Reply:
        """Zero-shot: by similarity to what each label is called and means."""
        meanings = [f"{label.replace('_', ' ')}: {text}" for label, text in shown.described]
        vectors = self._embedder.embed([shown.text, *meanings])
        similarities = similarity(vectors[:1], vectors[1:])[0].astype(float)
        weights = np.exp((similarities - similarities.max()) / _TEMPERATURE)
        share = _normalised({k: float(w) + 0.5 / len(weights) for k, w in zip(shown.labels, weights, strict=True)})
        label = max(share, key=share.__getitem__)
        rationale = (
            f"Of the labels' descriptions, that of {label} is the most similar (cosine {similarities.max():.2f}); "
            "no labelled text was shown."
        )
        body: dict[str, Any] = {"rationale": rationale, "label": label, "confidence": round(share[label], 4)}
        if shown.multiple:
            body = {"rationale": rationale, "labels": {name: round(chance, 4) for name, chance in share.items()}}
        return Reply(json.dumps(body, ensure_ascii=False), label_probabilities=share, model=self.name)

    def _answer_each(self, prompt: Prompt, similarities: Floats, weights: Floats) -> Reply:
        """Where several labels may apply: for each the share of the votes of those that carry it."""
        shown = prompt.shown
        chances = {}
        for label in shown.labels:
            carried = [d.record.labels is not None and label in d.record.labels for d in shown.demonstrations]
            # fsum: the order of the demonstrations must not move the last digit.
            votes = math.fsum(weights[carried])
            chance = (votes + 0.25) / (math.fsum(weights) + 0.5)
            earlier = [p[label] for a in shown.previous if label in (p := a.label_probabilities or {})]
            chances[label] = math.fsum([chance, *earlier]) / (1 + len(earlier))
        nearest = min(range(len(weights)), key=lambda i: (-similarities[i], shown.demonstrations[i].record.id))
        told = shown.demonstrations[nearest]
        rationale = (
            f"The most similar labelled text ({told.record.id}, cosine {similarities[nearest]:.2f}) is {told.label}; "
            f"each label has the weighted share of the {len(weights)} shown that carry it."
        )
        body = {"rationale": rationale, "labels": {label: round(chance, 4) for label, chance in chances.items()}}
        return Reply(json.dumps(body, ensure_ascii=False), label_probabilities=chances, model=self.name)

    @staticmethod
    def _with_previous(votes: dict[str, float], previous: tuple[Answer, ...]) -> dict[str, float]:
        mixed = _normalised(votes)
        for answer in previous:
            for label, probability in (answer.label_probabilities or {}).items():
                mixed[label] += probability
        return _normalised(mixed)

    @staticmethod
    def _explain(prompt: Prompt) -> str:
        if prompt.shown.spans and prompt.shown.human_label is not None:
            return explain_spans(prompt.shown.text, prompt.shown.human_label, prompt.shown.labels)
        words = Counter(word.lower() for word in _WORDS.findall(prompt.shown.text))
        common = ", ".join(word for word, _ in sorted(words.items(), key=lambda p: (-p[1], -len(p[0]), p[0]))[:5])
        return f"People labelled it {prompt.shown.human_label}; its most telling words are {common or 'none'}."


def _resampled(count: int, prompt: Prompt) -> "np.ndarray[tuple[int], np.dtype[np.int_]]":
    """How often each demonstration is drawn in a bootstrap sample, shape (count,): its way of answering anew."""
    if not count:
        return np.zeros(0, dtype=np.int_)
    drawn = random.Random(f"{prompt.sample} {prompt.shown.text}").choices(range(count), k=count)
    return np.bincount(drawn, minlength=count)


def _normalised(weights: dict[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()}
