"""Decisions by a server nobody here wrote: ``transformers serve`` turns any chat model into a decision endpoint."""

from collections.abc import Callable
from typing import Any

import pytest

from decision_servers import decisions, listed
from dualchecker.asking import Asker
from dualchecker.config import LimitsConfig, SeniorConfig
from dualchecker.errors import TeacherError
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt, PromptWriter, Rung, Template
from dualchecker.records import Record
from dualchecker.tasks import Classification
from dualchecker.teachers import DecisionTeacher
from serving import MARKS

pytestmark = MARKS

Teach = Callable[..., DecisionTeacher]


@pytest.fixture
def teach(served: tuple[str, str]) -> Teach:
    """``teach(orders=2)``: a teacher on the served model."""
    model, address = served

    def make(**more: Any) -> DecisionTeacher:
        base = {"kind": "decisions", "model": model, "base_url": address, "timeout": 120, "orders": 1}
        return DecisionTeacher(SeniorConfig.model_validate(base | more))

    return make


@pytest.fixture
def prompts(make_prompts: Callable[..., list[Prompt]]) -> list[Prompt]:
    return make_prompts(2)


@pytest.mark.parametrize("binary", ["choice", "yes_no"])
def test_a_distribution_over_the_labels_comes_back(
    teach: Teach, prompts: list[Prompt], task: Classification, ledger: Ledger, binary: str
) -> None:
    with Asker(ledger, LimitsConfig(concurrency=2)) as asker:
        outcomes = asker.ask(teach(binary=binary, orders=2), prompts)
    for outcome in outcomes:
        reply = outcome.reply
        assert reply is not None, outcome.failure
        shares = reply.label_probabilities
        assert shares is not None and set(shares) == set(task.labels)
        assert sum(shares.values()) == pytest.approx(1) and all(0 < share < 1 for share in shares.values())
        assert task.parse(reply.text).label == max(shares, key=lambda label: shares[label])
        assert task.parse(reply.text).stated is None
        assert reply.prompt_tokens > 200, "the server's own count"
        assert reply.order_spread is not None and 0 <= reply.order_spread <= 1
        assert reply.outside_mass == pytest.approx(0, abs=1e-6)
    assert ledger.totals().attempts == 2


def test_its_limit_of_options_is_named_and_a_tournament_keeps_to_it(teach: Teach, ledger: Ledger) -> None:
    labels = {f"topic {number}": "" for number in range(30)}
    prompt = PromptWriter(Classification("Which?", labels)).label(
        Record("r", "A device that saves water."), Rung("brief"), Template(), []
    )
    with Asker(ledger, LimitsConfig()) as asker:
        with pytest.raises(TeacherError, match=r"Set teacher\.max_options: 26"):
            asker.ask(teach(), [prompt])
        [outcome] = asker.ask(teach(max_options=26), [prompt])
    assert outcome.reply is not None and outcome.reply.label_probabilities is not None
    assert list(outcome.reply.label_probabilities) == list(labels)


def test_the_wire_that_it_does_not_speak_names_the_one_to_try(
    teach: Teach, prompts: list[Prompt], ledger: Ledger
) -> None:
    with (
        Asker(ledger, LimitsConfig(concurrency=1)) as asker,
        pytest.raises(TeacherError, match=r"HTTP 404.*teacher\.wire: systemone"),
    ):
        asker.ask(teach(wire="decisions"), prompts)


def test_the_double_of_the_openai_wire_answers_in_the_published_types() -> None:
    from openai.types.decision import Decision

    answers = [listed({"a": 0.7, True: 0.3}, "q1"), {"type": "predicate", "name": None, "probability": 0.5}]
    body = decisions([*answers, {"type": "refusal", "name": "q3"}]).body
    read = Decision.model_validate(body)
    assert [answer.type for answer in read.answers] == ["choice", "predicate", "refusal"]
    assert read.model_dump() == body, "nothing more, nothing less"
