"""Training data of GLiNER: words, and spans that count in words.

``{"tokenized_text": ["Heavy", "rain", "fell"], "ner": [[0, 1, "cause"]]}``: the last word of a span is included, spans
may nest. A ``text`` beside them is ours (GLiNER passes over it): with it the words are found in the text, without it
they are put together with one blank between them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from dualchecker.data.spans.tokens import join, locate, tokenise, trims, words_of
from dualchecker.data.spans.written import Written
from dualchecker.errors import DataError
from dualchecker.records import Span


def is_gliner(row: Mapping[str, Any]) -> bool:
    """Whether a row has GLiNER's shape."""
    return isinstance(row.get("tokenized_text"), list) and "ner" in row


def read_gliner(row: Mapping[str, Any], where: str) -> tuple[str, list[Span]]:
    """Text and spans of a row, the spans in the order given.

    Raises:
        DataError: Words that are no strings or not those of the text, or a span that is not ``[first, last, label]``
            within them.
    """
    words, given = row["tokenized_text"], row.get("ner")
    if not all(isinstance(word, str) for word in words):
        raise DataError(f"{where}: tokenized_text holds something that is no string.", fix="Mend the row.")
    if isinstance(row.get("text"), str):
        text = row["text"]
        places = locate(text, words, where)
    else:
        text, places = join(words)
    if not isinstance(given, list):
        raise DataError(f"{where}: ner is no list.", fix='Write [[0, 1, "cause"]], or [] where there is no span.')
    spans = []
    for item in given:
        place = _words(item, len(words))
        if place is None:
            raise DataError(
                f"{where}: {str(item)[:80]} is no span of its {len(words)} words.",
                why="A span is [first word, last word, label], counted from 0, the last word included.",
                fix="Mend the row.",
            )
        first, last, label = place
        spans.append(Span(places[first][0], places[last][1], label))
    return text, spans


def _words(item: Any, count: int) -> tuple[int, int, str] | None:
    """First word, last word and label of a span; None where it is none."""
    if not isinstance(item, list | tuple) or len(item) != 3 or not item[2]:
        return None
    first, last, label = item
    if type(first) is not int or type(last) is not int or not 0 <= first <= last < count:
        return None
    return first, last, str(label)


def write_gliner(text: str, spans: Iterable[Span]) -> Written[dict[str, Any]]:
    """A text with its spans; the words are those of ``tokens.tokenise``.

    Blanks at the edges of spans cannot be expressed.
    """
    spans = sorted(set(spans))
    places = tokenise(text, spans)
    ner: list[list[Any]] = []
    left_out, trimmed = [], 0
    for span in spans:
        words = words_of(places, span)
        if words is None:
            left_out.append(span)
            continue
        trimmed += trims(places, words, span)
        ner.append([*words, span.label])
    value = {"text": text, "tokenized_text": [text[start:end] for start, end in places], "ner": ner}
    return Written(value, tuple(left_out), trimmed)
