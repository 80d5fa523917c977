"""Answers with their chains, and what students say, as rows of files."""

import json

from chain_fakes import said
from dualchecker.data import write_jsonl, write_table
from dualchecker.records import Answer, Confidence, Labelled, Record, SelfEvaluation
from dualchecker.runs.chain_rows import chain_label_rows, chain_prediction_rows, reasoned_row
from dualchecker.students import JudgedChain, Reasoned

RECORD = Record("q", "Which? \ud83d </q>", choices=("cat", "dog"))


def test_a_row_holds_every_chain_with_what_was_said_of_it() -> None:
    more = {"count": 2, "key": "k1", "sound": 2 / 3, "rejected": "unsound", "right": 0.87654}
    chain = said("cat", "It purrs.", "correct", "uncertain", **more)  # type: ignore[arg-type]
    told = Answer("q", "cat", "ok", "wide", rationale="It purrs.", chains=(chain, said("dog")))
    (row,) = chain_label_rows([Labelled(RECORD, told, Confidence(0.6), "abstained", (told,), reason="unsure")])
    assert (row["label"], row["choices"], row["rationale"]) == ("cat", ["cat", "dog"], "It purrs.")
    first, second = row["chains"]
    assert first | {"evaluations": None} == {
        "rationale": "It purrs.", "answer": "cat", "rung": "brief", "count": 2, "stated": None, "approval": 0.75,
        "sound": 0.6667, "right": 0.8765, "rejected": "unsound", "evaluations": None, "request_key": "k1",
    }  # fmt: skip
    assert [one["verdict"] for one in first["evaluations"]] == ["correct", "uncertain"]
    assert second["approval"] is None and second["rejected"] is None and second["evaluations"] == []


def test_a_verdict_that_cannot_be_read_keeps_its_name() -> None:
    chain = said("cat")
    broken = type(chain)("x", "cat", evaluations=(SelfEvaluation(None, outcome="verdict_ambiguous", request_key="r"),))
    told = Answer("q", "cat", "ok", "brief", chains=(broken,))
    (row,) = chain_label_rows([Labelled(RECORD, told, Confidence(0.6), "accepted", (told,))])
    (evaluation,) = row["chains"][0]["evaluations"]
    assert evaluation == {"verdict": None, "rationale": "", "outcome": "verdict_ambiguous", "request_key": "r"}


def test_without_an_answer_there_are_no_chains_and_without_choices_none() -> None:
    (row,) = chain_label_rows([Labelled(Record("q", "?"), None, Confidence(0.0), "failed", reason="empty")])
    assert row["chains"] == [] and row["choices"] is None and row["label"] is None


def test_a_prediction_holds_answer_chains_and_verdicts() -> None:
    said_ = Reasoned("3", 0.66666, "4", (JudgedChain("1 + 2", "3", 0.91239), JudgedChain("?", None)))
    (row,) = chain_prediction_rows([RECORD], [said_])
    assert row == {"id": "q", **reasoned_row(said_)}
    assert (row["answer"], row["confidence"], row["direct"]) == ("3", 0.6667, "4")
    assert row["chains"] == [
        {"rationale": "1 + 2", "answer": "3", "right": 0.9124},
        {"rationale": "?", "answer": None, "right": None},
    ]


def test_rows_go_into_files_whatever_their_texts_hold(tmp_path) -> None:  # type: ignore[no-untyped-def]
    told = Answer("q", "cat", "ok", "brief", chains=(said("cat", "</x> | \t\n é 猫", "wrong"),))
    rows = chain_label_rows([Labelled(Record("q", "Which?"), told, Confidence(0.6), "accepted", (told,))])
    write_jsonl(tmp_path / "labels.jsonl", rows)
    assert json.loads((tmp_path / "labels.jsonl").read_text(encoding="utf-8")) == rows[0]
    write_table(tmp_path / "labels.parquet", rows)
    import pyarrow.parquet

    (kept,) = pyarrow.parquet.read_table(tmp_path / "labels.parquet").to_pylist()
    assert json.loads(kept["chains"]) == rows[0]["chains"]
