"""How the embedded teacher marks spans: it carries those of its demonstrations over. It is no language model.

A word of the text is compared with every word of the demonstrations, each with its neighbours: by the vectors of a
transformer where the embedder is one, by their characters otherwise. What the alike words are (inside a span, its
first, its last) is what this one is likely to be; of all stretches of the text, those that score best together are the
answer. So it copies boundaries such as those beside "because" or 「により」, and understands nothing.
"""

import json
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.embedding import CachedEmbedder, Embedder, similarity
from dualchecker.embedding.token_vectors import token_vectors
from dualchecker.embedding.transformer import TransformerEmbedder
from dualchecker.prompts import Shown
from dualchecker.records import Answer, Demonstration, Span
from dualchecker.teachers.word_likeness import Floats, Words, tag_weights, words_of

VERSION = 1
"""Enters the request key of prompts for spans: raise it whenever these answers change."""

# Chosen on 300 sentences of causal-news (spans_train) with five demonstrations each, and checked on 300 others.
_DEPTH = 2 / 3
"""How far up the layer is whose vectors are compared: the last is about the sentence as a whole."""
_INSIDE = 0.1
"""Weight of a word's log-odds of being inside, beside the logarithms of the two boundaries."""
_LENGTH = 0.25
_ON_PUNCTUATION = 3.0
_OVERLAP = 3.0
"""Cost of an overlap such as the demonstrations do not have."""
_SHRINK = 0.02
_PRESENCE = 0.06
"""Temperature with which the demonstrations vote whether there is a span at all, as they do for labels."""
_BEAM, _CANDIDATES = 12, 300
_KEPT = 1024
"""Texts whose vectors are remembered: demonstrations come again and again."""

_Candidates = tuple[npt.NDArray[np.int_], npt.NDArray[np.int_], Floats]
"""First words, last words and scores of stretches of a text, the best first."""

_CLAUSE_END = re.compile(r"(?<=[.!?;:,])\s+|(?<=[。！？；、，])")


