"""Which chains are distilled, which verdicts are taught."""

from chain_fakes import SUMS, make_sums, said
from dualchecker.checking import chain_examples, gold_chain_examples
from dualchecker.checking.chain_teaching import checked_chains
from dualchecker.checking.chain_vote import elected
from dualchecker.records import Answer, Chain, Confidence, Labelled, TaughtChain
from dualchecker.tasks.chains import chain_key

(RECORD,) = make_sums(1, "r")


def answer_of(*chains: Chain) -> Answer:
    return elected(Answer("r0", None, "failed", "brief"), chains, SUMS)


def labelled(answer: Answer, confidence: float = 0.9, status: str = "accepted") -> Labelled:
    return Labelled(RECORD, answer, Confidence(confidence), status)  # type: ignore[arg-type]


def test_chains_are_rejected_each_for_a_reason() -> None:
    answer = answer_of(
        said("5", "good", "correct", count=9),
        said("6", "other"),
        said("5", "slip", sound=0.5),
        said("5", "blamed", "wrong"),
        said("5", " "),
        said("5", "odd", "correct"),
    )
    chains = checked_chains(answer, 0.9, SUMS, {(chain_key("odd"), "5"): 0.2, (chain_key("good"), "5"): 0.9})
    found = [chain.rejected for chain in chains]
    assert found == ["", "other_answer", "unsound", "called_wrong", "empty_chain", "student_doubts"]
    assert chains[0].right == 0.9 and chains[1].right is not None and chains[1].right < 0.1


def test_unchecked_chains_are_all_taught_with_the_verdicts_as_they_are() -> None:
    answer = answer_of(said("5", "a", "correct"), said("5", "b", "wrong"), said("6", "c"))
    (example,) = chain_examples([labelled(answer)])
    assert example.chains == (
        TaughtChain("a", "5", 1.0, (("correct", "Because correct."),)),
        TaughtChain("b", "5", 1.0, (("wrong", "Because wrong."),)),
        TaughtChain("c", "6", 1.0, ()),
    )


def test_checked_chains_that_are_rejected_are_judged_and_not_written() -> None:
    answer = answer_of(
        said("5", "a", "correct", "wrong", right=0.9, count=5),
        said("6", "b", "correct", right=0.05, rejected="other_answer"),
        said("6", "c", right=0.05, rejected="other_answer"),
    )
    (example,) = chain_examples([labelled(answer)])
    assert example.chains == (
        TaughtChain("a", "5", 1.0, (("correct", "Because correct."),)),
        TaughtChain("b", "6", 0.0, (("wrong", ""),)),  # the teacher's praise of it is not handed on
    )


def test_of_doubtful_answers_the_verdicts_stay_as_they_are() -> None:
    answer = answer_of(said("5", "a", "wrong", right=0.4, count=3), said("6", "b", "correct", right=0.3))
    (example,) = chain_examples([labelled(answer, 0.5, "abstained")])
    assert [chain.verdicts[0][0] for chain in example.chains] == ["wrong", "correct"]
    assert [chain.verdict_weight for chain in example.chains] == [1.0, 1.0]
    assert example.weight == 0.25
    assert chain_examples([labelled(answer, 0.5, "abstained")], "drop") == []


def test_where_checks_and_answer_disagree_no_verdict_is_taught() -> None:
    answer = answer_of(said("5", "a", "wrong", right=0.9, rejected="called_wrong"))
    (example,) = chain_examples([labelled(answer)])
    assert example.chains == ()


def test_gold_is_taught_with_reasons_and_with_the_teachers_chains_judged_by_it() -> None:
    truth = RECORD.label or ""
    answer = answer_of(said("1", "bad", "correct", count=3), said(truth, "fine", "uncertain"))
    (example,) = gold_chain_examples([RECORD], SUMS, {"r0": "As people see it."}, {"r0": answer})
    assert example.label == truth
    assert example.chains == (
        TaughtChain("As people see it.", truth),
        TaughtChain("bad", "1", 0.0, (("wrong", ""),)),
        TaughtChain("fine", truth, 1.0, (("correct", ""),)),
    )


def test_gold_without_a_word_of_the_teacher_is_its_answer() -> None:
    (example,) = gold_chain_examples([RECORD], SUMS, {}, {})
    assert example.label == RECORD.label and example.chains == () and example.source == "gold"
