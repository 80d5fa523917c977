"""BIO files, as for CoNLL: a word and its tag on each line, a blank line between texts.

Columns are separated by tabs where the file has any, else by blanks: the word is the first, the tag the last. Tags are
``O``, or ``B-``, ``I-`` (also ``M-``), ``E-`` / ``L-`` or ``S-`` / ``U-`` before the label, read leniently: IOB1, IOB2,
BIOES and BILOU all come out right. Written is IOB2. Comments begin with ``#``: ``# id = ...`` (or ``sent_id``) and
``# text = ...`` are understood; ``# text_json = "..."`` is ours for texts that do not fit a line. Without the text its
words are put together with one blank between them.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dualchecker.data.spans.tokens import join, locate, tokenise, trims, words_of
from dualchecker.data.spans.written import Written, flat
from dualchecker.errors import DataError
from dualchecker.records import Span

CONLL_ENDINGS = (".conll", ".bio", ".iob")
"""Endings of files in this format."""

_COMMENT = re.compile(r"#\s?(\w+) = ?(.*)", re.DOTALL)
_TAG = re.compile(r"O|([BIMELSU])-(.+)", re.DOTALL)


@dataclass
class _Block:
    """One text as it stands in the file."""

    line: int = 0
    words: list[str] = field(default_factory=list)
    tags: list[tuple[str, str]] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)


def read_conll(content: str, source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The texts of a file as rows with ``text``, ``spans`` and, where the file has it, ``id``; each with its line.

    Raises:
        DataError: A line has one column, a tag is none, or the words are not those of the text.
    """
    tabs = any("\t" in line for line in content.split("\n") if not _COMMENT.fullmatch(line))
    block = _Block()
    for number, raw in enumerate(content.split("\n"), 1):
        line = raw.removesuffix("\r")
        if not line.strip():
            yield from _row(block, source)
            block = _Block()
            continue
        comment = _COMMENT.fullmatch(line)
        columns = line.split("\t") if tabs else line.split()
        tag = _TAG.fullmatch(columns[-1].strip()) if len(columns) > 1 else None
        if line.startswith("#") and (comment or tag is None):
            if comment:
                block.about[comment[1]] = comment[2]
            block.line = block.line or number
            continue
        if columns[0] == "-DOCSTART-":
            continue
        if tag is None:
            what = f"the tag {columns[-1]!r}" if len(columns) > 1 else "one column"
            raise DataError(
                f"Line {number} of {source} has {what}.",
                why="A line holds a word and, in its last column, a tag such as O, B-cause or I-cause.",
                fix="Mend the line" + (", or put tabs everywhere: the file has some." if tabs else "."),
            )
        block.line = block.line or number
        block.words.append(columns[0])
        block.tags.append((tag[1] or "O", tag[2] or ""))
    yield from _row(block, source)


def _row(block: _Block, source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    where = f"{source}, line {block.line}"
    text = block.about.get("text")
    if "text_json" in block.about:
        text = _from_json(block.about["text_json"], where)
    if text is None and not block.words:
        return
    if text is None:
        text, places = join(block.words)
    else:
        places = locate(text, block.words, where)
    spans = [Span(places[a][0], places[b][1], label) for a, b, label in _runs(block.tags)]
    name = block.about.get("id", block.about.get("sent_id"))
    if "id_json" in block.about:
        name = _from_json(block.about["id_json"], where)
    row: dict[str, Any] = {} if name is None else {"id": name}
    yield (
        block.line,
        {**row, "text": text, "spans": [{"start": s.start, "end": s.end, "label": s.label} for s in spans]},
    )


def _from_json(value: str, where: str) -> str:
    try:
        text = json.loads(value)
    except (ValueError, RecursionError):
        text = None
    if not isinstance(text, str):
        raise DataError(f"{where}: the comment is no JSON string.", why=value[:80], fix="Mend it.")
    return text


def _runs(tags: Iterable[tuple[str, str]]) -> list[tuple[int, int, str]]:
    """First word, last word and label of each span. What a tag cannot continue it begins."""
    runs: list[tuple[int, int, str]] = []
    going: str | None = None
    for index, (mark, label) in enumerate(tags):
        if mark == "O":
            going = None
            continue
        if going == label and mark in "IMEL":
            runs[-1] = (runs[-1][0], index, label)
        else:
            runs.append((index, index, label))
        going = None if mark in "ELSU" else label
    return runs


def write_conll(name: str, text: str, spans: Iterable[Span]) -> Written[str]:
    """One text in IOB2, with its id and text as comments; ``read_conll`` gives all of it back to the letter.

    Of spans that overlap the longest is written. Blanks at the edges of spans cannot be.

    Raises:
        DataError: A label holds a tab or a line break.
    """
    kept, over = flat(spans)
    places = tokenise(text, kept)
    tags = ["O"] * len(places)
    left_out, trimmed = [span for span, _ in over], 0
    for span in kept:
        if not span.label.strip() or span.label != span.label.strip() or re.search(r"[\t\r\n]", span.label):
            raise DataError(f"The label {span.label!r} cannot be written as a tag.", fix="Choose another format.")
        words = words_of(places, span)
        if words is None:
            left_out.append(span)
            continue
        trimmed += trims(places, words, span)
        for index in range(words[0], words[1] + 1):
            tags[index] = f"{'B' if index == words[0] else 'I'}-{span.label}"
    lines = [_comment("id", name), _comment("text", text)]
    lines += [f"{text[start:end]}\t{tag}" for (start, end), tag in zip(places, tags, strict=True)]
    return Written("\n".join(lines) + "\n\n", tuple(left_out), trimmed)


def _comment(key: str, value: str) -> str:
    fits = value and value == value.strip() and not re.search(r"[\t\r\n]", value)
    return f"# {key} = {value}" if fits else f"# {key}_json = {json.dumps(value, ensure_ascii=True)}"
