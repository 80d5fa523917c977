"""No teacher: nothing is asked, nothing is labelled."""

from pathlib import Path

from dualchecker.data import Fence
from dualchecker.methods import METHODS
from dualchecker.methods.gold_only import NOT_ASKED
from fakes import ScriptedTeacher, make_records, make_setting


def test_nothing_is_asked_and_every_record_stays_open(tmp_path: Path) -> None:
    gold, pool = make_records(10, "g"), make_records(6, "p", start=300)
    teacher = ScriptedTeacher(lambda prompt: ("warm", 0.6))
    with make_setting(tmp_path, teacher, Fence(tuple(gold), (), "cross_fit"), pool) as setting:
        outcome = METHODS["gold_only"](setting)
    assert not teacher.asked
    assert [item.record.id for item in outcome.labels] == [record.id for record in pool]
    assert {(item.label, item.status, item.reason) for item in outcome.labels} == {(None, "abstained", NOT_ASKED)}
