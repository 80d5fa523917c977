"""The embedded English corpus: what its datasheet promises."""

import json
import re
from collections import Counter
from itertools import combinations
from statistics import mean
from typing import Any

import pytest

from dualchecker.config import load_config
from dualchecker.data import find_leaks, load_dataset, read_rows
from dualchecker.data.corpora import corpus_path
from dualchecker.errors import DataError
from dualchecker.records import Span
from dualchecker.tasks import Classification
from dualchecker.tasks.extraction import Extraction

FOLDER = corpus_path("green-innovation")
SIZES = {"gold": 80, "pool": 200, "test": 120}
SPLITS: dict[str, list[dict[str, Any]]] = {
    name: [row for _, row in read_rows(FOLDER / f"{name}.jsonl")] for name in SIZES
}
ROWS = [row for rows in SPLITS.values() for row in rows]
GREEN = [row for row in ROWS if row["label"] == "green"]
PATHWAYS = {
    "energy efficiency and consumption",
    "renewable energy and emission cuts",
    "waste management and recycling",
    "product development and technical innovation",
}
KINDS = ("plain", "ambiguous", "hard_negative", "hard_positive")
GREEN_WORDS = re.compile(
    r"\b(green\w*|eco\w*|environment\w*|sustainab\w*|renewab\w*|solar|wind\s+(power|turbine|energy|farm)|recycl\w*"
    r"|emission\w*|carbon|co2|climate|pollut\w*|biodegrad\w*|compost\w*|energy[- ](sav|effic)\w*|waste\w*"
    r"|clean energy|natur\w*|bio-?based|reus\w*|reduc\w* energy|footprint\w*)\b",
    re.I,
)
WORD = re.compile(r"[\w'-]")
JOINS = re.compile(
    r"(and|but|or|yet|so|that|which|who|whose|thereby|thus|therefore|then|whereupon|to|of|because|since|thanks"
    r"|And|But|So|To|By)\b"
)
"""Words that join a cause and an effect; they belong to neither."""
HANGS = re.compile(r"\b(and|or|so that|which|that|because|the|a|an)$")


def share(rows: list[dict[str, Any]], **wanted: str) -> float:
    return sum(all(row.get(k) == v for k, v in wanted.items()) for row in rows) / len(rows)


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    words = re.findall(r"[\w'-]+", text.lower())
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


def test_an_unknown_corpus_is_told_with_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"no corpus 'green'\. Known are green-innovation"):
        corpus_path("green")


