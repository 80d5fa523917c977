"""Rungs where reasoning is asked for: chains are drawn, evaluated with their question, and voted on."""

from pathlib import Path

from chain_fakes import ChainTeacher, chain_ladder, chain_of, make_sums
from dualchecker.checking import Climb
from dualchecker.prompts import Prompt, Rung, Template
from dualchecker.records import Record

GOLD = make_sums(6, "g")
POOL = make_sums(4, "p")


def wording(prompt: Prompt, record: Record) -> dict[str, object]:
    """Every draw in other words."""
    return chain_of(record, words=f"Way {prompt.sample} gives")


def test_a_rung_draws_different_chains_and_has_each_evaluated(tmp_path: Path) -> None:
    teacher = ChainTeacher([*GOLD, *POOL], wording)
    with chain_ladder(tmp_path, teacher, GOLD, evaluations=2) as ladder:
        climbs = ladder.reason([Climb(r) for r in POOL], ladder.rungs[0], Template(), "label")
    assert (teacher.count("label"), teacher.count("evaluate")) == (12, 24)
    for climb in climbs:
        (answer,) = climb.trail
        assert answer.label == climb.record.label
        assert len(answer.chains) == 3 and all(len(chain.evaluations) == 2 for chain in answer.chains)
        assert all(chain.sound == 1 and chain.stated == 0.8 for chain in answer.chains)
        assert climb.signals[0]["vote_share"] > 0.8 and climb.signals[0]["approval"] == 1


def test_the_evaluator_always_sees_the_question(tmp_path: Path) -> None:
    teacher = ChainTeacher([*GOLD, *POOL], wording)
    with chain_ladder(tmp_path, teacher, GOLD) as ladder:
        ladder.reason([Climb(r) for r in POOL], ladder.rungs[0], Template(), "label")
    texts = {record.id: record.text for record in POOL}
    for prompt in teacher.asked:
        if prompt.purpose == "evaluate":
            assert texts[prompt.record_id] in prompt.messages[1]["content"]
            assert prompt.shown.chain is not None and prompt.shown.chain.text in prompt.messages[1]["content"]


def test_five_identical_chains_are_evaluated_once(tmp_path: Path) -> None:
    teacher = ChainTeacher([*GOLD, *POOL], lambda prompt, record: chain_of(record))
    with chain_ladder(tmp_path, teacher, GOLD, chains=5) as ladder:
        (climb,) = ladder.reason([Climb(POOL[0])], ladder.rungs[0], Template(), "label")
    assert [chain.count for chain in climb.trail[0].chains] == [5]
    assert teacher.count("evaluate") == 1


def test_later_rungs_add_chains_and_the_rivals_are_shown_to_decide(tmp_path: Path) -> None:
    def torn(prompt: Prompt, record: Record) -> dict[str, object]:
        error = 0 if prompt.rung == "reconsider" or prompt.sample % 2 else 1
        answer = str(int(record.label or "") + error)
        return {"rationale": f"Way {prompt.rung} {prompt.sample} says so.", "answer": answer}

    teacher = ChainTeacher([*GOLD, *POOL], torn)
    with chain_ladder(tmp_path, teacher, GOLD, evaluations=0) as ladder:
        climb = Climb(POOL[0])
        for rung in ladder.rungs:
            ladder.reason([climb], rung, Template(), "label")
    assert [answer.rung for answer in climb.trail] == ["brief", "wide", "reconsider"]
    assert [len(answer.chains) for answer in climb.trail] == [3, 5, 6]
    truth, other = POOL[0].label or "", str(int(POOL[0].label or "") + 1)
    assert [answer.label for answer in climb.trail] == [other, other, truth]
    asked = next(prompt for prompt in teacher.asked if prompt.rung == "reconsider")
    assert {answer.label for answer in asked.shown.previous} == {truth, other}
    assert "leave doubt" in asked.messages[1]["content"]


def test_more_chains_are_new_draws_even_where_the_prompt_is_the_same(tmp_path: Path) -> None:
    def by_draw(prompt: Prompt, record: Record) -> dict[str, object]:
        return chain_of(record, words=f"Draw {prompt.sample} gives")

    teacher = ChainTeacher([*GOLD, *POOL], by_draw)
    with chain_ladder(tmp_path, teacher, GOLD, rungs=("brief", "wide")) as ladder:
        climb = Climb(POOL[0])
        for rung in ladder.rungs:
            ladder.reason([climb], rung, Template(), "label", aligned=False)
    assert len(climb.trail[-1].chains) == 5


def test_a_draw_without_an_answer_is_counted_and_does_not_vote(tmp_path: Path) -> None:
    def sometimes(prompt: Prompt, record: Record) -> dict[str, object] | str:
        return wording(prompt, record) if prompt.sample else "I would rather not say."

    teacher = ChainTeacher([*GOLD, *POOL], sometimes)
    with chain_ladder(tmp_path, teacher, GOLD) as ladder:
        (climb,) = ladder.reason([Climb(POOL[0])], ladder.rungs[0], Template(), "label")
    (answer,) = climb.trail
    assert answer.ok and len(answer.chains) == 2 and answer.vote_share == 1
    assert "answer_missing" in answer.notes


def test_no_usable_draw_is_a_named_outcome(tmp_path: Path) -> None:
    teacher = ChainTeacher([*GOLD, *POOL], lambda prompt, record: "")
    with chain_ladder(tmp_path, teacher, GOLD) as ladder:
        (climb,) = ladder.reason([Climb(POOL[0])], ladder.rungs[0], Template(), "label")
    assert climb.answer is None and climb.trail[0].outcome == "empty" and not climb.trail[0].chains


def test_a_missing_verdict_is_named_and_is_no_opinion(tmp_path: Path) -> None:
    teacher = ChainTeacher([*GOLD, *POOL], wording, lambda prompt, record: "Well, who knows.")
    with chain_ladder(tmp_path, teacher, GOLD) as ladder:
        (climb,) = ladder.reason([Climb(POOL[0])], ladder.rungs[0], Template(), "label")
    outcomes = {one.outcome for chain in climb.trail[0].chains for one in chain.evaluations}
    assert outcomes == {"verdict_missing"}
    assert climb.trail[0].approval is None and "approval" not in climb.signals[0]


def test_a_teacher_that_cannot_evaluate_is_not_asked_to(tmp_path: Path) -> None:
    teacher = ChainTeacher([*GOLD, *POOL], wording, rungs=("brief",))
    with chain_ladder(tmp_path, teacher, GOLD) as ladder:
        ladder.reason([Climb(POOL[0])], ladder.rungs[0], Template(), "label")
    assert teacher.count("evaluate") == 0


def test_an_answer_without_reasoning_votes_and_is_not_evaluated(tmp_path: Path) -> None:
    teacher = ChainTeacher([*GOLD, *POOL], lambda prompt, record: {"rationale": "", "answer": record.label})
    with chain_ladder(tmp_path, teacher, GOLD) as ladder:
        (climb,) = ladder.reason([Climb(POOL[0])], ladder.rungs[0], Template(), "label")
    assert climb.trail[0].label == POOL[0].label and teacher.count("evaluate") == 0


def test_nothing_is_asked_about_an_empty_question(tmp_path: Path) -> None:
    teacher = ChainTeacher(GOLD, wording)
    with chain_ladder(tmp_path, teacher, GOLD) as ladder:
        assert ladder.reason([Climb(Record("e", "  "))], Rung("brief"), Template(), "label") == []
    assert not teacher.asked
