"""A second turn: what is too long is asked with less, what cannot be read is put right once, and both are recorded."""

from collections.abc import Callable
from typing import Any

import pytest

from dualchecker.asking import Asker, Outcome
from dualchecker.checking.second_turn import SecondTurn
from dualchecker.config import LimitsConfig
from dualchecker.errors import RequestFailed
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt, PromptWriter, Rung, Template
from dualchecker.records import Answer, Demonstration, Record, Reply
from dualchecker.tasks import Classification
from dualchecker.teachers.base import FreeTeacher
from servers import verdict

NEAR = [
    Demonstration(Record(f"d{i}", f"Example {i}: " + "a device that saves water. " * 12), "green") for i in range(5)
]
RECORDS = [Record(f"r{i}", f"Device {i} that saves water.") for i in range(4)]


class Model(FreeTeacher):
    """Replies as it is told, and keeps the prompts."""

    name = "model"

    def __init__(self, reply: Callable[[Prompt], str], *, takes: int = 10**6, corrects: bool = True) -> None:
        self._reply, self._takes = reply, takes
        self.rungs = frozenset({"brief", "correct"} if corrects else {"brief"})
        self.asked: list[Prompt] = []

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        return {"messages": [dict(message) for message in prompt.messages]}

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        self.asked.append(prompt)
        if prompt.size > self._takes:
            raise RequestFailed("Too long.", kind="too_long")
        return Reply(self._reply(prompt))


def said_to(prompt: Prompt) -> str:
    """``first``, or ``again`` where the teacher is shown a reply of its own."""
    return "again" if prompt.messages[-2]["role"] == "assistant" else "first"


@pytest.fixture
def answers(ledger: Ledger, task: Classification) -> Callable[..., list[Answer]]:
    def ask(teacher: Model) -> list[Answer]:
        def write(place: int, writer: PromptWriter) -> Prompt:
            return writer.label(RECORDS[place], Rung("brief", neighbours=5), Template(), NEAR)

        def read(place: int, outcome: Outcome) -> list[Answer]:
            prompt, reply = outcome.prompt, outcome.reply
            if reply is None:
                kind = outcome.failure.kind if outcome.failure else "?"
                return [Answer(prompt.record_id, None, kind, "brief", notes=prompt.notes)]
            parsed = task.parse(reply.text)
            notes = (*prompt.notes, *parsed.notes)
            return [Answer(prompt.record_id, parsed.label, parsed.outcome, "brief", notes=notes)]

        with Asker(ledger, LimitsConfig(concurrency=3)) as asker:
            found = SecondTurn(asker, PromptWriter(task)).answers(teacher, len(RECORDS), write, read, "label")
        assert [some[0].record_id for some in found] == [record.id for record in RECORDS]
        return [some[0] for some in found]

    return ask


def test_what_can_be_read_is_asked_once(answers: Callable[..., list[Answer]]) -> None:
    teacher = Model(lambda prompt: verdict("green"))
    assert [answer.label for answer in answers(teacher)] == ["green"] * 4
    assert len(teacher.asked) == 4


@pytest.mark.parametrize("spoilt", ["I would rather not say.", "", '{"label": "blue"}', '{"rationale": "so"}'])
def test_an_unreadable_reply_is_shown_to_its_author_once(answers: Callable[..., list[Answer]], spoilt: str) -> None:
    def reply(prompt: Prompt) -> str:
        bad = prompt.record_id == "r2" and said_to(prompt) == "first"
        return spoilt if bad else verdict("not_green" if said_to(prompt) == "again" else "green")

    teacher = Model(reply)
    found = answers(teacher)
    assert [answer.label for answer in found] == ["green", "green", "not_green", "green"]
    assert found[2].notes.count("corrected") == 1
    assert len(teacher.asked) == 5
    last = teacher.asked[-1]
    assert [message["role"] for message in last.messages] == ["system", "user", "assistant", "user"]
    assert spoilt in last.messages[2]["content"]


def test_what_is_unreadable_twice_has_failed_in_the_way_it_failed_first(answers: Callable[..., list[Answer]]) -> None:
    teacher = Model(lambda prompt: '{"label": "blue"}' if said_to(prompt) == "first" else "no idea")
    found = answers(teacher)
    assert {answer.outcome for answer in found} == {"label_outside_set"}
    assert all("correction_failed" in answer.notes for answer in found)
    assert len(teacher.asked) == 8


def test_a_teacher_that_cannot_be_shown_its_reply_is_not(answers: Callable[..., list[Answer]]) -> None:
    teacher = Model(lambda prompt: "no idea", corrects=False)
    assert {answer.outcome for answer in answers(teacher)} == {"unparsed"}
    assert len(teacher.asked) == 4


def test_what_is_too_long_is_asked_with_fewer_of_the_least_similar(answers: Callable[..., list[Answer]]) -> None:
    teacher = Model(lambda prompt: verdict("green"), takes=450)
    found = answers(teacher)
    assert [answer.label for answer in found] == ["green"] * 4
    for answer in found:
        assert {"demonstrations_dropped", "context_overflow"} <= set(answer.notes)
    shown = [len(p.shown.demonstrations) for p in teacher.asked if p.record_id == "r1"]
    assert shown[0] == 5
    assert shown == sorted(shown, reverse=True)
    kept = [demo.record.id for demo in teacher.asked[-1].shown.demonstrations]
    assert kept == [f"d{i}" for i in reversed(range(len(kept)))], "the nearest stay, and stand last"


def test_what_is_too_long_whatever_is_left_out_ends_so(answers: Callable[..., list[Answer]]) -> None:
    teacher = Model(lambda prompt: verdict("green"), takes=10)
    assert {answer.outcome for answer in answers(teacher)} == {"too_long"}


def test_run_again_nothing_is_asked_again(answers: Callable[..., list[Answer]]) -> None:
    """Neither what was too long, nor what could not be read, nor what was put right."""

    def reply(prompt: Prompt) -> str:
        return "hm" if prompt.record_id == "r0" and said_to(prompt) == "first" else verdict("green")

    first = answers(Model(reply, takes=450))
    again = Model(reply, takes=450)
    assert answers(again) == first
    assert again.asked == []
