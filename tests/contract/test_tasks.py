"""What every task keeps to."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dualchecker.records import Span
from dualchecker.tasks import Classification, Extraction, MultiLabel, Task

TEXT = "雨 fell, so the\r\nriver rose."

MAKERS: dict[str, Callable[[], Task]] = {
    "binary": lambda: Classification("Is it?", {"yes": "It is.", "no": ""}),
    "many": lambda: Classification("Which?", {f"class_{i}": "" for i in range(77)}),
    "several": lambda: MultiLabel("Which?", {"oil, gas": "", "wind": "It blows.", "none": "", "太陽光": ""}),
    "spans": lambda: Extraction(
        "What causes what?", {"cause": "Why.", "effect": "", "原因": ""}, {"cause": "exactly_one"}
    ),
    "japanese": lambda: Classification("どれですか。", {"省エネルギー": "", "再生可能エネルギー": "", "その他": ""}),
}


@pytest.fixture(scope="module", params=list(MAKERS))
def task(request: pytest.FixtureRequest) -> Task:
    return MAKERS[request.param]()


def reply(task: Task, label: str) -> str:
    """What a server that enforces the schema would send."""
    values: dict[str, Any] = {"rationale": "because"}
    if task.spans:
        values["spans"] = [{"label": label, "quote": "the river rose", "confidence": 0.75}]
        assert set(values["spans"][0]) == set(task.schema()["properties"]["spans"]["items"]["required"])
    elif task.multiple:
        values["labels"] = {name: 0.75 if name == label else 0.25 for name in task.labels}
        assert set(values["labels"]) == set(task.schema()["properties"]["labels"]["required"])
    else:
        values |= {"label": label, "confidence": 0.75}
    assert set(values) == set(task.schema()["required"])
    return json.dumps(values, ensure_ascii=False)


def answer(task: Task, label: str) -> str:
    """The answer that says this label (and, where several may apply, no other)."""
    if isinstance(task, Extraction):
        return task.write(TEXT, [Span(11, 26, label)])
    return task.write([label]) if isinstance(task, MultiLabel) else label


def test_the_schema_is_closed_json(task: Task) -> None:
    schema = json.loads(json.dumps(task.schema()))
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == set(schema["properties"])


def test_a_reply_that_keeps_to_the_schema_is_understood(task: Task) -> None:
    for label in task.labels:
        parsed = task.parse(reply(task, label), TEXT)
        assert (parsed.label, parsed.outcome, parsed.notes) == (answer(task, label), "ok", ())
        assert parsed.rationale == "because"
        stated = parsed.verdicts[label].stated if parsed.verdicts else parsed.stated
        assert (parsed.spans[0].stated if task.spans else stated) == 0.75
        assert (parsed.verdicts is not None) == task.multiple
        assert [(found.span.start, found.span.end, found.span.label) for found in parsed.spans] == (
            [(11, 26, label)] if task.spans else []
        )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text())
def test_parse_never_raises_nor_invents(task: Task, text: str) -> None:
    parsed = task.parse(text, text)
    assert (parsed.outcome == "ok") == (parsed.label is not None)
    assert parsed.outcome


def test_no_reply_becomes_a_default(task: Task) -> None:
    for text in ("", "I do not know.", '{"label": "something else entirely", "confidence": 1}'):
        parsed = task.parse(text, TEXT)
        assert parsed.label is None and parsed.outcome != "ok"


def test_equal_is_for_answers_only(task: Task) -> None:
    first, second, *_ = (answer(task, label) for label in task.labels)
    assert task.equal(first, first)
    assert not task.equal(first, second)
    assert not any(task.equal(left, right) for left, right in ((None, None), (None, first), (first, None)))


def test_scores_lie_between_all_wrong_and_all_right(task: Task) -> None:
    truth = [answer(task, label) for label in task.labels]
    perfect, silent = task.score(truth, truth), task.score([None] * len(truth), truth)
    assert perfect.keys() == silent.keys() != set()
    assert set(perfect.values()) == {1.0}
    assert set(silent.values()) == {0.0}
    half = task.score([truth[0], *([None] * (len(truth) - 1))], truth)
    assert all(0 < value < 1 for value in half.values())
    assert all(math.isnan(value) for value in task.score([], []).values())


def test_labels_keep_their_order_and_the_question_is_there(task: Task) -> None:
    fields = task.schema()["properties"]
    if task.spans:
        named = fields["spans"]["items"]["properties"]["label"]["enum"]
    else:
        named = list(fields["labels"]["properties"]) if task.multiple else fields["label"]["enum"]
    assert list(task.labels) == list(task.labels) == named
    assert task.question
