"""Teachers that only repeat: answers in a file, and whole ledgers."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from dualchecker.asking import Asker
from dualchecker.config import LimitsConfig
from dualchecker.errors import DataError, LedgerError, RequestFailed
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt, Rung, Shown
from dualchecker.records import Reply
from dualchecker.tasks import Classification, Extraction
from dualchecker.teachers import LedgerTeacher, OpenAITeacher, RecordedTeacher
from servers import Call, LoopbackServer, Step, error, say, verdict

MakePrompts = Callable[..., list[Prompt]]


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


async def ask(teacher: RecordedTeacher | LedgerTeacher, prompt: Prompt) -> Reply:
    return await teacher.ask(prompt, teacher.payload(prompt))


FULL = {
    "id": "r0",
    "label": "green",
    "confidence": 0.83,
    "label_probabilities": {"green": 0.8, "not_green": 0.2},
    "rationale": "Es spart Wärme.",
}


# Answers in a file


async def test_all_fields_of_an_answer_arrive(tmp_path: Path, make_prompts: MakePrompts, task: Classification) -> None:
    teacher = RecordedTeacher(write(tmp_path / "a.jsonl", FULL), name="gpt-x")
    reply = await ask(teacher, make_prompts(1)[0])
    parsed = task.parse(reply.text)
    assert (parsed.label, parsed.stated, parsed.rationale) == ("green", 0.83, "Es spart Wärme.")
    assert parsed.notes == () and parsed.outcome == "ok"
    assert reply.label_probabilities == {"green": 0.8, "not_green": 0.2}
    assert (teacher.name, reply.model) == ("gpt-x", "gpt-x")
    assert teacher.rungs == {"brief"}, "one file answers one rung, and explains nothing"
    assert (teacher.cost(reply), teacher.estimate(make_prompts(1)[0])) == (0, 0)


async def test_all_but_the_id_may_be_missing(tmp_path: Path, make_prompts: MakePrompts, task: Classification) -> None:
    rows = [{"id": "r0", "label": "green"}, {"id": "r1"}]
    teacher = RecordedTeacher(write(tmp_path / "a.jsonl", *rows))
    labelled, empty = [await ask(teacher, prompt) for prompt in make_prompts(2)]
    parsed = task.parse(labelled.text)
    assert (parsed.label, parsed.stated, parsed.notes) == ("green", None, ("confidence_absent",))
    assert labelled.label_probabilities is None
    assert task.parse(empty.text).outcome == "empty"


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ({"label": None}, "empty"),
        ({"label": ""}, "empty"),
        ({"label": None, "reply": "I would rather not say."}, "unparsed"),
        ({"label": None, "reply": '{"label": "purple"}'}, "label_outside_set"),
        ({"label": "purple"}, "label_outside_set"),
        ({"label": ["green", "not_green"]}, "label_ambiguous"),
        ({"label": None, "reply": '{"label": "green"}'}, "ok"),
    ],
)
async def test_a_useless_answer_gets_the_name_that_the_task_gives_it(
    tmp_path: Path, make_prompts: MakePrompts, task: Classification, row: dict[str, Any], outcome: str
) -> None:
    teacher = RecordedTeacher(write(tmp_path / "a.jsonl", {"id": "r0", **row}))
    parsed = task.parse((await ask(teacher, make_prompts(1)[0])).text)
    assert parsed.outcome == outcome
    assert (parsed.label is not None) == (outcome == "ok")


async def test_a_record_without_an_answer_is_not_recorded(
    tmp_path: Path, make_prompts: MakePrompts, explain_prompt: Prompt
) -> None:
    teacher = RecordedTeacher(write(tmp_path / "a.jsonl", FULL, {"id": "e1", "label": "green"}))
    for prompt, named in (
        (make_prompts(1, first=5)[0], "'r5' at the rung brief"),
        (make_prompts(1, rung=Rung("detail", long=True))[0], "'r0' at the rung detail"),
        (explain_prompt, "'e1' at the rung explain"),
    ):
        with pytest.raises(RequestFailed, match=named) as caught:
            await ask(teacher, prompt)
        assert (caught.value.kind, caught.value.retryable, caught.value.fatal) == ("not_recorded", False, False)


async def test_a_file_for_each_rung(tmp_path: Path, make_prompts: MakePrompts, task: Classification) -> None:
    brief = write(tmp_path / "brief.jsonl", {"id": "r0", "label": "green"})
    wide = write(tmp_path / "wide.jsonl", {"id": "r0", "label": "not_green"})
    teacher = RecordedTeacher({"brief": brief, "wide": wide})
    assert teacher.rungs == {"brief", "wide"}
    [low] = make_prompts(1)
    [high] = make_prompts(1, rung=Rung("wide", long=True))
    assert [task.parse((await ask(teacher, p)).text).label for p in (low, high)] == ["green", "not_green"]
    assert teacher.payload(low) != teacher.payload(high)


def test_the_payload_changes_with_the_answers_and_not_with_their_place(
    tmp_path: Path, make_prompts: MakePrompts
) -> None:
    [prompt] = make_prompts(1)
    one, moved = write(tmp_path / "one.jsonl", FULL), write(tmp_path / "moved.jsonl", FULL)
    changed = write(tmp_path / "changed.jsonl", FULL | {"label": "not_green"})
    payloads = [RecordedTeacher(path).payload(prompt) for path in (one, moved, changed)]
    assert payloads[0] == payloads[1] != payloads[2]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([FULL, {"label": "green"}], "Row 2 .* has no id"),
        ([{"id": None, "label": "green"}], "Row 1 .* has no id"),
        ([{"id": " ", "label": "green"}], "Row 1 .* has no id"),
        ([FULL, {"id": "r1"}, FULL], r"'r0' twice \(row 3\)"),
        ([{"id": 1}, {"id": "1"}], r"'1' twice \(row 2\)"),
        ([FULL | {"label_probabilities": "mostly green"}], "Row 1 .* label_probabilities .* 'mostly green'"),
        ([FULL | {"label_probabilities": [0.8, 0.2]}], "label_probabilities that cannot be read"),
        ([FULL | {"label_probabilities": {"green": "much"}}], "label_probabilities that cannot be read"),
        ([], "holds no rows"),
    ],
)
def test_a_file_that_breaks_the_rules_is_refused(tmp_path: Path, rows: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        RecordedTeacher(write(tmp_path / "a.jsonl", *rows))
    assert "a.jsonl" in str(caught.value) and caught.value.fix


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.jsonl"):
        RecordedTeacher(tmp_path / "nowhere.jsonl")


async def test_numbers_may_serve_as_ids(tmp_path: Path, task: Classification, make_prompts: MakePrompts) -> None:
    teacher = RecordedTeacher(write(tmp_path / "a.jsonl", {"id": 7, "label": "green"}))
    prompt = replace(make_prompts(1)[0], record_id="7")
    assert task.parse((await ask(teacher, prompt)).text).label == "green"


async def test_csv_and_parquet_hold_probabilities_as_json_text(
    tmp_path: Path, make_prompts: MakePrompts, task: Classification
) -> None:
    rows: list[dict[str, Any]] = [
        FULL | {"label_probabilities": json.dumps(FULL["label_probabilities"])},
        {"id": "r1", "label": "", "confidence": "", "label_probabilities": "", "rationale": ""},
    ]
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(FULL))
        writer.writeheader()
        writer.writerows(rows)
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist([{key: str(value) for key, value in row.items()} for row in rows]),
        tmp_path / "a.parquet",
    )
    for path in (tmp_path / "a.csv", tmp_path / "a.parquet"):
        teacher = RecordedTeacher(path)
        full, empty = [await ask(teacher, prompt) for prompt in make_prompts(2)]
        assert full.label_probabilities == {"green": 0.8, "not_green": 0.2}
        assert task.parse(full.text).stated == 0.83
        assert empty.label_probabilities is None
        assert task.parse(empty.text).outcome == "empty"


async def test_nested_parquet_fills_absent_labels_with_nothing(tmp_path: Path, make_prompts: MakePrompts) -> None:
    rows = [FULL, {"id": "r1", "label": "green", "label_probabilities": {"green": 1.0}}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    teacher = RecordedTeacher(tmp_path / "a.parquet")
    first, second = [await ask(teacher, prompt) for prompt in make_prompts(2)]
    assert first.label_probabilities == {"green": 0.8, "not_green": 0.2}
    assert second.label_probabilities == {"green": 1.0}


def test_what_is_not_recorded_does_not_end_the_run(tmp_path: Path, make_prompts: MakePrompts, ledger: Ledger) -> None:
    """A fact about single records, however many they are."""
    teacher = RecordedTeacher(write(tmp_path / "a.jsonl", {"id": "r40", "label": "green"}))
    with Asker(ledger, LimitsConfig()) as asker:
        outcomes = asker.ask(teacher, make_prompts(41))
    assert [o.failure.kind for o in outcomes if o.failure] == ["not_recorded"] * 40
    assert outcomes[40].reply is not None


# A whole ledger


def by_number(call: Call) -> Step:
    if "number 2" in call.text:
        return error(400, "no")
    return say(verdict("green" if "number 1" in call.text else "not_green", rationale=call.text[-30:]))


def test_a_ledger_replays_its_run_without_server_and_key(
    tmp_path: Path,
    serve: Callable[..., LoopbackServer],
    settings: Any,
    make_prompts: MakePrompts,
    explain_prompt: Prompt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(by_number)
    monkeypatch.setenv("TEST_TEACHER_KEY", "sk-0123456789abcdef")
    prompts = [*make_prompts(4), explain_prompt]
    teacher = OpenAITeacher(settings(server, key_env="TEST_TEACHER_KEY"))
    with Ledger.open(tmp_path / "first.sqlite") as ledger, Asker(ledger, LimitsConfig()) as asker:
        first = asker.ask(teacher, prompts)
    server.stop()
    monkeypatch.delenv("TEST_TEACHER_KEY")
    replayed = LedgerTeacher(tmp_path / "first.sqlite", name="gpt-x")
    with Ledger.open(tmp_path / "second.sqlite") as ledger, Asker(ledger, LimitsConfig()) as asker:
        again = asker.ask(replayed, [*reversed(prompts), *make_prompts(1, first=9)])
        assert ledger.totals().cost == 0
    assert [outcome.reply for outcome in again[:5]] == [outcome.reply for outcome in reversed(first)]
    assert sum(outcome.reply is not None for outcome in first) == 4
    assert [o.failure.kind for o in again if o.failure] == ["not_recorded", "not_recorded"]
    assert "'r9'" in str(again[5].failure) and "settings" in str(again[5].failure)
    assert replayed.rungs >= {"brief", "senior", "explain"}


async def test_a_ledger_can_be_replayed_while_it_is_written(ledger: Ledger, make_prompts: MakePrompts) -> None:
    teacher = LedgerTeacher(ledger.path)
    with pytest.raises(RequestFailed, match="holds no reply to the prompt about 'r0'"):
        await ask(teacher, make_prompts(1)[0])
    await teacher.aclose()
    await teacher.aclose()


def test_a_missing_ledger_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"no ledger .*gone\.sqlite"):
        LedgerTeacher(tmp_path / "gone.sqlite")


# Spans


EXTRACTION = Extraction("What leads to what?", {"cause": "", "effect": ""})
RAIN = "Rain fell; the rain broke the dam."


def span_prompt(record_id: str = "r0") -> Prompt:
    return Prompt(record_id, "brief", (), Shown(RAIN, EXTRACTION.names, spans=True))


@pytest.mark.parametrize(
    ("spans", "found"),
    [
        ([{"label": "cause", "quote": "the rain", "confidence": 0.7}], [(11, 19, "cause", 0.7)]),
        ('[{"label": "effect", "text": "broke the dam"}]', [(20, 33, "effect", None)]),
        ({"cause": ["Rain fell"], "effect": "broke the dam"}, [(0, 9, "cause", None), (20, 33, "effect", None)]),
        ([], []),
        ("[]", []),
    ],
)
async def test_recorded_spans_arrive_by_their_quotes(tmp_path: Path, spans: Any, found: list[Any]) -> None:
    teacher = RecordedTeacher(write(tmp_path / "a.jsonl", {"id": "r0", "spans": spans, "rationale": "Weil."}))
    parsed = EXTRACTION.parse((await ask(teacher, span_prompt())).text, RAIN)
    assert (parsed.outcome, parsed.rationale, parsed.hallucinated) == ("ok", "Weil.", ())
    assert [(f.span.start, f.span.end, f.span.label, f.stated) for f in parsed.spans] == found


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ({"spans": [{"label": "cause", "start": 11, "end": 19}]}, "offsets_only"),
        ({"spans": [{"label": "cause", "quote": "the snow"}]}, "hallucinated_span"),
        ({"spans": "no list"}, "spans_missing"),
        ({"spans": None, "reply": "I cannot."}, "unparsed"),
        ({"label": "cause"}, "spans_missing"),
        ({}, "empty"),
    ],
)
async def test_what_is_wrong_with_recorded_spans_is_named(tmp_path: Path, row: dict[str, Any], outcome: str) -> None:
    teacher = RecordedTeacher(write(tmp_path / "a.jsonl", {"id": "r0", **row}))
    assert EXTRACTION.parse((await ask(teacher, span_prompt())).text, RAIN).outcome == outcome


async def test_spans_of_parquet_arrive(tmp_path: Path) -> None:
    table = pyarrow.table({"id": ["r0"], "spans": [[{"label": "cause", "quote": "the rain", "confidence": 0.5}]]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    teacher = RecordedTeacher(tmp_path / "a.parquet")
    parsed = EXTRACTION.parse((await ask(teacher, span_prompt())).text, RAIN)
    assert [(f.span.start, f.stated) for f in parsed.spans] == [(11, 0.5)]
