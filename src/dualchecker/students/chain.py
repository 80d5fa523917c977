"""Sequences of BIO tags: the likeliest legal one, and the probability of a span among all legal ones.

A student scores each token by itself. Only the sequences in which every ``I-`` continues a ``B-`` or ``I-`` of its
label are legal; among these the distribution is the product of the tokens' own, normalised: a linear-chain conditional
random field (Lafferty, McCallum, Pereira 2001) with no weights on transitions but legal or not. So forward and backward
sums need O(tags) a token rather than O(tags^2).

Scores are log-probabilities of tags, one array of shape (tokens, tags) a text, columns as in ``bio.tag_names``.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from dualchecker.students.bio import OUTSIDE, begin, inside

Array = npt.NDArray[np.float64]
Scores = Sequence[npt.NDArray[np.float64]]

_CELLS = 2**18  # (texts x tokens) that are worked on together
_FLOOR = -69.0  # log-probabilities below it are raised to it: keeps products of neighbours away from underflow


def best_tags(scores: Scores) -> list[npt.NDArray[np.intp]]:
    """The likeliest legal sequence of each text (Viterbi), shape (tokens,) each; of equals the first tag's."""
    result: list[npt.NDArray[np.intp]] = [np.zeros(0, dtype=np.intp)] * len(scores)
    for rows, batch, lengths in _batches(scores):
        for row, tags in zip(rows, _viterbi(batch, lengths), strict=True):
            result[row] = tags
    return result


def log_partition(scores: Scores) -> Array:
    """Log of the probability that tags drawn for each token by itself are legal, shape (texts,); 0 for no tokens."""
    result = np.zeros(len(scores))
    for rows, batch, _ in _batches(scores):
        result[rows] = _forward(np.exp(batch))[1].sum(axis=1)
    return result


def span_probabilities(scores: Scores, spans: Sequence[Sequence[tuple[int, int, int]]]) -> list[list[float]]:
    """Probability that exactly a span is there, over all legal sequences.

    Args:
        scores: Of the texts.
        spans: For each text (first token, last token, number of the label).

    Returns:
        A probability for each span, aligned with ``spans``.
    """
    result: list[list[float]] = [[] for _ in scores]
    for rows, batch, _ in _batches(scores):
        asked = [(place, *span) for place, row in enumerate(rows) for span in spans[row]]
        if asked:
            flat = iter(_exactly(batch, np.array(asked, dtype=np.intp)).tolist())
            for row in rows:
                result[row] = [next(flat) for _ in spans[row]]
    return result


def absence(scores: Scores, labels: int) -> Array:
    """Probability that a text has no span of a label, shape (texts, labels); 1 for a text without tokens."""
    result = np.ones((len(scores), labels))
    for rows, batch, _ in _batches(scores):
        chances = np.exp(batch)
        whole = _forward(chances)[1].sum(axis=1)
        for label in range(labels):
            without = chances.copy()
            without[:, :, [begin(label), inside(label)]] = 0
            result[rows, label] = np.exp(_forward(without)[1].sum(axis=1) - whole)
    return np.clip(result, 0, 1)


def _batches(scores: Scores) -> Iterator[tuple[list[int], Array, npt.NDArray[np.intp]]]:
    """Texts with tokens in batches of similar length: their numbers, scores (n, tokens, tags) padded with certain
    ``O``, and lengths."""
    order = sorted((row for row in range(len(scores)) if len(scores[row])), key=lambda row: len(scores[row]))
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end - start + 1) * len(scores[order[end]]) <= _CELLS:
            end += 1
        rows = order[start:end]
        batch = np.full((len(rows), len(scores[rows[-1]]), scores[rows[0]].shape[1]), -np.inf)
        batch[:, :, OUTSIDE] = 0
        for place, row in enumerate(rows):
            batch[place, : len(scores[row])] = np.maximum(scores[row], _FLOOR)
        yield rows, batch, np.array([len(scores[row]) for row in rows])
        start = end


def _viterbi(batch: Array, lengths: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    texts, steps, tags = batch.shape
    everyone, begins, insides = np.arange(texts), np.arange(1, tags, 2), np.arange(2, tags, 2)
    came_from = np.empty((steps, texts, tags), dtype=np.int32)
    best = batch[:, 0].copy()
    best[:, insides] = -np.inf
    for step in range(1, steps):
        likeliest = best.argmax(axis=1)
        came_from[step] = likeliest[:, None]
        arrived = np.repeat(best[everyone, likeliest][:, None], tags, axis=1)
        started, going_on = best[:, begins], best[:, insides]
        arrived[:, insides] = np.maximum(started, going_on)
        came_from[step][:, insides] = np.where(started >= going_on, begins, insides)
        best = arrived + batch[:, step]
    # Padding is certain to be O, which anything may precede: the path at a text's end is the best one there.
    path = np.empty((texts, steps), dtype=np.intp)
    path[:, -1] = best.argmax(axis=1)
    for step in range(steps - 1, 0, -1):
        path[:, step - 1] = came_from[step][everyone, path[:, step]]
    return [path[text, :length] for text, length in enumerate(lengths)]


def _forward(chances: Array) -> tuple[Array, Array]:
    """Forward sums, each step's scaled to 1, shape as ``chances``; and the logs of the scales, shape (n, tokens)."""
    texts, steps, _ = chances.shape
    sums, logs = np.empty_like(chances), np.zeros((texts, steps))
    now = chances[:, 0].copy()
    now[:, 2::2] = 0
    for step in range(steps):
        if step:
            before = now
            now = chances[:, step].copy()  # O and B- may follow anything, and the sums of before are 1
            now[:, 2::2] *= before[:, 1::2] + before[:, 2::2]
        scale = now.sum(axis=1, keepdims=True)
        now = now / scale
        sums[:, step], logs[:, step] = now, np.log(scale[:, 0])
    return sums, logs


def _ends(chances: Array, logs: Array) -> Array:
    """For each token the scaled backward sum of a sequence in which no span goes on behind it, shape (n, tokens)."""
    texts, steps, tags = chances.shape
    ends = np.ones((texts, steps))
    after = np.ones((texts, tags))  # backward sums of the step behind
    for step in range(steps - 1, 0, -1):
        weighted = chances[:, step] * after / np.exp(logs[:, step])[:, None]
        closed = weighted[:, OUTSIDE] + weighted[:, 1::2].sum(axis=1)
        ends[:, step - 1] = closed
        after = np.repeat(closed[:, None], tags, axis=1)
        after[:, 1::2] += weighted[:, 2::2]
        after[:, 2::2] += weighted[:, 2::2]
    return ends


def _exactly(batch: Array, asked: npt.NDArray[np.intp]) -> Array:
    """Probabilities of (text, first, last, label), shape (len(asked),)."""
    chances = np.exp(batch)
    sums, logs = _forward(chances)
    ends = _ends(chances, logs)
    text, first, last, label = asked.T
    # Log-probability to go on with a label up to a token: differences of these sums are those of stretches.
    # Padding has no chance to go on; no span reaches into it.
    going_on = np.cumsum(np.maximum(batch[:, :, 2::2], 2 * _FLOOR) - logs[:, :, None], axis=1)
    stretch = going_on[text, last, label] - going_on[text, first, label]
    result = sums[text, first, 1 + 2 * label] * np.exp(np.minimum(stretch, 700)) * ends[text, last]
    return np.asarray(np.clip(result, 0, 1))
