"""A teacher that cannot be had: human spans, of which a share is shifted, dropped or invented. A stress test.

It is an oracle with noise, no language model. It serves to measure what checkers recover where the noise is known.
"""

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]

_WORDS = re.compile(r"\S+")
_FAR = 4
"""Words that an edge is shifted by, at most."""

_LONG = 12
"""Words of an invented span, at most."""


def noisy_spans(row: dict[str, Any], share: float, labels: Sequence[str], draw: random.Random) -> Rows:
    """The spans of a row as the noisy oracle quotes them.

    Each human span is hit with the probability ``share``. One in three hits shifts its edges, one drops it, one leaves
    it and invents another anywhere. The confidence is drawn blindly: it tells nothing.

    Args:
        row: ``text`` and ``spans``.
        share: Probability that a span is hit.
        labels: Of invented spans.
        draw: The noise.
    """
    text, words = row["text"], [match.span() for match in _WORDS.finditer(row["text"])]
    said = []
    for span in row["spans"]:
        start, end, label = span["start"], span["end"], span["label"]
        how = draw.choice(("shift", "drop", "invent")) if draw.random() < share else ""
        if how == "invent":
            first = draw.randrange(len(words))
            last = min(first + draw.randint(0, _LONG - 1), len(words) - 1)
            said.append((words[first][0], words[last][1], draw.choice(labels)))
        if how == "shift":
            start, end = _shifted(words, start, end, draw)
        if how != "drop":
            said.append((start, end, label))
    return [
        {"label": label, "quote": text[start:end], "start": start, "confidence": round(draw.uniform(0.6, 1.0), 2)}
        for start, end, label in sorted(said)
    ]


def _shifted(words: Sequence[tuple[int, int]], start: int, end: int, draw: random.Random) -> tuple[int, int]:
    first = next(i for i, (_, stop) in enumerate(words) if stop > start)
    last = next(i for i, (_, stop) in enumerate(words) if stop >= end)
    choices = [
        (i, j)
        for i in range(max(first - _FAR, 0), min(first + _FAR, len(words) - 1) + 1)
        for j in range(max(last - _FAR, i), min(last + _FAR, len(words) - 1) + 1)
        if (i, j) != (first, last)
    ]
    if not choices:
        return start, end
    i, j = draw.choice(choices)
    return words[i][0], words[j][1]


def record_answers(
    rows: Rows, folder: Path, *, share: float, labels: Sequence[str], seed: int, persistent: bool, rungs: Sequence[str]
) -> dict[str, str]:
    """Write one file of answers a rung, for a teacher of kind ``recorded``; paths by rung.

    Args:
        rows: Texts with human spans.
        folder: Where to.
        share: See ``noisy_spans``.
        labels: See ``noisy_spans``.
        seed: Of the noise.
        persistent: Every rung repeats the same mistakes; otherwise each makes its own.
        rungs: Those that answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for rung in rungs:
        path = folder / f"{rung}.jsonl"
        noise = "" if persistent else rung
        lines = [
            json.dumps(
                {
                    "id": row["id"],
                    "spans": noisy_spans(row, share, labels, random.Random(f"{seed} {row['id']} {noise}")),
                },
                ensure_ascii=False,
            )
            for row in rows
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        paths[rung] = str(path)
    return paths
