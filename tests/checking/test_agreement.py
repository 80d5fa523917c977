"""Asking again: drawn samples and varied prompts, as signals of the teacher checker."""

from pathlib import Path

import pytest

from dualchecker.config import CheckConfig
from dualchecker.data import Fence
from dualchecker.prompts import Prompt
from dualchecker.records import Labelled
from dualchecker.teachers import RecordedTeacher
from fakes import ScriptedTeacher, make_records, make_setting

GOLD = make_records(16, "g")
POOL = make_records(4, "p", start=300)
FENCE = Fence(tuple(GOLD), tuple(GOLD), "cross_fit")


def truth(prompt: Prompt) -> str:
    return ("warm", "cold")[int(prompt.record_id[1:]) % 2]


def label(tmp_path: Path, teacher: ScriptedTeacher | RecordedTeacher, **check: object) -> dict[str, Labelled]:
    config = CheckConfig(threshold=0.5, rungs=("brief",), student=False, **check)  # type: ignore[arg-type]
    with make_setting(tmp_path, teacher, FENCE, POOL, check=config) as setting:
        labels = setting.teacher_checker.label(POOL, setting.aligner.template())
    return {item.record.id: item for item in labels}


def test_both_are_off_unless_asked_for(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(lambda prompt: (truth(prompt), 0.8))
    items = label(tmp_path, teacher)
    assert all({"sample_share", "variant_share"}.isdisjoint(item.confidence.signals) for item in items.values())
    assert len([prompt for prompt in teacher.asked if prompt.purpose == "label"]) == len(GOLD) + len(POOL)


def test_samples_of_the_first_rung_agree_or_not(tmp_path: Path) -> None:
    def sometimes(prompt: Prompt) -> tuple[str | None, float]:
        if prompt.record_id == "p300" and prompt.sample == 1:
            return None, 0.8
        return ("cold" if prompt.record_id == "p300" and prompt.sample == 2 else truth(prompt)), 0.8

    teacher = ScriptedTeacher(sometimes)
    items = label(tmp_path, teacher, samples=4)
    shares = {name: item.confidence.signals["sample_share"] for name, item in items.items()}
    assert shares == pytest.approx({"p300": 2 / 3, "p301": 1, "p302": 1, "p303": 1}), "of those that can be read"
    assert items["p300"].answer is not None and items["p300"].answer.sample_share == pytest.approx(2 / 3)
    asked = [prompt.sample for prompt in teacher.asked if prompt.purpose == "label"]
    assert sorted(asked) == sorted([0, 1, 2, 3, 4] * (len(GOLD) + len(POOL))), "gold is sampled as the pool is"


def test_variants_show_other_demonstrations_for_the_same_text(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(lambda prompt: (truth(prompt), 0.8))
    items = label(tmp_path, teacher, variants=2)
    assert {item.confidence.signals["variant_share"] for item in items.values()} == {1.0}
    for record in POOL:
        prompts = [p for p in teacher.asked if p.record_id == record.id and p.purpose == "label"]
        assert len(prompts) == 3 and len({p.shown.text for p in prompts}) == 1
        assert len({tuple(d.record.id for d in p.shown.demonstrations) for p in prompts}) == 3
        assert {len(p.shown.demonstrations) for p in prompts} <= {4, 5}


def test_a_gold_record_is_never_shown_in_a_variant_about_itself(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(lambda prompt: (truth(prompt), 0.8))
    label(tmp_path, teacher, variants=3)
    assert not any(d.record.id == p.record_id for p in teacher.asked for d in p.shown.demonstrations)


def test_a_teacher_that_only_repeats_itself_gives_no_such_signal(tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    rows = [f'{{"id": "{r.id}", "label": "{r.label}", "confidence": 0.8}}\n' for r in (*GOLD, *POOL)]
    answers.write_text("".join(rows))
    for item in label(tmp_path, RecordedTeacher(answers), samples=2, variants=1).values():
        assert {"sample_share", "variant_share"}.isdisjoint(item.confidence.signals)
        assert item.answer is not None and "only_repeats" in item.answer.notes
