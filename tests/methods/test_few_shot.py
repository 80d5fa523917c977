"""Few-shot: one question with the same demonstrations for all."""

from pathlib import Path

from dualchecker.data import Fence
from dualchecker.methods import METHODS
from fakes import ScriptedTeacher, make_records, make_setting

GOLD = make_records(30, "g")
POOL = make_records(12, "p", start=300)


def test_everyone_sees_the_same_demonstrations_and_every_answer_is_believed(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(lambda prompt: ("warm", 0.4))
    with make_setting(tmp_path, teacher, Fence(tuple(GOLD), (), "split"), POOL) as setting:
        outcome = METHODS["few_shot"](setting)
    assert {(item.status, item.confidence.value) for item in outcome.labels} == {("accepted", 0.4)}
    shown = {tuple(d.record.id for d in p.shown.demonstrations) for p in teacher.asked if p.purpose == "label"}
    assert shown == {outcome.template.identity} and len(outcome.template.fixed) == 5
    assert outcome.stages == {"few_shot": outcome.labels}
