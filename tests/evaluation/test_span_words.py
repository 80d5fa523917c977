"""What the terminal says of a run with spans."""

from typing import Any

import pytest
from rich.console import Console

from dualchecker.cli import display
from dualchecker.evaluation.span_words import span_lines, span_tables


def estimate(value: float | None) -> dict[str, Any]:
    return {
        "value": value,
        "low": None if value is None else value - 0.1,
        "high": None if value is None else value + 0.1,
    }


def make_metrics() -> dict[str, Any]:
    stage = {
        "count": 40, "accepted": 30, "abstained": 10, "failed": 2, "records": 20, "strict_f1": estimate(0.6),
        "overlap_f1": estimate(0.8), "kept": {"precision": estimate(0.7)},
        "hallucinated": {"count": 1, "quotes": 4, "rate": estimate(0.25)},
    }  # fmt: skip
    test = {"strict_f1": estimate(0.5), "overlap_f1": estimate(0.75), "exact_match": estimate(0.4), "gold": 20}
    return {
        "kind": "extraction",
        "method": "dualchecker",
        "data": {"gold": 10, "pool": 20, "test": 30},
        "teacher": {
            "name": "llm[1]",
            "stages": {"few_shot": stage, "student_checker": dict(stage)},
            "calibration": {"threshold": {"message": "Too little gold [for a proof]."}, "remarks": ["Hm."]},
        },
        "student": {"kind": "tokens", "test": {**test, "unexpressed": {"count": 5}}},
        "references": {"gold_only": test},
    }


def test_tables_name_every_stage_and_student() -> None:
    teacher, student = span_tables(make_metrics(), {"few_shot": "few-shot prompting", "gold_only": "gold alone"})
    assert [row[0] for row in teacher.rows] == ["few-shot prompting", "student_checker"]
    assert [cell.replace("\xa0", " ") for cell in teacher.rows[0][1:]] == [
        "60.0 % (50.0–70.0)", "80.0 %", "75.0 %", "70.0 % (60.0–80.0)",
    ]  # fmt: skip
    assert teacher.columns[3:] == ("accepted", "right, of the accepted")
    assert [row[0] for row in student.rows] == ["gold + checked labels (this run)", "gold alone"]
    assert all(len(row) == len(table.columns) for table in (teacher, student) for row in table.rows)


def test_lines_say_what_is_not_known() -> None:
    metrics = make_metrics()
    said = " ".join(span_lines(metrics)).replace("\xa0", " ")
    assert "1 of 4 quotes of the answers kept (25.0 %) are not in the text" in said
    assert "2 texts got no usable answer" in said and "can find 75.0 % of them at best" in said
    for stage in metrics["teacher"]["stages"].values():
        del stage["strict_f1"], stage["kept"]
    metrics["student"]["test"] = None
    said = " ".join(span_lines(metrics))
    assert "no human spans" in said and "student is not scored" in said
    assert [row[1] for row in span_tables(metrics, {})[0].rows] == ["–", "–"]


@pytest.mark.parametrize("stages", [True, False])
def test_the_terminal_shows_them_as_they_are(monkeypatch: pytest.MonkeyPatch, stages: bool) -> None:
    console = Console(width=140, record=True, highlight=False)
    monkeypatch.setattr(display, "console", console)
    metrics = make_metrics()
    if not stages:
        metrics["teacher"]["stages"] = {}
    display.print_result(metrics)
    said = console.export_text()
    assert "Too little gold [for a proof]." in said and "note: Hm." in said and "reference: gold alone" in said
    assert ("Teacher (llm[1]) on the 20 pool texts" in said) is stages
    assert ("No teacher was asked." in said) is not stages
