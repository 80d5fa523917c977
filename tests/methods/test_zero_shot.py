"""Zero-shot: the descriptions of the labels and nothing else."""

from pathlib import Path

from dualchecker.data import Fence
from dualchecker.methods import METHODS
from fakes import TASK, ScriptedTeacher, make_records, make_setting

GOLD = make_records(10, "g")
POOL = make_records(6, "p", start=300)


def test_no_human_label_and_no_reason_is_asked_for_or_shown(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(lambda prompt: ("warm", 0.6))
    with make_setting(tmp_path, teacher, Fence(tuple(GOLD), tuple(GOLD), "cross_fit"), POOL) as setting:
        outcome = METHODS["zero_shot"](setting)
    assert [item.record.id for item in outcome.labels] == [record.id for record in POOL]
    assert {item.confidence.value for item in outcome.labels} == {0.6}, "as stated"
    assert len(teacher.asked) == len(POOL) and not any(prompt.shown.demonstrations for prompt in teacher.asked)
    for prompt in teacher.asked:
        words = "\n".join(message["content"] for message in prompt.messages)
        assert all(description in words for description in TASK.labels.values())
        assert "examples show" not in words and "labelled by people" not in words
        assert not any(record.text in words for record in GOLD)


def test_a_reply_that_cannot_be_read_fails_and_gets_no_label(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(lambda prompt: (None, None))
    with make_setting(tmp_path, teacher, Fence(tuple(GOLD), (), "split"), POOL) as setting:
        outcome = METHODS["zero_shot"](setting)
    assert {(item.label, item.status, item.reason) for item in outcome.labels} == {(None, "failed", "unparsed")}
