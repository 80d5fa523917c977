"""The ContextAligner: nearest human labels, with the reason for the label the human gave."""

from pathlib import Path

import numpy as np
import pytest

from dualchecker.alignment import GoldIndex
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.prompts import Rung
from dualchecker.records import Record
from fakes import ScriptedTeacher, make_ladder, make_records

GOLD = make_records(24, "g")
FENCE = Fence(tuple(GOLD[:16]), tuple(GOLD[16:]), "split")


def right(prompt: object) -> tuple[str, float]:
    return "warm", 0.9


def test_neighbours_are_the_most_similar_demonstrations_and_never_calibration_gold(tmp_path: Path) -> None:
    _, aligner, ledger = make_ladder(tmp_path, ScriptedTeacher(right), FENCE)
    with ledger:
        query = Record("q", GOLD[3].text.replace("number", "numbered"))
        (near,) = aligner.neighbours([query], Rung("brief", neighbours=4))
        assert near[0].record.id == "g3"
        everyone = aligner.neighbours(GOLD[16:], Rung("wide", neighbours=16))
    assert {demo.record.id for rows in everyone for demo in rows} <= {record.id for record in GOLD[:16]}


def test_a_record_is_never_its_own_neighbour_even_under_another_id(tmp_path: Path) -> None:
    _, aligner, ledger = make_ladder(tmp_path, ScriptedTeacher(right), FENCE)
    with ledger:
        twin = Record("other", GOLD[5].text.upper() + "!")
        (near,) = aligner.neighbours([twin], Rung("brief", neighbours=16))
    assert "g5" not in {demo.record.id for demo in near}
    assert len(near) == 15


def test_rationales_explain_the_human_label_and_are_asked_for_once(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(right)
    _, aligner, ledger = make_ladder(tmp_path, teacher, FENCE)
    with ledger:
        first = aligner.explain(GOLD[:2])
        again = aligner.explain(GOLD[:2])
    assert first == again
    assert [demo.rationale for demo in first] == ["People see warm in it.", "People see cold in it."]
    assert len(teacher.asked) == 2
    assert all(
        prompt.shown.human_label == prompt_label
        for prompt, prompt_label in zip(teacher.asked, ("warm", "cold"), strict=True)
    )


def test_without_rationales_nobody_is_asked(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(right)
    _, aligner, ledger = make_ladder(tmp_path, teacher, FENCE, rationales=False)
    with ledger:
        assert [demo.rationale for demo in aligner.explain(GOLD[:2])] == [None, None]
    assert teacher.asked == []


def test_counter_examples_bring_both_labels_in_doubt(tmp_path: Path) -> None:
    _, aligner, ledger = make_ladder(tmp_path, ScriptedTeacher(right), FENCE)
    with ledger:
        rung = Rung("wide", neighbours=1, counter_examples=2)
        (near,) = aligner.neighbours([Record("q", "A stove.")], rung, [["warm", "cold"]])
    labels = [demo.label for demo in near]
    assert labels.count("warm") >= 2 and labels.count("cold") >= 2


def test_the_first_template_takes_labels_in_turn_and_the_seed_decides(tmp_path: Path) -> None:
    _, aligner, ledger = make_ladder(tmp_path, ScriptedTeacher(right), FENCE)
    with ledger:
        template = aligner.template(fixed=4)
        assert sorted(demo.label for demo in template.fixed) == ["cold", "cold", "warm", "warm"]
        assert template.identity == aligner.template(fixed=4).identity
        aligner._seed = 99
        assert template.identity != aligner.template(fixed=4).identity


def test_label_shares_sum_to_one_and_are_missing_without_neighbours() -> None:
    embedder = NgramEmbedder()
    index = GoldIndex(embedder, GOLD[:6])
    shares = index.label_shares(index.similarities(GOLD[6:9]), 4, ("warm", "cold"))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    alone = GoldIndex(embedder, GOLD[:1])
    assert np.isnan(alone.label_shares(alone.similarities(GOLD[:1]), 4, ("warm", "cold"))).all()


@pytest.mark.parametrize("demonstrations", [0, 1])
def test_few_or_no_demonstrations_still_make_a_template(tmp_path: Path, demonstrations: int) -> None:
    _, aligner, ledger = make_ladder(
        tmp_path, ScriptedTeacher(right), FENCE, demonstrations=demonstrations, neighbours=0
    )
    with ledger:
        assert len(aligner.template().fixed) == demonstrations