class SpanExemplars:
    """Marks spans as the demonstrations have them.

    Args:
        embedder: Similarity of texts, and of words where it is a transformer.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        inner = embedder.inner if isinstance(embedder, CachedEmbedder) else embedder
        self._encoder = inner if isinstance(inner, TransformerEmbedder) else None
        self._remembered: OrderedDict[str, Words] = OrderedDict()

    def answer(self, shown: Shown, drawn: npt.NDArray[Any] | None = None) -> dict[str, Any]:
        """The fields of a reply to a prompt for spans.

        Args:
            shown: What the prompt shows.
            drawn: How often each demonstration counts, shape (demonstrations,); once each by default.
        """
        if not shown.demonstrations:
            return self._by_descriptions(shown)
        times = np.ones(len(shown.demonstrations)) if drawn is None else np.asarray(drawn, dtype=float)
        # In the order of their ids: sums must not depend on the order in which the prompt shows them.
        order = sorted(range(len(times)), key=lambda i: (shown.demonstrations[i].record.id, i))
        demos, times = [shown.demonstrations[i] for i in order], times[order]
        vectors = self._embedder.embed([shown.text, *(demo.record.text for demo in demos)])
        near = similarity(vectors[:1], vectors[1:])[0].astype(float)
        text = self._words(shown.text)
        spans = self._chosen(shown, demos, times, near, text) if len(text) else []
        told = demos[max(range(len(demos)), key=lambda i: (near[i], -i))].record.id
        rationale = (
            f"Not a language model: words count as inside a span, or as its ends, where they and their neighbours are "
            f"like such words in the {len(demos)} shown texts; of these, {told} is the most similar as a whole."
        )
        said = [
            {"label": span.label, "quote": shown.text[span.start : span.end], "confidence": round(sure, 4)}
            for span, sure in sorted(spans)
        ]
        return {"rationale": rationale, "spans": said}

    def _chosen(
        self, shown: Shown, demos: Sequence[Demonstration], times: Floats, near: Floats, text: Words
    ) -> list[tuple[Span, float]]:
        """The spans that score best together, each with its confidence."""
        shares = self._shares(shown, demos, times, text)
        votes = times * np.exp((near - near.max()) / _PRESENCE)
        asked = {label for label, _ in shown.focus}
        overlapping = {pair for demo in demos for pair in _overlaps(demo.record.spans or ())}
        beam: list[tuple[float, tuple[tuple[int, int, str], ...]]] = [(0.0, ())]
        candidates: dict[str, _Candidates] = {}
        for label in shown.labels:
            counts = np.array([sum(span.label == label for span in demo.record.spans or ()) for demo in demos])
            earlier = [sum(one.span.label == label for one in answer.spans) for answer in shown.previous if answer.ok]
            wanted = _median(counts, votes, earlier)
            if label in asked and counts.any():
                wanted = max(wanted, 1)
            if not wanted:
                continue
            candidates[label] = _candidates(text, shares[label], _typical_length(demos, label))
            for _ in range(wanted):
                beam = _extended(beam, label, candidates[label], overlapping)
        return [
            (Span(text.places[first][0], text.places[last][1], label), _sureness(first, last, candidates[label]))
            for first, last, label in beam[0][1]
        ]

    def _shares(self, shown: Shown, demos: Sequence[Demonstration], times: Floats, text: Words) -> dict[str, Floats]:
        """How likely each word is inside, first and last in a span of each label: shape (3, words) by label."""
        told = [self._words(demo.record.text) for demo in demos]
        middle = np.concatenate([text.vectors, *(words.vectors for words in told)]).mean(axis=0)
        votes = {label: np.zeros((3, len(text))) for label in shown.labels}
        usual = {label: np.zeros(3) for label in shown.labels}
        total, words_shown = np.zeros((3, len(text))), 0.0
        for demo, words, count in zip(demos, told, times, strict=True):
            if not count or not len(words):
                continue
            words_shown += count * len(words)
            tags = {label: words.tags(demo.record.spans or (), label) for label in shown.labels}
            for kind, weights in enumerate(tag_weights(text, words, middle)):
                total[kind] += count * weights.sum(axis=1)
                for label in shown.labels:
                    votes[label][kind] += count * (weights @ tags[label][kind])
            for label in shown.labels:
                usual[label] += count * tags[label].sum(axis=1)
        # A word like none of those shown is what words usually are.
        even = _SHRINK * total.mean(axis=1, keepdims=True) + 1e-12
        shares = {
            label: (votes[label] + even * usual[label][:, None] / max(words_shown, 1.0)) / (total + even)
            for label in shown.labels
        }
        return {label: _with_previous(share, shown.previous, label, text) for label, share in shares.items()}

    def _by_descriptions(self, shown: Shown) -> dict[str, Any]:
        """Zero-shot: for each label the clause that is most like its description, no clause twice."""
        clauses = [(s, e) for s, e in _clauses(shown.text) if any(c.isalnum() for c in shown.text[s:e])]
        said: list[dict[str, Any]] = []
        if clauses:
            meanings = [f"{label.replace('_', ' ')}: {text}" for label, text in shown.described]
            vectors = self._embedder.embed([*(shown.text[s:e] for s, e in clauses), *meanings])
            near = similarity(vectors[: len(clauses)], vectors[len(clauses) :]).astype(float)
            weights = np.exp((near - near.max(axis=0)) / _PRESENCE)
            share = (weights + 0.5 / len(clauses)) / (weights.sum(axis=0) + 0.5)
            free = set(range(len(clauses)))
            for column in np.argsort(-near.max(axis=0), kind="stable").tolist():
                if not free:
                    break
                best = max(sorted(free), key=lambda i: float(near[i, column]))
                free.discard(best)
                start, end = clauses[best]
                sure = round(float(share[best, column]), 4)
                said.append({"label": shown.labels[column], "quote": shown.text[start:end], "confidence": sure})
        return {
            "rationale": "Not a language model: of the text's clauses, those most like the labels' descriptions; "
            "no labelled text was shown.",
            "spans": said,
        }

    def _words(self, text: str) -> Words:
        if text in self._remembered:
            self._remembered.move_to_end(text)
            return self._remembered[text]
        places = words_of(text)
        words = Words(
            tuple(places),
            tuple(unicodedata.normalize("NFKC", text[start:end]).casefold() for start, end in places),
            self._vectors(text, places),
            np.array([not any(c.isalnum() for c in text[start:end]) for start, end in places], dtype=bool),
        )
        self._remembered[text] = words
        if len(self._remembered) > _KEPT:
            self._remembered.popitem(last=False)
        return words

    def _vectors(self, text: str, places: Sequence[tuple[int, int]]) -> npt.NDArray[np.float32]:
        """A vector a word, the mean of those of its tokens; without columns where the embedder has none."""
        if self._encoder is None:
            return np.zeros((len(places), 0), dtype=np.float32)
        # One text at a time: padding beside others would move the last digits.
        [(tokens, vectors)] = token_vectors(self._encoder, [text], _DEPTH)
        offsets = np.array(tokens, dtype=np.int64).reshape(-1, 2)
        found = np.zeros((len(places), vectors.shape[1]), dtype=np.float32)
        for row, (start, end) in enumerate(places):
            own = (offsets[:, 0] < end) & (offsets[:, 1] > start)
            if own.any():
                found[row] = vectors[own].mean(axis=0)
        return found


def _with_previous(share: Floats, previous: Sequence[Answer], label: str, text: Words) -> Floats:
    """Deciding between its own answers: what it thought before still counts, each answer like a look at the text."""
    usable = [answer for answer in previous if answer.ok]
    for answer in usable:
        sure = [1.0 if one.stated is None else one.stated for one in answer.spans]
        for one, stated in zip(answer.spans, sure, strict=True):
            share = share + stated * text.tags([one.span], label)
    return share / (1 + len(usable))


def _median(counts: npt.NDArray[Any], votes: Floats, earlier: Sequence[int]) -> int:
    """The largest number that more than half of the votes reach; an earlier answer votes like all demonstrations."""
    total = votes.sum()
    for number in range(int(max([*counts, *earlier, 0])), 0, -1):
        own = votes[counts >= number].sum() / total
        if (own + sum(one >= number for one in earlier)) / (1 + len(earlier)) > 0.5:
            return number
    return 0


def _typical_length(demos: Sequence[Demonstration], label: str) -> tuple[float, int]:
    """Mean logarithm of the length of the label's spans, in words, and the greatest length."""
    lengths = [
        max(len(words_of(demo.record.text[span.start : span.end])), 1)
        for demo in demos
        for span in demo.record.spans or ()
        if span.label == label
    ]
    return (float(np.log(lengths).mean()), max(lengths)) if lengths else (np.log(8.0), 16)


