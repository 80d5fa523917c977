"""Texts in which what a span is follows from its words: small enough to learn in a test."""

import random

from dualchecker.records import Example, Record, Span, TaughtSpan
from tiny import KITCHEN, SEA

SPAN_LABELS = ("boat", "food")
PARTS = {"boat": ("anchor", "sail", "mast"), "food": ("flour", "butter", "dough")}
OTHERS = [word for word in (*SEA, *KITCHEN) if all(word not in words for words in PARTS.values())]


def span_text(rng: random.Random) -> tuple[str, list[Span]]:
    """Filler words with stretches of boat and food words in between, each a span that its first word begins."""
    words: list[str] = rng.choices(OTHERS, k=rng.randint(1, 3))
    spans = []
    for label in rng.sample(SPAN_LABELS, k=rng.randint(0, 2)):
        start = len(" ".join(words)) + 1
        inner = " ".join([PARTS[label][0], *rng.choices(PARTS[label][1:], k=rng.randint(0, 2))])
        spans.append(Span(start, start + len(inner), label))
        words += [inner, *rng.choices(OTHERS, k=rng.randint(1, 3))]
    return " ".join(words), sorted(spans)


def span_examples(count: int = 120, seed: int = 0) -> list[Example]:
    rng = random.Random(seed)
    drawn = [span_text(rng) for _ in range(count)]
    return [
        Example(Record(str(number), text, spans=tuple(spans)), "", spans=tuple(TaughtSpan(span) for span in spans))
        for number, (text, spans) in enumerate(drawn)
    ]


def with_spans(text: str, *spans: Span, weight: float = 1.0) -> Example:
    return Example(Record(text[:20], text), "", weight, spans=tuple(TaughtSpan(span) for span in spans))
