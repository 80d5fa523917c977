"""The student's early opinion: heard where the teacher states no confidence, and nowhere else."""

import random
from pathlib import Path

import numpy as np
import pytest

from dualchecker.checking import Climb, EarlyOpinion, TeacherChecker
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.evaluation.metrics import auroc
from dualchecker.prompts import Prompt
from dualchecker.records import Answer, Labelled, Record
from dualchecker.students import Features, LinearStudent
from fakes import TASK, ScriptedTeacher, make_blind_records, make_ladder, make_records

SHOWN = make_blind_records(8, "d")  # neighbours tell nothing
GOLD, POOL = make_records(60, "g", start=100), make_records(90, "p", start=200)
TRUTH = {record.id: record.label or "" for record in (*SHOWN, *GOLD, *POOL)}
WRONG = set(random.Random(5).sample(sorted(TRUTH), len(TRUTH) // 4))
FENCE = Fence(tuple(SHOWN), tuple(GOLD), "split")


def says(identity: str) -> str:
    truth = TRUTH[identity]
    return ("cold" if truth == "warm" else "warm") if identity in WRONG else truth


def student() -> LinearStudent:
    ngrams = NgramEmbedder(features=2**10)
    ngrams.fit([record.text for record in POOL])
    return LinearStudent(tuple(TASK.labels), Features(ngrams, ngrams, 0.0, "text"))


def opinion() -> EarlyOpinion:
    return EarlyOpinion(tuple(TASK.labels), GOLD, student)


def first_answers(stated: float | None) -> list[Climb]:
    climbs = []
    for record in (*GOLD, *POOL):
        climb = Climb(record)
        climb.trail.append(Answer(record.id, says(record.id), "ok", "brief", stated=stated))
        climbs.append(climb)
    return climbs


def test_it_doubts_answers_that_do_not_fit_the_others() -> None:
    early = opinion()
    assert early.learn(first_answers(None))
    doubts = [early.of(record, says(record.id)) or 0.0 for record in POOL]
    assert auroc(doubts, [record.id not in WRONG for record in POOL]) > 0.9
    for record in POOL[:5]:
        assert sum(early.of(record, label) or 0.0 for label in TASK.labels) == pytest.approx(1)


def test_it_is_silent_where_the_teacher_speaks_for_itself_or_too_little_is_known() -> None:
    for climbs in (first_answers(0.8), first_answers(None)[:20], []):
        early = opinion()
        assert not early.learn(climbs)
        assert early.of(POOL[0], "warm") is None


def test_one_label_alone_teaches_nothing() -> None:
    climbs = first_answers(None)
    for climb in climbs:
        climb.trail[0] = Answer(climb.record.id, "warm", "ok", "brief")
    assert not opinion().learn(climbs)


def label(folder: Path, early: EarlyOpinion | None, stated: float | None) -> tuple[list[Labelled], ScriptedTeacher]:
    def answering(prompt: Prompt) -> tuple[str, float | None]:
        return says(prompt.record_id), stated

    teacher = ScriptedTeacher(answering, rungs=("brief",))
    ladder, aligner, opened = make_ladder(folder, teacher, FENCE, rationales=False)
    with opened:
        checker = TeacherChecker(TASK, ladder, FENCE, 0.8, opinion=early)
        template = aligner.template()
        labels = checker.label(POOL, template)
        again = checker.look_again(labels, template)
        assert [i.confidence.signals for i in again] == [i.confidence.signals for i in labels]
    return labels, teacher


def right(item: Labelled) -> bool:
    return item.record.id not in WRONG


def test_a_silent_teachers_errors_are_found_before_anyone_climbs(tmp_path: Path) -> None:
    hearing, teacher = label(tmp_path / "a", opinion(), None)
    deaf, _ = label(tmp_path / "b", None, None)
    truth = [right(item) for item in hearing]
    known = auroc([item.confidence.value for item in hearing], truth)
    assert known > 0.9
    assert known > auroc([item.confidence.value for item in deaf], truth)
    accepted = [right(item) for item in hearing if item.status == "accepted"]
    assert np.mean(accepted) > np.mean(truth)
    asked = [(prompt.record_id, prompt.rung) for prompt in teacher.asked]
    assert len(asked) == len(set(asked)) == len(POOL) + len(GOLD), "nobody is asked twice"


def test_a_stated_confidence_leaves_everything_as_it_was(tmp_path: Path) -> None:
    assert label(tmp_path / "a", opinion(), 0.8)[0] == label(tmp_path / "b", None, 0.8)[0]
    assert all("student" not in item.confidence.signals for item in label(tmp_path / "a", opinion(), 0.8)[0])


def test_a_record_nobody_answered_has_no_opinion() -> None:
    early = opinion()
    early.learn(first_answers(None))
    assert early.of(Record("new", "A kettle."), "warm") is None
    assert early.of(POOL[0], None) is None