def _candidates(text: Words, shares: Floats, length: tuple[float, int]) -> _Candidates:
    """The best stretches for a label."""
    count = len(text)
    inside, first, last = np.clip(shares, 1e-4, 1 - 1e-4)
    gain = np.concatenate([[0.0], np.cumsum(np.log(inside / (1 - inside)) + 0.5)])
    ends_here = np.where(text.marks, _ON_PUNCTUATION, 0.0)
    starts, scores, ends = [], [], []
    for size in range(1, min(count, max(4 * length[1], 64)) + 1):
        head, tail = np.arange(count - size + 1), np.arange(size - 1, count)
        score = _INSIDE * (gain[tail + 1] - gain[head]) + np.log(first[head]) + np.log(last[tail])
        score = score - ends_here[head] - ends_here[tail] - _LENGTH * (np.log(size) - length[0]) ** 2
        starts.append(head)
        ends.append(tail)
        scores.append(score)
    score = np.concatenate(scores)
    best = np.argsort(-score, kind="stable")[:_CANDIDATES]
    return np.concatenate(starts)[best], np.concatenate(ends)[best], score[best]


def _sureness(first: int, last: int, candidates: _Candidates) -> float:
    """How much of a span is expected to be right: its overlap with all candidates, by what their scores make likely.

    Measured on causal-news it tells right spans from wrong ones better (AUC .73) than the mean share of the span's
    words (.65) or the candidate's own likelihood (.71).
    """
    starts, ends, scores = candidates
    likely = np.exp(scores - scores.max())
    shared = np.minimum(ends, last) - np.maximum(starts, first) + 1
    both = np.maximum(ends, last) - np.minimum(starts, first) + 1
    return float((likely * np.maximum(shared, 0) / both).sum() / likely.sum())


def _extended(
    beam: list[tuple[float, tuple[tuple[int, int, str], ...]]],
    label: str,
    candidates: _Candidates,
    overlapping: set[frozenset[str]],
) -> list[tuple[float, tuple[tuple[int, int, str], ...]]]:
    """Every choice so far with one more span of the label; the best of them."""
    starts, ends, scores = candidates
    new = []
    for score, chosen in beam:
        total = scores + score
        for first, last, other in chosen:
            both = (starts <= last) & (ends >= first)
            # Two spans of one label that overlap would be one; other overlaps are unlikely if none was shown.
            total = total - both * (
                1e6 if other == label else _OVERLAP * (frozenset((label, other)) not in overlapping)
            )
        for i in np.argsort(-total, kind="stable")[:_BEAM].tolist():
            if total[i] > -1e5:
                new.append((float(total[i]), (*chosen, (int(starts[i]), int(ends[i]), label))))
    return sorted(new, key=lambda one: (-one[0], one[1]))[:_BEAM] or beam


def _overlaps(spans: Sequence[Span]) -> set[frozenset[str]]:
    return {
        frozenset((left.label, right.label))
        for i, left in enumerate(spans)
        for right in spans[i + 1 :]
        if left.start < right.end and right.start < left.end
    }


def explain_spans(text: str, human_label: str, labels: Sequence[str]) -> str:
    """A reason for human spans: the words they stand between, which is all that this teacher goes by."""
    told = []
    for span in json.loads(human_label):
        start = text.find(span["quote"])
        if start < 0:
            continue
        end = start + len(span["quote"])
        before, after = words_of(text[:start])[-2:], words_of(text[end:])[:2]
        left = f'behind "{text[before[0][0] : before[-1][1]]}"' if before else "at the beginning"
        right = f'before "{text[end + after[0][0] : end + after[-1][1]]}"' if after else "at the end"
        told.append(f"the {span['label']} stands {left} and {right}")
    missing = [label for label in labels if not any(span["label"] == label for span in json.loads(human_label))]
    told += [f"there is no {label}" for label in missing]
    return f"As people marked it, {'; '.join(told)}." if told else "People marked nothing in it."


def _clauses(text: str) -> list[tuple[int, int]]:
    """Offsets of the clauses of a text, without blanks and marks at their ends."""
    found, start = [], 0
    for end, following in [*((m.start(), m.end()) for m in _CLAUSE_END.finditer(text)), (len(text), len(text))]:
        piece = text[start:end]
        kept = piece.rstrip().rstrip(".!?;:,。！？；、，").rstrip()
        lead = len(piece) - len(piece.lstrip())
        if len(kept) > lead:
            found.append((start + lead, start + len(kept)))
        start = following
    return found
