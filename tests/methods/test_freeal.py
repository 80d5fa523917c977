"""FreeAL: teacher and student alone; no human label anywhere."""

from dataclasses import replace
from pathlib import Path

from dualchecker.config import CheckConfig
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.methods import METHODS
from dualchecker.methods.freeal import again_rung
from dualchecker.prompts import Prompt, PromptWriter, Template
from dualchecker.records import Record
from dualchecker.teachers import ExemplarTeacher
from fakes import TASK, ScriptedTeacher, make_records, make_setting

TRUE = make_records(60, "p", start=300)
POOL = [replace(record, label=None) for record in TRUE]
TRUTH = {record.id: record.label for record in TRUE}
UNCHECKED = CheckConfig(student=False)  # the student checker reads gold when it is made
NOISY = {record.id for record in TRUE[::10]}


class Sealed(Record):
    """Gold whose human label must not be read."""

    @property
    def label(self) -> str:  # type: ignore[override]
        raise AssertionError("a gold label was read")


def sealed(count: int) -> tuple[Record, ...]:
    made = []
    for record in make_records(count, "g"):
        one = object.__new__(Sealed)
        for name in ("id", "text", "detail", "meta"):
            object.__setattr__(one, name, getattr(record, name))
        made.append(one)
    return tuple(made)


def noisy_at_first(prompt: Prompt) -> tuple[str, float]:
    truth = TRUTH[prompt.record_id] or ""
    if not prompt.shown.demonstrations and prompt.record_id in NOISY:
        return ("cold" if truth == "warm" else "warm"), 0.99
    return truth, 0.6


def test_no_gold_label_is_read_and_clean_labels_become_the_demonstrations(tmp_path: Path) -> None:
    gold = sealed(12)
    teacher = ScriptedTeacher(noisy_at_first)
    with make_setting(tmp_path, teacher, Fence(gold, gold, "cross_fit"), POOL, check=UNCHECKED) as setting:
        outcome = METHODS["freeal"](setting)
    assert {prompt.purpose for prompt in teacher.asked} == {"label"}, "no reasons: they would be said to be people's"
    second = [prompt for prompt in teacher.asked if prompt.shown.demonstrations]
    assert len(second) == len(POOL)
    shown = {demo.record.id for prompt in second for demo in prompt.shown.demonstrations}
    assert shown <= {record.id for record in POOL}
    # Small loss: a label that the texts alike contradict is not believed, however sure the teacher was of it.
    assert not shown & NOISY
    for prompt in second:
        assert prompt.record_id not in {demo.record.id for demo in prompt.shown.demonstrations}
        words = "\n".join(message["content"] for message in prompt.messages)
        assert "labelled by a model" in words and "labelled by people" not in words
    assert all(item.label == TRUTH[item.record.id] for item in outcome.labels), "the second answer is kept"


def test_half_of_each_class_is_kept_by_the_students_belief(tmp_path: Path) -> None:
    gold = sealed(4)
    with make_setting(
        tmp_path, ScriptedTeacher(noisy_at_first), Fence(gold, (), "split"), POOL, check=UNCHECKED
    ) as setting:
        labels = METHODS["freeal"](setting).labels
    for label in ("warm", "cold"):
        own = [item for item in labels if item.label == label]
        kept = [item.confidence.value for item in own if item.status == "accepted"]
        left = [item.confidence.value for item in own if item.status == "abstained"]
        assert len(kept) == len(own) // 2 and min(kept) >= max(left)
    assert all(item.confidence.signals["student"] == item.confidence.value for item in labels)


async def test_a_text_that_is_the_only_clean_one_is_asked_about_by_the_descriptions() -> None:
    """No text is its own example, so there may be none; the embedded teacher must still have something to go by."""
    prompt = PromptWriter(TASK).label(POOL[0], again_rung(3), Template(size=3), [])
    teacher = ExemplarTeacher(NgramEmbedder())
    assert TASK.parse((await teacher.ask(prompt, teacher.payload(prompt))).text).outcome == "ok"


def test_labels_that_no_student_could_test_are_abstained_on(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(lambda prompt: ("warm", 0.9))
    with make_setting(tmp_path, teacher, Fence(sealed(4), (), "split"), POOL, check=UNCHECKED) as setting:
        labels = METHODS["freeal"](setting).labels
    assert {(item.status, item.reason) for item in labels} == {("abstained", "untested")}


def test_labels_without_a_stated_confidence_teach_its_students_too(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(lambda prompt: (TRUTH[prompt.record_id], None))
    with make_setting(tmp_path, teacher, Fence((), (), "cross_fit"), POOL, check=UNCHECKED) as setting:
        outcome = METHODS["freeal"](setting)
    assert {item.reason for item in outcome.labels} == {"", "large_loss"}
    assert any(prompt.shown.demonstrations for prompt in teacher.asked)
