"""Quality of label sets: over decisions, over records, label by label."""

import numpy as np
import pytest

from dualchecker.data import decisions
from dualchecker.evaluation import judge_chances, judge_decisions
from dualchecker.evaluation.report_labels import decision_rows, label_sets_view
from dualchecker.records import Answer, Confidence, Labelled, Record
from dualchecker.runs.label_rows import label_rows
from dualchecker.runs.label_sets import label_set_rows
from dualchecker.tasks import MultiLabel

TASK = MultiLabel("?", {"a": "", "b": ""})


def decide(record: Record, said: dict[str, tuple[str | None, float, str]]) -> list[Labelled]:
    items = []
    for decision in decisions([record], TASK.names):
        label, confidence, status = said[decision.about or ""]
        answer = None if label is None else Answer(decision.id, label, "ok", "brief")
        spread = None if label is None else {"yes": 0.9, "no": 0.1}
        items.append(
            Labelled(decision, answer, Confidence(confidence), status, (), spread, reason="unsure")  # type: ignore[arg-type]
        )
    return items


DECIDED = [
    *decide(Record("1", "x", labels=("a",)), {"a": ("yes", 0.9, "accepted"), "b": ("no", 0.9, "accepted")}),
    *decide(Record("2", "x", labels=("a", "b")), {"a": ("yes", 0.9, "accepted"), "b": ("no", 0.6, "abstained")}),
    *decide(Record("3", "x", labels=()), {"a": ("yes", 0.8, "accepted"), "b": (None, 0.0, "failed")}),
    *decide(Record("4", "x", labels=None), {"a": ("yes", 0.5, "abstained"), "b": ("yes", 0.5, "abstained")}),
]


def test_every_decision_counts_once_and_a_missing_one_is_wrong() -> None:
    result = judge_decisions(TASK, DECIDED)
    counts = {name: result[name] for name in ("count", "records", "known", "accepted", "abstained", "failed")}
    assert counts == {"count": 8, "records": 4, "known": 3, "accepted": 4, "abstained": 3, "failed": 1}
    assert result["accuracy"]["value"] == pytest.approx(3 / 6)
    assert result["exact_match"]["value"] == pytest.approx(1 / 3)
    assert result["micro_f1"]["value"] == pytest.approx(2 * 2 / (3 + 3))
    assert result["macro_f1"]["value"] == pytest.approx((4 / 5 + 0) / 2)
    assert result["kept"]["accuracy"]["value"] == pytest.approx(3 / 4)
    assert result["kept"]["precision"]["value"] == pytest.approx(2 / 3)


def test_each_label_is_judged_by_itself() -> None:
    a, b = judge_decisions(TASK, DECIDED)["by_label"]
    assert (a["label"], a["accepted"], a["abstained"], a["failed"]) == ("a", 3, 1, 0)
    assert (a["precision"], a["recall"]) == (pytest.approx(2 / 3), 1.0)
    assert a["kept"] == {"count": 3, "accuracy": pytest.approx(2 / 3), "said": 3, "precision": pytest.approx(2 / 3)}
    assert (b["applies"], b["said"], b["recall"]) == (1, 0, 0.0)
    assert np.isnan(b["precision"])


def test_without_human_labels_there_are_counts_alone() -> None:
    result = judge_decisions(TASK, DECIDED[-2:])
    assert (result["count"], result["abstained"]) == (2, 2)
    assert "accuracy" not in result and [row["abstained"] for row in result["by_label"]] == [1, 1]


def test_chances_are_judged_at_the_threshold_and_confidence_is_in_the_decision_made() -> None:
    records = [Record("1", "x", labels=("a",)), Record("2", "x", labels=())]
    chances = np.array([[0.7, 0.2], [0.4, 0.1]])
    assert judge_chances(TASK, chances, records)["exact_match"]["value"] == 1.0
    assert judge_chances(TASK, chances, records, threshold=0.3)["exact_match"]["value"] == 0.5
    assert judge_chances(TASK, chances, records)["brier"] == pytest.approx(np.mean([0.09, 0.04, 0.16, 0.01]))


def test_rows_keep_every_decision_of_a_record() -> None:
    rows = label_set_rows(DECIDED, label_rows)
    assert [row["status"] for row in rows] == ["accepted", "partial", "partial", "abstained"]
    assert [row["labels"] for row in rows] == [["a"], ["a"], ["a"], []]
    assert [row["doubtful"] for row in rows] == [[], ["b"], ["b"], ["a", "b"]]
    assert rows[1]["decisions"]["b"]["applies"] is False
    assert rows[2]["decisions"]["b"]["applies"] is None
    assert rows[2]["decisions"]["b"]["probability"] is None
    flat = decision_rows(rows)
    assert [row["label"] for row in flat[4:6]] == ["applies", None]


def test_a_report_of_one_label_a_text_has_no_section_on_label_sets() -> None:
    assert label_sets_view({"multiple": False}) is None