def test_size_and_splits() -> None:
    assert {name: len(rows) for name, rows in SPLITS.items()} == SIZES
    assert len(ROWS) >= 400
    assert len({row["id"] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("name", SIZES)
def test_splits_are_stratified(name: str) -> None:
    assert abs(share(SPLITS[name], label="green") - share(ROWS, label="green")) <= 0.05
    for difficulty in {row["difficulty"] for row in ROWS}:
        assert abs(share(SPLITS[name], difficulty=difficulty) - share(ROWS, difficulty=difficulty)) <= 0.05


def test_labels_and_difficulties_are_mixed_as_promised() -> None:
    assert {row["label"] for row in ROWS} == {"green", "not_green"}
    assert 0.45 <= share(ROWS, label="green") <= 0.55
    assert share(ROWS, difficulty="ambiguous") >= 0.2
    assert share(ROWS, difficulty="hard_negative") >= 0.1
    assert share(ROWS, difficulty="hard_positive") >= 0.1
    assert {row["difficulty"] for row in ROWS} == set(KINDS)
    ambiguous = [row for row in ROWS if row["difficulty"] == "ambiguous"]
    assert 0.4 <= share(ambiguous, label="green") <= 0.6


def test_pathways_are_spread() -> None:
    assert {row["pathway"] for row in GREEN} == PATHWAYS
    assert min(Counter(row["pathway"] for row in GREEN).values()) >= 0.15 * len(GREEN)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_record_is_well_formed(row: dict[str, Any]) -> None:
    own = {"id", "field", "summary", "detail", "label", "difficulty", "spans"}
    assert set(row) == (own | {"pathway"} if row["label"] == "green" else own)
    assert all(isinstance(row[key], str) and row[key].strip() == row[key] != "" for key in set(row) - {"spans"})
    assert 20 <= len(row["summary"].split()) <= 45
    assert 40 <= len(row["detail"].split()) <= 90


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_spans_are_in_order_apart_and_inside(row: dict[str, Any]) -> None:
    assert all(set(span) == {"label", "start", "end"} for span in row["spans"])
    assert {"cause"} <= {span["label"] for span in row["spans"]} <= {"cause", "effect"}
    assert row["spans"] == sorted(row["spans"], key=lambda span: span["start"])
    end = 0
    for span in row["spans"]:
        assert end <= span["start"] < span["end"] <= len(row["summary"])
        end = span["end"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_spans_keep_the_convention(row: dict[str, Any]) -> None:
    text = row["summary"]
    for span in row["spans"]:
        quote = text[span["start"] : span["end"]]
        assert quote[0].isalnum() and quote[-1].isalnum(), quote
        assert not WORD.match(text[: span["start"]][-1:]) and not WORD.match(text[span["end"] :][:1]), quote
        assert not JOINS.match(quote) and not HANGS.search(quote), quote
        assert not (span["label"] == "cause" and quote.startswith("by ")), quote
        assert quote != text.rstrip("."), quote


def test_spans_vary() -> None:
    counts = [Counter(span["label"] for span in row["spans"]) for row in ROWS]
    assert sum(count["cause"] > 1 for count in counts) >= 0.1 * len(ROWS)
    assert sum(count["effect"] > 1 for count in counts) >= 0.25 * len(ROWS)
    assert 0.03 * len(ROWS) <= sum(not count["effect"] for count in counts) <= 0.12 * len(ROWS)
    assert {row["label"] for row, count in zip(ROWS, counts, strict=True) if not count["effect"]} == {
        "green",
        "not_green",
    }


def test_hard_records_are_hard() -> None:
    for row in ROWS:
        if row["difficulty"] == "hard_positive":
            assert row["label"] == "green" and not GREEN_WORDS.search(row["summary"]), row["id"]
        if row["difficulty"] == "hard_negative":
            assert row["label"] == "not_green" and GREEN_WORDS.search(row["summary"]), row["id"]


@pytest.mark.parametrize("name", ["summary", "detail"])
def test_no_phrase_is_used_twice(name: str) -> None:
    seen: dict[tuple[str, ...], str] = {}
    for row in ROWS:
        for run in runs(row[name], 7):
            assert seen.setdefault(run, row["id"]) == row["id"], " ".join(run)


@pytest.mark.parametrize("name", ["summary", "detail"])
def test_no_two_texts_are_near_copies(name: str) -> None:
    grams = [(row["id"], runs(row[name], 3)) for row in ROWS]
    for (left, a), (right, b) in combinations(grams, 2):
        assert len(a & b) <= 0.25 * len(a | b), (left, right)


def test_no_label_is_given_away_by_its_length() -> None:
    for name in ("summary", "detail"):
        means = [
            sum(len(row[name].split()) for row in rows) / len(rows)
            for rows in (GREEN, [row for row in ROWS if row["label"] != "green"])
        ]
        assert abs(means[0] - means[1]) < 3


def test_its_run_file_loads_it_without_a_warning() -> None:
    config = load_config(FOLDER / "run.yaml")
    dataset = load_dataset(config, Classification(config.task.question, config.task.labels))
    assert [len(dataset.gold), len(dataset.pool), len(dataset.test)] == [80, 200, 120]
    assert dataset.warnings == ()
    assert all(record.label and record.detail for record in (*dataset.gold, *dataset.pool, *dataset.test))
    assert find_leaks(dataset.gold, dataset.pool) == []


def test_the_extraction_run_file_asks_for_these_spans() -> None:
    config = load_config(FOLDER / "extraction.yaml")
    columns = config.data.columns
    assert (columns.id, columns.text, columns.detail, columns.spans) == ("id", "summary", "detail", "spans")
    assert {name: len(read_rows(FOLDER / str(getattr(config.data, name)))) for name in SIZES} == SIZES
    assert (config.task.kind, config.student.kind, config.teacher.kind) == ("extraction", "tokens", "exemplar")
    task = Extraction(config.task.question, config.task.labels, config.task.occurs)
    assert set(task.names) == {span["label"] for row in ROWS for span in row["spans"]}
    assert task.needs("cause") and not task.needs("effect")


def test_quotes_lead_back_to_the_spans() -> None:
    task = Extraction("?", {"cause": "", "effect": ""})
    for row in ROWS:
        spans = [Span(span["start"], span["end"], span["label"]) for span in row["spans"]]
        parsed = task.parse(task.write(row["summary"], spans), row["summary"])
        assert [found.span for found in parsed.spans] == spans and not parsed.hallucinated, row["id"]


def test_the_datasheet_counts_spans_as_the_files_do() -> None:
    sheet = (FOLDER / "DATASHEET.md").read_text(encoding="utf-8")
    green = {"green": GREEN, "not green": [row for row in ROWS if row["label"] != "green"]}
    for name, rows in {**SPLITS, "all": ROWS, **green}.items():
        counts = [Counter(span["label"] for span in row["spans"]) for row in rows]
        cells = [
            name,
            sum(count["cause"] for count in counts),
            sum(count["effect"] for count in counts),
            sum(count["cause"] == count["effect"] == 1 for count in counts),
            sum(count["cause"] > 1 for count in counts),
            sum(count["effect"] > 1 for count in counts),
            sum(not count["effect"] for count in counts),
            sum(row["spans"][0]["label"] == "effect" for row in rows),
        ]
        assert "| " + " | ".join(map(str, cells)) + " |" in sheet, cells
    for label in ("cause", "effect"):
        lengths = [
            len(row["summary"][span["start"] : span["end"]].split())
            for row in ROWS
            for span in row["spans"]
            if span["label"] == label
        ]
        assert f"{label}s {min(lengths)} to {max(lengths)} words (mean {mean(lengths):.1f})" in sheet


def test_the_datasheet_counts_as_the_files_do() -> None:
    sheet = (FOLDER / "DATASHEET.md").read_text(encoding="utf-8")
    for name, rows in {**SPLITS, "all": ROWS}.items():
        kinds = [Counter(row["difficulty"] for row in rows)[kind] for kind in KINDS]
        cells = [name, len(rows), round(share(rows, label="green") * len(rows)), *kinds]
        assert "| " + " | ".join(map(str, cells)) + " |" in sheet


def test_the_files_are_plain_sorted_json_lines() -> None:
    for name, rows in SPLITS.items():
        text = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8")
        assert text == "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
