"""Spans in data files: how they may be written, what is refused, and what is remarked on."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dualchecker.config import build_config
from dualchecker.data import Dataset, build_fence, load_dataset, write_table
from dualchecker.errors import DataError
from dualchecker.records import Span
from dualchecker.tasks import Extraction

LABELS = {"cause": "Why it is.", "effect": "What comes of it."}
RAIN = {"start": 0, "end": 10, "label": "cause"}
WET = {"start": 25, "end": 35, "label": "effect"}
BOTH = (Span(0, 10, "cause"), Span(25, 35, "effect"))


def rows(spans: Sequence[Any], prefix: str = "g", count: int = 24) -> list[dict[str, Any]]:
    """Texts that all begin ``heavy rain made a street `` and go on ``really wet``."""
    texts = [f"heavy rain made a street really wet, {prefix} {i}" for i in range(count)]
    return [
        {"id": f"{prefix}{i}", "text": text, "spans": spans[i % len(spans)]} if spans else {"id": i, "text": text}
        for i, text in enumerate(texts)
    ]


def save(file: Path, part: Sequence[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")


def read(folder: Path, gold: str = "gold.jsonl", pool: Any = "pool.jsonl", **data: Any) -> Dataset:
    occurrence = data.pop("occurrence", {})
    raw = {
        "task": {"kind": "extraction", "question": "Which?", "labels": LABELS},
        "data": {"gold": gold, "pool": pool, **data},
    }
    config = build_config(raw, root=folder)
    return load_dataset(config, Extraction("Which?", LABELS, occurrence))


def load(folder: Path, gold: Sequence[dict[str, Any]], pool: Sequence[dict[str, Any]] = (), **data: Any) -> Dataset:
    save(folder / "gold.jsonl", gold)
    save(folder / "pool.jsonl", pool or rows([], "p", 3))
    return read(folder, **data)


def test_records_have_their_spans_once_in_order_and_what_a_teacher_would_reply(tmp_path: Path) -> None:
    data = load(tmp_path, rows([[WET, RAIN, WET], []]))
    assert data.gold[0].spans == BOTH and data.gold[1].spans == ()
    assert json.loads(data.gold[0].label or "") == [
        {"label": "cause", "quote": "heavy rain"},
        {"label": "effect", "quote": "really wet"},
    ]
    assert data.gold[1].label == "[]" and "spans" not in data.gold[0].meta
    assert data.pool[0].spans is None and data.pool[0].label is None
    assert any("12 spans are given twice" in warning for warning in data.warnings)


def test_labels_may_differ_in_case(tmp_path: Path) -> None:
    assert load(tmp_path, rows([[{**RAIN, "label": "Cause"}]])).gold[0].spans == BOTH[:1]


def test_csv_and_parquet_hold_spans_as_json(tmp_path: Path) -> None:
    with (tmp_path / "gold.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", "text", "spans"])
        writer.writeheader()
        writer.writerows(
            {**row, "spans": json.dumps(row["spans"]) if row["spans"] else ""} for row in rows([[RAIN], []])
        )
    write_table(tmp_path / "pool.parquet", rows([[RAIN, WET]], "p", 3))
    data = read(tmp_path, "gold.csv", "pool.parquet")
    assert [record.spans for record in data.gold[:2]] == [BOTH[:1], ()]  # people who wrote none found none
    assert data.pool[0].spans == BOTH


def test_an_empty_cell_of_the_pool_says_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, rows([[RAIN]]), rows(["", [RAIN]], "p", 2)).pool[0].spans is None


def test_conll_files_need_no_columns(tmp_path: Path) -> None:
    sentence = "# id = {}\nheavy\tB-cause\nrain\tI-cause\nfell\tO\n{}\tO\n\n"
    (tmp_path / "gold.conll").write_text("".join(sentence.format(i, i) for i in range(20)), encoding="utf-8")
    save(tmp_path / "pool.jsonl", [{"key": "a", "body": "snow fell"}])
    data = read(tmp_path, "gold.conll", columns={"id": "key", "text": "body"})
    assert data.gold[3].id == "3" and data.gold[3].text == "heavy rain fell 3" and data.gold[3].spans == BOTH[:1]
    assert data.pool[0].text == "snow fell"


def test_gliner_rows_are_known_by_their_shape(tmp_path: Path) -> None:
    gold = [{"tokenized_text": ["heavy", "rain", str(i)], "ner": [[0, 1, "cause"]]} for i in range(20)]
    (tmp_path / "gold.json").write_text(json.dumps(gold), encoding="utf-8")
    save(tmp_path / "pool.jsonl", rows([], "p", 2))
    data = read(tmp_path, "gold.json")
    assert data.gold[5].text == "heavy rain 5" and data.gold[5].spans == BOTH[:1] and data.gold[5].meta == {}


def test_a_label_studio_export_is_known_by_its_shape(tmp_path: Path) -> None:
    def task(number: int) -> dict[str, Any]:
        value = {"start": 0, "end": 10, "text": "heavy rain", "labels": ["cause"]}
        done = [{"result": [{"type": "labels", "value": value}]}] if number else []
        return {"id": number, "data": {"text": f"heavy rain {number}", "source": "x"}, "annotations": done}

    (tmp_path / "gold.json").write_text(json.dumps([task(i) for i in range(21)]), encoding="utf-8")
    (tmp_path / "pool.json").write_text(json.dumps([{**task(i), "id": 100 + i} for i in range(2)]), encoding="utf-8")
    data = read(tmp_path, "gold.json", "pool.json")
    assert len(data.gold) == 20 and data.gold[0].id == "1" and data.gold[0].spans == BOTH[:1]
    assert data.gold[0].meta == {"source": "x"}
    assert [record.spans for record in data.pool] == [None, BOTH[:1]]
    assert any("1 tasks that nobody has annotated are left out" in warning for warning in data.warnings)


def test_inline_tags_where_the_run_file_says_so(tmp_path: Path) -> None:
    gold = [{"id": i, "text": f"<cause>heavy rain</cause> &lt; {i}" if i else "nothing"} for i in range(20)]
    data = load(tmp_path, gold, [{"id": "p", "text": "a < b"}], columns={"spans": "inline"})
    assert data.gold[0].spans == () and data.gold[1].spans == BOTH[:1] and data.gold[1].text == "heavy rain < 1"
    assert data.pool[0].text == "a < b" and data.pool[0].spans is None  # no tag in the file: nobody has looked


def test_characters_that_records_do_not_keep_move_no_span(tmp_path: Path) -> None:
    gold = [{"id": i, "text": f"\x00a\x00b heavy\x00 rain {i}", "spans": [[5, 16, "cause"]]} for i in range(20)]
    record = load(tmp_path, gold).gold[0]
    assert record.spans is not None and [record.text[s.start : s.end] for s in record.spans] == ["heavy rain"]


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([{**RAIN, "end": 999}], "not inside the text"),
        ([{**RAIN, "start": 10}], "is empty"),
        ([{**RAIN, "start": 11}], "ends before it starts"),
        ([{**RAIN, "start": "0"}], "no whole number"),
        ([{**RAIN, "label": "reason"}], "'reason', which the task does not know"),
        ([{"start": 0, "end": 10}], "has no label"),
        ([{"start": 10, "end": 11, "label": "cause"}], "nothing but blanks"),
        ([{"label": "cause", "quote": "snow in July"}], "not in the text"),
    ],
)
@pytest.mark.parametrize("role", ["gold", "test"])
def test_bad_spans_are_refused_with_the_record(tmp_path: Path, role: str, spans: Any, said: str) -> None:
    good = rows([[RAIN, WET]])
    bad = [*rows([[RAIN]], "t", 2), {**rows([[]], "t", 3)[2], "spans": spans}]
    save(tmp_path / "test.jsonl", rows([[RAIN]], "u", 2) if role == "gold" else bad)
    with pytest.raises(DataError, match=said) as error:
        load(tmp_path, [*good, *bad] if role == "gold" else good, test="test.jsonl")
    assert f"{role} (" in error.value.what and "'t2'" in error.value.what and error.value.fix


@pytest.mark.parametrize(
    ("gold", "said"),
    [
        (rows([]), r"gold \(gold.jsonl\) has no spans"),
        (rows([[RAIN], None]), "Row 2 of gold .* has no spans .12 rows"),
        (rows([[]]), "None of the 24 gold records has a span"),
    ],
)
def test_gold_must_have_spans(tmp_path: Path, gold: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        load(tmp_path, gold)


def test_a_wrong_text_column_is_what_is_complained_about(tmp_path: Path) -> None:
    for spans in ("spans", "inline"):
        with pytest.raises(DataError, match="has no column 'body', which should hold the text"):
            load(tmp_path, rows([[RAIN]]), columns={"text": "body", "spans": spans})


def test_empty_texts_are_dropped_from_gold_and_fail_in_the_pool(tmp_path: Path) -> None:
    empty = {"id": "e", "text": None, "spans": [RAIN]}
    data = load(tmp_path, [*rows([[RAIN, WET]]), empty, {"id": "f", "text": ""}], [empty, *rows([[RAIN]], "p", 1)])
    assert len(data.gold) == 24 and data.pool[0].text == "" and data.pool[0].spans is None
    assert [w.split(":")[1] for w in data.warnings] == [
        " 2 rows with an empty text were dropped (first",
        " 1 rows with an empty text count as failed (first",
    ]


def test_gold_without_a_tag_is_not_gold(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no spans") as error:
        load(tmp_path, rows([]), columns={"spans": "inline"})
    assert error.value.why == "No text has a tag."


def test_unknown_labels_of_the_pool_are_left_out_with_a_warning(tmp_path: Path) -> None:
    data = load(tmp_path, rows([[RAIN, WET]]), rows([[RAIN, {**WET, "label": "signal"}]], "p", 3))
    assert data.pool[0].spans == BOTH[:1] and '"cause"' in (data.pool[0].label or "")
    assert any("pool: 3 spans have labels" in warning and "'signal'" in warning for warning in data.warnings)


def test_overlaps_are_kept_and_counted_by_pair(tmp_path: Path) -> None:
    inner = {"start": 6, "end": 10, "label": "effect"}
    data = load(tmp_path, rows([[RAIN, inner], [RAIN]]))
    assert data.gold[0].spans == (BOTH[0], Span(6, 10, "effect"))
    assert any("12 of 36 spans overlap another" in w and "effect with cause: 12" in w for w in data.warnings)


def test_what_is_odd_is_remarked_on(tmp_path: Path) -> None:
    edge = {"start": 0, "end": 11, "label": "cause"}
    gold = rows([[edge, {"start": 16, "end": 17, "label": "cause"}], [RAIN], []], count=18)
    data = load(tmp_path, gold, occurrence={"cause": "exactly_one"})
    for said in (
        "6 spans begin or end with a blank",
        "no span of 'effect'",
        "6 of 18 records have more than one span of 'cause'",
        "6 of 18 records have no span of 'cause'",
        "gold has only 18 records",
    ):
        assert any(said in warning for warning in data.warnings), said


def test_no_remark_where_nothing_is_odd(tmp_path: Path) -> None:
    assert load(tmp_path, rows([[RAIN, WET]]), occurrence={"cause": "exactly_one"}).warnings == ()


def test_fractions_and_the_fence_draw_by_the_set_of_labels(tmp_path: Path) -> None:
    save(tmp_path / "gold.jsonl", rows([[RAIN], [RAIN, WET], [], []], count=80))
    data = read(tmp_path, pool=0.5, test=0.25)

    def shares(records: Sequence[Any]) -> list[int]:
        sets = [{span.label for span in record.spans} for record in records]
        return [sum(found == wanted for found in sets) for wanted in ({"cause"}, {"cause", "effect"}, set())]

    assert shares(data.gold) == [5, 5, 10] and shares(data.pool) == [10, 10, 20] and shares(data.test) == [5, 5, 10]
    fence = build_fence(data.gold, "cross_fit", 8, seed=1)
    assert shares(fence.calibration) == [2, 2, 4]


def test_twins_with_other_spans_are_remarked_on_but_not_those_with_the_same_words(tmp_path: Path) -> None:
    gold = rows([[RAIN, WET]])
    gold += [
        {
            "id": "same",
            "text": f"HEAVY  rain{gold[0]['text'][10:]}",
            "spans": [{**RAIN, "end": 11}, [26, 36, "effect"]],
        },
        {"id": "other", "text": gold[1]["text"], "spans": [RAIN]},
    ]
    assert load(tmp_path, gold).warnings == (
        "1 gold texts occur twice with different spans (first: 'other', 'g1'): one of each is wrong.",
    )
