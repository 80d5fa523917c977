"""What differs from one kind of task to the next."""

from typing import Any

import pytest

from dualchecker.config import TaskConfig
from dualchecker.data import Fence
from dualchecker.records import Record, Span
from dualchecker.runs.kinds.choose import kind_of
from dualchecker.tasks import Classification, Extraction, MultiLabel

LABELS = {"a": "", "b": ""}
CASES: dict[str, tuple[dict[str, Any], type, str, bool]] = {
    "one label": ({}, Classification, "classification", True),
    "several": ({"multiple": True}, MultiLabel, "classification", False),
    "spans": ({"kind": "extraction", "occurrence": {"a": "exactly_one"}}, Extraction, "extraction", True),
}


@pytest.mark.parametrize("case", CASES)
def test_a_run_file_decides_on_the_kind(case: str) -> None:
    keys, task, name, benched = CASES[case]
    config = TaskConfig(question="?", labels=LABELS, **keys)
    kind = kind_of(config)
    made = kind.task(config)
    assert type(made) is task and tuple(made.labels) == ("a", "b")
    assert (kind.name, kind.benched) == (name, benched)
    records = (Record("1", "One.", label="a", labels=("a",), spans=(Span(0, 3, "a"),)),)
    fence = Fence(records, records, "cross_fit")
    units = kind.units(made, records)
    assert kind.around(made, fence).gold == units
    assert [unit.whole for unit in units] == [records[0]] * (2 if case == "several" else 1)


def test_a_rule_of_occurrence_reaches_the_task() -> None:
    config = TaskConfig(kind="extraction", question="?", labels=LABELS, occurrence={"a": "exactly_one"}, least_fit=0.9)
    task = kind_of(config).task(config)
    assert isinstance(task, Extraction)
    assert task.needs("a") and task.single("a") and not task.needs("b") and task.least_fit == 0.9


def test_the_plan_counts_what_the_human_spans_would_take() -> None:
    config = TaskConfig(kind="extraction", question="?", labels=LABELS)
    kind = kind_of(config)
    task = kind.task(config)
    assert isinstance(task, Extraction)
    spans = (Span(0, 4, "a"), Span(10, 15, "b"))
    text = "Rain made roads wet."
    marked = Record("1", text, label=task.write(text, spans), spans=spans)
    bare = Record("2", text, label="[]", spans=())
    assert kind.reply_tokens(task, []) == 0
    assert kind.reply_tokens(task, [marked]) > kind.reply_tokens(task, [marked, bare]) > kind.reply_tokens(task, [bare])
