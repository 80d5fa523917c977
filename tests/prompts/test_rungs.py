"""The rungs of the ladder."""

from dualchecker.config import RUNGS, AlignConfig
from dualchecker.prompts import rungs_for
from dualchecker.records import Record


def test_the_rungs_come_in_order_and_tell_more_and_more() -> None:
    ladder = rungs_for(AlignConfig(neighbours=3, wide_neighbours=8))
    assert tuple(rung.name for rung in ladder) == RUNGS
    brief, detail, wide, _, senior = ladder
    assert not brief.long and all(rung.long for rung in ladder[1:])
    assert brief.neighbours == detail.neighbours == 3
    assert wide.neighbours == senior.neighbours == 8
    assert [rung.full_guide for rung in ladder] == [False, False, True, True, True]
    assert [rung.name for rung in ladder if rung.decide] == ["reconsider"]
    assert [rung.name for rung in ladder if rung.senior] == ["senior"]
    assert all(rung.counter_examples for rung in ladder[2:])


def test_only_the_named_rungs_and_always_in_order() -> None:
    assert [rung.name for rung in rungs_for(AlignConfig(), ("senior", "brief"))] == ["brief", "senior"]


def test_wide_is_never_narrower_than_brief() -> None:
    ladder = rungs_for(AlignConfig(demonstrations=20, neighbours=12, wide_neighbours=4))
    assert {rung.neighbours for rung in ladder} == {12}


def test_detail_is_for_records_with_a_long_form_only() -> None:
    ladder = rungs_for(AlignConfig())
    short, long = Record("a", "text"), Record("b", "text", "detail")
    assert [rung.name for rung in ladder if rung.applies_to(short)] == ["brief", "wide", "reconsider", "senior"]
    assert [rung.name for rung in ladder if rung.applies_to(long)] == list(RUNGS)
