"""The embedded Japanese corpus: what its datasheet promises."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from dualchecker.config import load_config
from dualchecker.data import find_leaks, load_dataset, read_rows
from dualchecker.data.corpora import corpus_path
from dualchecker.errors import DataError
from dualchecker.records import Span
from dualchecker.tasks import Classification
from dualchecker.tasks.extraction import Extraction

Row = dict[str, Any]
FOLDER = corpus_path("green-innovation-ja")
SIZES = {"gold": 32, "pool": 40, "test": 24}
SPLITS: dict[str, list[Row]] = {name: [row for _, row in read_rows(FOLDER / f"{name}.jsonl")] for name in SIZES}
ROWS = [row for rows in SPLITS.values() for row in rows]
SHEET = (FOLDER / "DATASHEET.md").read_text(encoding="utf-8")
PATHWAYS = {
    "energy efficiency and consumption",
    "renewable energy and emission cuts",
    "waste management and recycling",
    "product development and technical innovation",
}
KINDS = ("plain", "ambiguous", "hard_negative", "hard_positive")
GREEN_WORDS = re.compile(
    "グリーン|緑|エコ|環境|省エネ|節電|再生|太陽光|太陽電池|風力|風車|地熱|リサイクル|自然|生分解|炭素|CO2|ＣＯ２|温暖化"
    "|排出|排ガス|汚染|廃棄|堆肥|削減|電気自動車"
)
# What a span must not end in: particles, connectives, and the light verb behind its noun.
LOOSE_END = re.compile(r"([をがはにへでとものて]|こと|ため|により|(?<=[一-龯ァ-ヶー]{2})(する|した|できる))$")


def of(label: str, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["label"] == label]


def quotes(row: Row, label: str | None = None) -> list[str]:
    return [row["summary"][s["start"] : s["end"]] for s in row["spans"] if label in (None, s["label"])]


def counted(test: Callable[[Row], object]) -> int:
    return sum(bool(test(row)) for row in ROWS)


def test_both_corpora_are_known() -> None:
    with pytest.raises(DataError, match=r"Known are green-innovation, green-innovation-ja, word-problems\."):
        corpus_path("green-innovation-xx")
    assert corpus_path("green-innovation") != FOLDER


def test_size_ids_and_splits() -> None:
    assert {name: len(rows) for name, rows in SPLITS.items()} == SIZES
    assert sorted(row["id"] for row in ROWS) == [f"gj-{n:03d}" for n in range(1, 97)]
    assert len({row["summary"] for row in ROWS}) == len({row["field"] for row in ROWS}) == 96


@pytest.mark.parametrize("name", SIZES)
def test_splits_are_stratified(name: str) -> None:
    rows = SPLITS[name]
    assert len(of("green", rows)) == len(of("not_green", rows)) == len(rows) // 2
    for kind in KINDS:
        share, overall = (sum(row["difficulty"] == kind for row in some) / len(some) for some in (rows, ROWS))
        assert abs(share - overall) <= 0.05


def test_labels_difficulties_and_pathways_are_mixed_as_promised() -> None:
    kinds = Counter((row["label"], row["difficulty"]) for row in ROWS)
    assert kinds == {
        ("green", "plain"): 21,
        ("green", "ambiguous"): 13,
        ("green", "hard_positive"): 14,
        ("not_green", "plain"): 21,
        ("not_green", "ambiguous"): 13,
        ("not_green", "hard_negative"): 14,
    }
    assert Counter(row["pathway"] for row in of("green", ROWS)) == dict.fromkeys(PATHWAYS, 12)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_record_is_well_formed(row: Row) -> None:
    own = {"id", "field", "summary", "detail", "label", "difficulty", "spans"}
    assert set(row) == (own | {"pathway"} if row["label"] == "green" else own)
    texts = [value for key, value in row.items() if key != "spans"]
    assert all(isinstance(text, str) and text.strip() == text != "" for text in texts)
    assert all(unicodedata.normalize("NFC", text) == text for text in texts)
    assert 40 <= len(row["summary"]) <= 110
    assert 90 <= len(row["detail"]) <= 220
    assert row["detail"].endswith("。") and row["summary"].endswith("。")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_spans_lie_inside_the_summary_in_order_and_apart(row: Row) -> None:
    assert all(set(span) == {"label", "start", "end"} for span in row["spans"])
    assert {span["label"] for span in row["spans"]} in ({"cause"}, {"cause", "effect"})
    edges = [edge for span in row["spans"] for edge in (span["start"], span["end"])]
    assert edges == sorted(edges) and edges[0] >= 0 and edges[-1] <= len(row["summary"])
    assert all(span["start"] < span["end"] for span in row["spans"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_spans_begin_and_end_with_what_belongs_to_them(row: Row) -> None:
    for quote in quotes(row):
        assert not any(unicodedata.category(edge)[0] in "PZC" for edge in (quote[0], quote[-1])), quote
        assert not LOOSE_END.search(quote), quote
        assert "\n" not in quote and "。" not in quote
        assert row["summary"].count(quote) == 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_reply_that_quotes_the_spans_is_read_as_the_spans(row: Row) -> None:
    task = Extraction("?", {"cause": "", "effect": ""})
    spans = tuple(Span(span["start"], span["end"], span["label"]) for span in row["spans"])
    parsed = task.parse(f'{{"spans": {task.write(row["summary"], spans)}}}', row["summary"])
    assert tuple(found.span for found in parsed.spans) == tuple(sorted(spans))


def test_hard_records_are_hard() -> None:
    for row in ROWS:
        if row["difficulty"] == "hard_positive":
            assert not GREEN_WORDS.search(row["summary"]), row["id"]
        if row["difficulty"] == "hard_negative":
            assert GREEN_WORDS.search(row["summary"]), row["id"]


@pytest.mark.parametrize("name", ["summary", "detail"])
def test_no_phrase_is_used_twice(name: str) -> None:
    seen: dict[str, str] = {}
    for row in ROWS:
        for start in range(len(row[name]) - 11):
            run = row[name][start : start + 12]
            assert seen.setdefault(run, row["id"]) == row["id"], run


@pytest.mark.parametrize("name", ["summary", "detail"])
def test_no_label_is_given_away_by_its_length(name: str) -> None:
    means = [sum(len(row[name]) for row in of(label, ROWS)) / 48 for label in ("green", "not_green")]
    assert abs(means[0] - means[1]) < 2


def test_its_run_file_loads_it_without_a_warning() -> None:
    config = load_config(FOLDER / "run.yaml")
    dataset = load_dataset(config, Classification(config.task.question, config.task.labels))
    assert [len(dataset.gold), len(dataset.pool), len(dataset.test)] == list(SIZES.values())
    assert dataset.warnings == ()
    assert all(record.label and record.detail for record in (*dataset.gold, *dataset.pool, *dataset.test))
    assert find_leaks(dataset.gold, dataset.pool) == []
    assert (config.align.embedder, config.student.base) == ("ngrams", "ngrams")


def test_its_extraction_file_names_the_labels_of_the_spans() -> None:
    config = load_config(FOLDER / "extraction.yaml")
    assert config.task.kind == "extraction" and set(config.task.labels) == {"cause", "effect"}
    assert all(config.task.labels.values())
    assert {config.data.columns.text, config.data.columns.spans} <= set(ROWS[0])
    assert (config.align.embedder, config.student.kind, config.student.base) == ("ngrams", "linear", "ngrams")


def test_the_datasheet_counts_as_the_files_do() -> None:
    for name, rows in {**SPLITS, "all": ROWS}.items():
        kinds = [Counter(row["difficulty"] for row in rows)[kind] for kind in KINDS]
        spans = [sum(len(quotes(row, label)) for row in rows) for label in ("cause", "effect")]
        cells = [name, len(rows), len(of("green", rows)), *kinds, *spans]
        assert "| " + " | ".join(map(str, cells)) + " |" in SHEET


def test_the_datasheet_says_what_is_in_the_texts() -> None:
    prose = " ".join(SHEET.split())
    two_causes, two_effects, none, first = (
        counted(lambda row: len(quotes(row, "cause")) == 2),
        counted(lambda row: len(quotes(row, "effect")) == 2),
        counted(lambda row: not quotes(row, "effect")),
        counted(lambda row: row["spans"][0]["label"] == "effect"),
    )
    assert f"{two_causes} have two causes, {two_effects} two effects, {none} no effect; in {first} the" in prose
    script = [
        f"{counted(lambda row: re.search('[０-９]', row['summary']))} summaries have full-width digits",
        f"{counted(lambda row: re.search('[0-9]', row['summary']))} half-width ones",
        f"{counted(lambda row: re.search('[A-Za-zＡ-Ｚ]', row['summary']))} Latin letters",
        f"{counted(lambda row: '「' in row['summary'])} quotation brackets 「」",
        f"{counted(lambda row: chr(10) in row['summary'])} a line break",
        f"{counted(lambda row: max(map(ord, row['summary'])) > 0xFFFF)} a character outside the basic plane",
    ]
    assert ", ".join(script) in prose
    normalised = counted(lambda row: unicodedata.normalize("NFKC", row["summary"]) != row["summary"])
    assert f"NFKC would change {normalised} of them" in prose
    for label, word in (("cause", "Causes are"), ("effect", "effects")):
        sizes = [len(quote) for row in ROWS for quote in quotes(row, label)]
        assert f"{word} {min(sizes)}-{max(sizes)}" in prose
        assert f"(mean {sum(sizes) / len(sizes):.0f})" in prose
    for name in ("summary", "detail"):
        sizes = [len(row[name]) for row in ROWS]
        assert f"| `{name}` | {min(sizes)}-{max(sizes)} characters (mean {sum(sizes) / 96:.0f})" in SHEET
    covered = sum(len(quote) for row in ROWS for quote in quotes(row)) / sum(len(row["summary"]) for row in ROWS)
    assert f"spans cover {covered:.0%}".replace("%", " %") in prose


def test_the_datasheet_measures_surface_cues_as_they_are() -> None:
    def either(row: Row) -> str:
        return str(row["summary"] + row["detail"])

    cues: dict[str, Callable[[Row], object]] = {
        "a digit in the summary": lambda row: re.search(r"\d", row["summary"]),
        "a digit in the detail": lambda row: re.search(r"\d", row["detail"]),
        '"％" or "割" in the detail': lambda row: re.search("[％割]", row["detail"]),
        '"減" anywhere': lambda row: "減" in either(row),
        '"焼" or "燃" anywhere': lambda row: re.search("[焼燃]", either(row)),
        '"年間" or "1年" anywhere': lambda row: re.search("年間|1年", either(row)),
        '"人" in the detail': lambda row: "人" in row["detail"],
        "a green word in the summary (list in the tests)": lambda row: GREEN_WORDS.search(row["summary"]),
    }
    for name, cue in cues.items():
        green, other = (sum(bool(cue(row)) for row in of(label, ROWS)) / 0.48 for label in ("green", "not_green"))
        assert f"| {name} | {green:.1f} % | {other:.1f} % |" in SHEET


def test_the_files_are_plain_sorted_json_lines() -> None:
    for name, rows in SPLITS.items():
        text = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8")
        assert text == "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
