"""Chains of equal content are one, the rest votes; verdicts and arithmetic weigh."""

from chain_fakes import SUMS, said
from dualchecker.checking.chain_vote import elected, failure, joined, parties, rivals
from dualchecker.records import Answer

BLANK = Answer("r", None, "failed", "brief")


def test_chains_with_the_same_words_count_as_one_that_was_drawn_more_often() -> None:
    five = [said("5", "2 + 3 = 5.", key=f"k{n}") for n in range(4)] + [said("5", "2 + 3  =  5", key="k4")]
    (chain,) = joined((), five, SUMS)
    assert chain.count == 5
    answer = elected(BLANK, (chain,), SUMS)
    assert answer.label == "5" and answer.vote_share == 1 and len(answer.chains) == 1


def test_a_teacher_that_only_repeats_itself_has_one_vote() -> None:
    (chain,) = joined((), [said("5", key="same") for _ in range(5)], SUMS)
    assert chain.count == 1
    assert joined((chain,), [said("5", key="same")], SUMS)[0].count == 1


def test_the_same_words_with_another_answer_are_another_chain() -> None:
    assert len(joined((), [said("5", "It follows.", key="a"), said("6", "It follows.", key="b")], SUMS)) == 2


def test_the_majority_wins_and_answers_are_compared_by_value() -> None:
    chains = [said("5", "a"), said("5.0", "b"), said("6", "c")]
    assert [(p.answer, len(p.chains)) for p in parties(chains, SUMS)] == [("5", 2), ("6", 1)]
    answer = elected(BLANK, chains, SUMS)
    assert answer.label == "5" and answer.vote_share == 2 / 3 and answer.ok


def test_verdicts_outweigh_a_bare_majority() -> None:
    chains = [said("6", "a", "wrong"), said("6", "b", "wrong"), said("5", "c", "correct")]
    answer = elected(BLANK, chains, SUMS)
    assert (answer.label, answer.approval, answer.rival_approval) == ("5", 1.0, 0.0)


def test_unsound_arithmetic_weighs_less() -> None:
    chains = [said("6", "a", sound=0.0), said("6", "b", sound=0.0), said("5", "c", sound=1.0)]
    assert elected(BLANK, chains, SUMS).label == "5"


def test_all_verdicts_the_same_leave_the_majority() -> None:
    for verdict in ("wrong", "uncertain", "correct"):
        chains = [said("6", "a", verdict), said("6", "b", verdict), said("5", "c", verdict)]
        assert elected(BLANK, chains, SUMS).label == "6"


def test_the_best_chain_is_the_reason() -> None:
    chains = [said("5", "doubtful", "uncertain"), said("5", "good", "correct")]
    assert elected(BLANK, chains, SUMS).rationale == "good"


def test_a_teacher_that_decides_is_followed() -> None:
    chains = [said("6", "a"), said("6", "b"), said("5", "c")]
    assert elected(BLANK, chains, SUMS, said="5").label == "5"
    assert elected(BLANK, chains, SUMS, said="5").vote_share == 1 / 3
    assert elected(BLANK, chains, SUMS, said="99").label == "6"


def test_rivals_are_the_best_chains_of_the_two_strongest_answers() -> None:
    chains = [said("6", "a"), said("6", "b", "correct"), said("5", "c"), said("4", "d", "wrong")]
    answer = elected(BLANK, chains, SUMS)
    assert [(r.label, r.rationale) for r in rivals(answer, SUMS)] == [("6", "b"), ("5", "c")]


def test_without_a_chain_there_is_no_answer() -> None:
    assert elected(BLANK, (), SUMS) == BLANK
    assert failure([]) == "failed"
    outcomes = [Answer("r", None, name, "brief") for name in ("empty", "answer_missing", "answer_missing")]
    assert failure(outcomes) == "answer_missing"
