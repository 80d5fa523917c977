"""The panel: every member on gold, the dear ones only where they are expected to pay."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker
from dualchecker.checking import Ladder, Member, PanelChecker
from dualchecker.config import AlignConfig, LimitsConfig, PanelConfig
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt, PromptWriter, Template, rungs_for
from dualchecker.records import Record
from fakes import TASK, Opened, ScriptedTeacher, make_blind_records

GOLD = make_blind_records(120, "g")
POOL = make_blind_records(80, "p")
TRUTH = {record.id: record.label or "" for record in (*GOLD, *POOL)}
OTHER = {"warm": "cold", "cold": "warm"}


def number(prompt: Prompt) -> int:
    return int(prompt.record_id[1:])


def wrong_at(*rests: int, of: int = 10, sure: float = 0.9) -> Callable[[Prompt], tuple[str, float]]:
    """Right but for the records whose number leaves one of these rests."""

    def answer(prompt: Prompt) -> tuple[str, float]:
        truth = TRUTH[prompt.record_id]
        return (OTHER[truth], sure) if number(prompt) % of in rests else (truth, sure)

    return answer


def unsure_where_wrong(prompt: Prompt) -> tuple[str, float]:
    """Right on eight in ten, and less sure of half of the records, the wrong ones among them."""
    truth = TRUTH[prompt.record_id]
    return (OTHER[truth], 0.55) if number(prompt) % 10 < 2 else (truth, 0.55 if number(prompt) % 10 < 5 else 0.95)


PERFECT = wrong_at()

Make = Callable[..., tuple[PanelChecker, Template]]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    opened: list[Opened] = []

    def checker(
        teachers: Sequence[ScriptedTeacher],
        prices: Sequence[float],
        policy: dict[str, Any] | None = None,
        gold: Sequence[Record] = GOLD,
    ) -> tuple[PanelChecker, Template]:
        fence = Fence(tuple(gold), tuple(gold), "cross_fit")
        ledger = Ledger.open(tmp_path / f"ledger{len(opened)}.sqlite")
        asker = Asker(ledger, LimitsConfig(concurrency=4), backoff=0.001)
        opened.append(Opened(asker, ledger))
        embedder = NgramEmbedder()
        embedder.fit([record.text for record in gold])
        config = AlignConfig(embedder="ngrams", rationales=False)
        writer = PromptWriter(TASK)
        aligner = ContextAligner(TASK, fence, embedder, config, writer, asker, teachers[0])
        rungs = rungs_for(config, ("brief",))
        members = [
            Member(t.name, Ladder(TASK, aligner, writer, asker, t, rungs, None, fence.demonstrations), price, rungs)
            for t, price in zip(teachers, prices, strict=True)
        ]
        return PanelChecker(TASK, members, fence, 0.8, PanelConfig(**(policy or {}))), aligner.template()

    yield checker
    for each in opened:
        each.close()


def asked(teacher: ScriptedTeacher, prefix: str) -> set[str]:
    return {prompt.record_id for prompt in teacher.asked if prompt.record_id.startswith(prefix)}


def test_the_dear_one_is_asked_where_the_cheap_one_is_unsure(make: Make) -> None:
    cheap, dear = ScriptedTeacher(unsure_where_wrong, "cheap"), ScriptedTeacher(PERFECT, "dear")
    checker, template = make([dear, cheap], [1.0, 0.01], {"gain": 0.2})
    labels = checker.label(POOL, template)
    assert [member.name for member in checker.members] == ["cheap", "dear"]
    assert asked(cheap, "g") == asked(dear, "g") == {record.id for record in GOLD}
    assert asked(cheap, "p") == {record.id for record in POOL}
    assert asked(dear, "p") == {record.id for record in POOL if int(record.id[1:]) % 10 < 5}
    assert all(item.label == item.record.label for item in labels)
    doubted = next(item for item in labels if item.record.id in asked(dear, "p"))
    assert [answer.teacher for answer in doubted.trail] == ["cheap", "dear"]
    assert {"stated", "panel", "teacher_share"} <= doubted.confidence.signals.keys()
    assert sum(item.status == "accepted" for item in labels) > 0.9 * len(labels)


def test_a_budget_is_kept_and_spent_where_it_gains_most(make: Make) -> None:
    cheap, dear = ScriptedTeacher(unsure_where_wrong, "cheap"), ScriptedTeacher(PERFECT, "dear")
    checker, template = make([cheap, dear], [0.01, 1.0], {"budget": 0.2, "gain": 0.0})
    checker.label(POOL, template)
    spent = asked(dear, "p")
    assert len(spent) == 16
    assert all(int(identity[1:]) % 10 < 5 for identity in spent)


def test_without_a_budget_only_the_cheap_one_is_asked(make: Make) -> None:
    cheap, dear = ScriptedTeacher(unsure_where_wrong, "cheap"), ScriptedTeacher(PERFECT, "dear")
    checker, template = make([cheap, dear], [0.01, 1.0], {"budget": 0.0})
    labels = checker.label(POOL, template)
    assert not asked(dear, "p")
    assert all(item.label is not None for item in labels)


def test_a_dear_one_that_knows_no_more_is_not_asked(make: Make) -> None:
    cheap, echo = ScriptedTeacher(unsure_where_wrong, "cheap"), ScriptedTeacher(unsure_where_wrong, "echo")
    checker, template = make([cheap, echo], [0.01, 1.0])
    checker.label(POOL, template)
    assert len(asked(echo, "p")) < 0.1 * len(POOL)


def test_free_members_are_always_heard(make: Make) -> None:
    teachers = [ScriptedTeacher(wrong_at(0, 1), "a"), ScriptedTeacher(wrong_at(2, 3), "b")]
    checker, template = make([*teachers, ScriptedTeacher(PERFECT, "dear")], [0.0, 0.0, 1.0])
    checker.label(POOL, template)
    assert asked(teachers[0], "p") == asked(teachers[1], "p") == {record.id for record in POOL}


def test_three_poor_ones_outvoted_by_weight(make: Make) -> None:
    """Three who make the same mistakes weigh less than one who is nearly always right."""
    poor = [ScriptedTeacher(wrong_at(0, 1, 2, 3), f"poor{i}") for i in range(3)]
    good = ScriptedTeacher(wrong_at(9), "good")
    checker, template = make([*poor, good], [1.0] * 4, {"gain": 0.0})
    labels = checker.label(POOL, template)
    heard = [item for item in labels if len(item.trail) == 4 or "good" in {a.teacher for a in item.trail}]
    assert len(heard) > 0.9 * len(POOL)
    assert sum(item.label == item.record.label for item in labels) / len(POOL) >= 0.85
    majority, template = make([*poor, good], [1.0] * 4, {"vote": "majority"})
    counted = majority.label(POOL, template)
    assert all(len(item.trail) == 4 for item in counted)
    assert sum(item.label == item.record.label for item in counted) / len(POOL) == pytest.approx(0.6)
    wrong = [item for item in counted if item.label != item.record.label]
    assert all(item.confidence.signals["teacher_share"] == pytest.approx(2 / 3) for item in wrong)
    assert all(item.status == "abstained" for item in wrong)


def test_one_who_cannot_be_read_is_a_missing_vote(make: Make) -> None:
    def half(prompt: Prompt) -> tuple[str | None, float | None]:
        return (None, None) if number(prompt) % 2 else PERFECT(prompt)

    cheap, dear = ScriptedTeacher(half, "cheap"), ScriptedTeacher(PERFECT, "dear")
    checker, template = make([cheap, dear], [0.01, 1.0])
    labels = checker.label(POOL, template)
    assert {record.id for record in POOL if int(record.id[1:]) % 2} <= asked(dear, "p")
    assert all(item.label == item.record.label for item in labels)
    mute = ScriptedTeacher(lambda prompt: (None, None), "mute")
    checker, template = make([mute, ScriptedTeacher(half, "half")], [0.01, 1.0])
    failed = [item for item in checker.label(POOL, template) if item.status == "failed"]
    assert [item.reason for item in failed] == ["unparsed"] * 40


def test_confidences_on_gold_come_from_models_that_have_not_seen_it(make: Make) -> None:
    cheap, dear = ScriptedTeacher(wrong_at(0, 1, 2), "cheap"), ScriptedTeacher(wrong_at(5), "dear")
    checker, template = make([cheap, dear], [0.01, 1.0])
    calibration = checker.calibrate(template)
    assert checker.calibrate(template) is calibration
    assert [climb.record for climb in calibration.climbs] == GOLD
    assert calibration.brief_accuracy == pytest.approx(0.7)
    assert checker.judge(template) == pytest.approx(0.7)
    mean = sum(climb.confidence for climb in calibration.climbs) / len(GOLD)
    assert abs(mean - calibration.accuracy) < 0.08
    assert set(calibration.calibrators) == {"cheap", "dear"}


def test_disputed_records_go_to_those_who_have_not_been_asked(make: Make) -> None:
    cheap, dear = ScriptedTeacher(unsure_where_wrong, "cheap"), ScriptedTeacher(PERFECT, "dear")
    checker, template = make([cheap, dear], [0.01, 1.0], {"gain": 0.2})
    labels = checker.label(POOL, template)
    settled = [item for item in labels if len(item.trail) == 1][:5]
    again = checker.look_again(settled, template)
    assert [[a.teacher for a in item.trail] for item in again] == [["cheap", "dear"]] * 5
    assert all(item.confidence.value > before.confidence.value for item, before in zip(again, settled, strict=True))


@pytest.mark.parametrize("vote", ["weighted", "majority"])
def test_the_report_learns_who_can_be_believed(make: Make, vote: str) -> None:
    cheap, dear = ScriptedTeacher(wrong_at(0, 1, 2), "cheap"), ScriptedTeacher(PERFECT, "dear")
    checker, template = make([cheap, dear], [0.1, 1.0], {"vote": vote})
    labels = checker.label(POOL, template)
    told = checker.describe(labels, template)
    one, two = told["members"]
    assert (one["name"], one["gold"], one["pool"], two["name"]) == ("cheap", 120, 80, "dear")
    assert one["spent"] == pytest.approx(0.1 * 200)
    assert two["precision"]["warm"] > 0.95 > 0.8 > one["precision"]["warm"]
    assert told["agreement"][0][0]["share"] == 1
    assert told["agreement"][0][1]["records"] == two["pool"]
    assert (told["weights"] is None) == (vote == "majority")


def test_a_handful_of_gold_is_enough_to_begin(make: Make) -> None:
    cheap, dear = ScriptedTeacher(unsure_where_wrong, "cheap"), ScriptedTeacher(PERFECT, "dear")
    checker, template = make([cheap, dear], [0.01, 1.0], gold=GOLD[:4])
    labels = checker.label(POOL[:20], template)
    assert all(item.label and 0 < item.confidence.value < 1 for item in labels)


def test_an_empty_text_is_asked_about_by_nobody(make: Make) -> None:
    cheap, dear = ScriptedTeacher(unsure_where_wrong, "cheap"), ScriptedTeacher(PERFECT, "dear")
    checker, template = make([cheap, dear], [0.01, 1.0])
    (item,) = checker.label([Record("p0", "  ")], template)
    assert (item.status, item.reason, item.trail) == ("failed", "empty_text", ())
    assert not asked(cheap, "p") and not asked(dear, "p")


def test_it_is_said_what_gold_could_not_teach_and_who_was_silent(make: Make) -> None:
    mute = ScriptedTeacher(lambda prompt: (None, None), "mute")
    checker, template = make([mute, ScriptedTeacher(PERFECT, "top")], [1, 10])
    remarks = " ".join(checker.calibrate(template).remarks)
    assert "'mute' gave no usable answer" in remarks and "'top'" not in remarks
    assert "answers about calibration gold are right" in remarks and "the same confidence (0.9)" in remarks
