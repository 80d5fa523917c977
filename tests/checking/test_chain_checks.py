"""What speaks against a chain of thought."""

from fractions import Fraction

import pytest

from dualchecker.checking import ChainFault, chain_faults, choice_faults, doubted
from dualchecker.checking.chain_checks import FAULT_LOG_ODDS, RIVAL_LOG_ODDS

QUESTION = "Danny found 22 bottle caps and 8 wrappers. Now he has 28 bottle caps.\nHow many bottle caps did he have?"


@pytest.mark.parametrize(
    ("rationale", "answer", "equation", "expected"),
    [
        ("He has 28 and found 22. 28 - 22 = 6.", 6, "(28 - 22)", ()),
        ("28 minus 22 is 6 bottle caps.", 6, "", ()),
        ("So he had 28 - 22 = 7 caps.", 7, "(28 - 22)", ("arithmetic_wrong",)),
        ("28 - 22 = 6. 6 + 8 = 14.", 6, "(28 - 22)", ("answer_not_reached",)),
        ("28 - 22 = 6. So there are 6 caps, and the 8 wrappers do not count: 6.", 6, "", ()),
        ("22 + 8 = 30. 30 - 28 = 2.", 2, "(30 - 28)", ()),
        ("28 - 19 = 9.", 9, "(28 - 19)", ("number_from_nowhere",)),
        ("He had them all along.", 9, "(28 - 19)", ("number_from_nowhere",)),
        ("22 - 28 = -6.", -6, "(22 - 28)", ("answer_negative",)),
        ("He had them all along.", 6, "", ()),
        ("22 - (-8) = 30.", 30, "(22 - (-8))", ()),
    ],
)
def test_faults_are_named(rationale: str, answer: int, equation: str, expected: tuple[ChainFault, ...]) -> None:
    assert chain_faults(QUESTION, rationale, Fraction(answer), equation) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("There are 7 apples for 2 boys.\nHow many apples are there for each?", ("answer_fractional",)),
        ("There are 7 apples for 2 boys.\nHow many more apples are there for each?", ("answer_fractional",)),
        ("He ran 7 miles on 2 days.\nHow many miles did he run each day?", ()),
        ("There are 7 apples for 2 boys.\nHow many apples are there on average?", ()),
        ("7 apples cost 2 coins.\nHow much does one coin buy?", ()),
        ("There are 3.5 apples and 2 boys.\nHow many apples are there for each?", ()),
    ],
)
def test_a_part_of_a_thing_is_no_count(question: str, expected: tuple[ChainFault, ...]) -> None:
    assert chain_faults(question, "", Fraction(7, 2)) == expected


def test_an_answer_below_zero_is_fine_where_nothing_is_counted() -> None:
    question = "It was 3 degrees and fell by 8 degrees.\nWhat is the temperature?"
    assert chain_faults(question, "3 - 8 = -5", Fraction(-5), "3 - 8") == ()


def test_the_digits_given_are_enough() -> None:
    question = "He shares 10 dollars among 3 friends.\nHow much does each get?"
    assert chain_faults(question, "10 / 3 = 3.33", Fraction(10, 3), "10 / 3") == ()


def test_a_choice_beside_the_label_is_a_rival() -> None:
    choices = ("book shop", "book", "swimming pool", "it")
    assert choice_faults("One buys novels in a book shop, it is said.", "book shop", choices) == ()
    assert choice_faults("One swims in pools.", "book shop", choices) == ()
    assert choice_faults("Not in a swimming pool but in a Book Shop.", "book shop", choices) == ("rival_named",)


def test_faults_lower_the_probability_by_what_is_set() -> None:
    def odds(value: float) -> float:
        return value / (1 - value)

    assert doubted(0.7, ()) == pytest.approx(0.7)
    many = doubted(0.7, ("arithmetic_wrong", "answer_negative"))
    assert odds(many) == pytest.approx(odds(0.7) * 2.718281828 ** (-2 * FAULT_LOG_ODDS))
    assert odds(doubted(0.7, ("rival_named",))) == pytest.approx(odds(0.7) * 2.718281828**-RIVAL_LOG_ODDS)
    assert 0 < doubted(0.0, ("arithmetic_wrong",)) < doubted(0.0, ()) < doubted(1.0, ()) < 1
