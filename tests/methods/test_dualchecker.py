"""The method: rounds with growing slices, a template that is only ever replaced by one that does as well."""

from pathlib import Path

import pytest

from dualchecker.asking import Silent
from dualchecker.checking import StudentChecker, StudentVoices, TeacherChecker
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.methods import distill_with_dualchecker
from dualchecker.methods.dualchecker import growing_batches
from dualchecker.prompts import Prompt
from dualchecker.students import Features, LinearStudent
from fakes import TASK, ScriptedTeacher, make_ladder, make_records

GOLD = make_records(30, "g")
POOL = make_records(42, "p", start=300)
FENCE = Fence(tuple(GOLD), tuple(GOLD), "cross_fit")


@pytest.mark.parametrize(("size", "rounds"), [(200, 3), (7, 3), (1, 3), (0, 2), (10, 1), (5, 5)])
def test_slices_grow_and_cover_the_pool_once(size: int, rounds: int) -> None:
    batches = list(growing_batches(make_records(size, "x"), rounds))
    assert [record.id for batch in batches for record in batch] == [f"x{i}" for i in range(size)]
    sizes = [len(batch) for batch in batches]
    if size >= 2**rounds:
        assert sizes == sorted(sizes) and len(sizes) == rounds


def run(tmp_path: Path, teacher: ScriptedTeacher, *, rounds: int = 3):  # type: ignore[no-untyped-def]
    ladder, aligner, ledger = make_ladder(tmp_path, teacher, FENCE, rungs=("brief",))
    embedder = NgramEmbedder(features=2**12)
    features = Features(embedder, embedder, 0.0, "text")
    checker = TeacherChecker(TASK, ladder, FENCE, 0.85)
    voices = StudentVoices(
        tuple(TASK.labels),
        FENCE,
        POOL,
        embedder,
        lambda: LinearStudent(tuple(TASK.labels), features),
        doubtful="weight",
    )
    student_checker = StudentChecker(TASK, FENCE, embedder, voices, checker.choose_threshold)
    with ledger:
        return distill_with_dualchecker(
            POOL,
            aligner=aligner,
            teacher_checker=checker,
            student_checker=student_checker,
            rounds=rounds,
            progress=Silent(),
        )


def test_every_pool_record_gets_one_label_in_the_pools_order(tmp_path: Path) -> None:
    outcome = run(tmp_path, ScriptedTeacher(lambda prompt: (("warm", "cold")[int(prompt.record_id[1:]) % 2], 0.9)))
    assert [item.record.id for item in outcome.labels] == [record.id for record in POOL]
    assert [entry.number for entry in outcome.rounds] == [1, 2, 3]
    assert sum(entry.labelled for entry in outcome.rounds) == len(POOL)
    assert all(item.label == item.record.label for item in outcome.labels)


def test_a_template_that_does_worse_on_gold_is_not_kept(tmp_path: Path) -> None:
    first: list[tuple[str, ...]] = []

    def spoiled(prompt: Prompt) -> tuple[str, float]:
        """Right with the first template, always warm with any other."""
        fixed = tuple(demo.record.id for demo in prompt.shown.demonstrations[:2])
        if not first:
            first.append(fixed)
        truth = ("warm", "cold")[int(prompt.record_id[1:]) % 2]
        if set(fixed) & set(first[0]) or prompt.record_id in first[0]:
            return truth, 0.9
        return "warm", 0.9

    outcome = run(tmp_path, ScriptedTeacher(spoiled))
    assert outcome.template.version == 0
    assert outcome.template.history and not any(entry["kept"] for entry in outcome.template.history)
    assert all(entry["accuracy"] < entry["before"] for entry in outcome.template.history)


def test_a_template_that_does_as_well_is_kept_and_carries_explained_borderline_gold(tmp_path: Path) -> None:
    outcome = run(tmp_path, ScriptedTeacher(lambda prompt: (("warm", "cold")[int(prompt.record_id[1:]) % 2], 0.9)))
    assert outcome.template.version >= 1
    assert all(demo.rationale and demo.label in demo.rationale for demo in outcome.template.fixed)
    kept = next(entry for entry in outcome.rounds if entry.template_kept)
    assert set(kept.borderline) <= {record.id for record in GOLD}
