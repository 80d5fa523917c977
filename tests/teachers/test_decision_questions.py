"""Orders, groups, averages and tournaments, without a server."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.prompts.prompt import Shown
from dualchecker.records import Demonstration, Record
from dualchecker.teachers.decision_questions import (
    Ballot,
    compose,
    in_groups,
    in_orders,
    mix,
    none_option,
    questions_by_label,
    state_of,
    yes_first,
)
from dualchecker.teachers.decision_wires import Decision, Option

KETTLE = Demonstration(Record("d", "A kettle.", "It boils."), "warm", "Heat.")
FROST = Demonstration(Record("e", "Frost."), "cold")
SHOWN = Shown("Ice.", ("warm", "cold"), (KETTLE, FROST), question="Warm or cold?", descriptions=("About heat.", ""))


def options(count: int) -> tuple[Option, ...]:
    return tuple((f"n{number}", "") for number in range(count))


def ballot(count: int, most: int, orders: int = 1, *, none: bool = False) -> Ballot:
    return Ballot("choice", "Which?", options(count), ("none of these", "") if none else None, orders, most, "seed")


def ok(**shares: float) -> Decision:
    return Decision("ok", shares, chosen=max(shares, key=lambda name: shares[name]))


def test_the_state_holds_the_demonstrations_and_the_text_as_values() -> None:
    assert state_of(SHOWN) == {
        "examples": [{"text": "A kettle.", "reason": "Heat.", "label": "warm"}, {"text": "Frost.", "label": "cold"}],
        "text": "Ice.",
    }
    assert state_of(Shown("", ("a", "b"))) == {"text": ""}


def test_one_question_a_label_where_a_text_may_have_several() -> None:
    first, second = questions_by_label(SHOWN)
    assert (first.kind, first.names, second.names) == ("yes_no", ("warm", "not warm"), ("cold", "not cold"))
    assert first.options[0] == ("warm", "About heat.")
    assert first.instructions.startswith("Warm or cold?") and '"warm"' in first.instructions
    assert first.instructions != second.instructions


@pytest.mark.parametrize(
    ("labels", "yes"),
    [
        (("green", "not_green"), "green"),
        (("not_green", "green"), "green"),
        (("no", "yes"), "yes"),
        (("False", "True"), "True"),
        (("warm", "cold"), "warm"),
        (("Non-toxic", "toxic"), "toxic"),
        (("nothing", "thing"), "nothing"),
    ],
)
def test_the_natural_yes(labels: tuple[str, str], yes: str) -> None:
    ordered = yes_first([(label, "") for label in labels])
    assert ordered[0][0] == yes and {name for name, _ in ordered} == set(labels)


def test_the_option_for_none_has_a_name_that_no_label_has() -> None:
    assert none_option(["a", "b"])[0] == "none of these"
    assert none_option(["None_of_these"])[0] == "none of the other options"
    assert none_option(["none of these", "none of the other options"])[0] == "none of all these"


@given(st.integers(2, 30), st.integers(2, 30), st.text(max_size=5))
def test_orders_hold_all_options_and_differ(count: int, orders: int, seed: str) -> None:
    found = in_orders(options(count), orders, seed)
    assert len(set(found)) == len(found) == min(count, orders)
    assert all(sorted(order) == sorted(options(count)) for order in found)
    assert found == in_orders(options(count), orders, seed), "the same for the same seed"


def test_as_many_orders_as_options_put_each_in_every_place() -> None:
    found = in_orders(options(5), 5, "s")
    for place in range(5):
        assert {order[place] for order in found} == set(options(5))


def test_one_order_is_the_tasks_own_and_seeds_draw_different_ones() -> None:
    assert in_orders(options(4), 1, "s") == [options(4)]
    assert len({in_orders(options(6), 2, f"text {i}")[0] for i in range(20)}) > 10


@given(st.integers(2, 400), st.integers(2, 60))
def test_groups_part_the_options_evenly(count: int, most: int) -> None:
    groups = in_groups(options(count), most, "s")
    assert sorted(itertools.chain(*groups)) == sorted(options(count))
    sizes = {len(group) for group in groups}
    assert max(sizes) <= most and max(sizes) - min(sizes) <= 1
    assert all(list(group) == sorted(group, key=options(count).index) for group in groups)


@given(st.integers(2, 300), st.integers(3, 40), st.booleans(), st.integers(1, 3))
def test_every_tournament_ends_with_one_group(count: int, most: int, none: bool, orders: int) -> None:
    found = ballot(count, most, orders, none=none)
    assert all(2 <= len(question.options) <= most for question in found.likely())
    labels = list(found.labels)
    rounds = 0
    while len(groups := found.round(labels)) > 1:
        rounds += 1
        uniform = [dict.fromkeys(group.options, 1 / len(group.options)) for group in groups]
        labels = found.winners(labels, uniform)
        assert rounds < 12
    assert len(groups[0].options) <= most


def test_winners_are_the_likeliest_of_each_group_in_the_tasks_order() -> None:
    found = ballot(6, 4)
    groups = [{"n0": 0.1, "n2": 0.3, "n4": 0.6}, {"n1": 0.2, "n3": 0.7, "n5": 0.1}]
    assert [name for name, _ in found.winners(found.labels, groups)] == ["n1", "n2", "n3", "n4"]


# Averaging


def test_orders_are_averaged_and_their_distance_is_told() -> None:
    mixed = mix([ok(a=0.9, b=0.1), ok(a=0.5, b=0.5)], ["a", "b"])
    assert mixed.probabilities == pytest.approx({"a": 0.7, "b": 0.3})
    assert (mixed.chosen, mixed.spread, mixed.notes) == ("a", pytest.approx(0.4), ())


def test_orders_that_lead_to_other_labels_are_noted() -> None:
    assert mix([ok(a=0.9, b=0.1), ok(a=0.4, b=0.6)], ["a", "b"]).notes == ("order_decides",)


def test_an_order_without_an_answer_is_left_out_and_noted() -> None:
    mixed = mix([Decision("refused", {}), ok(a=0.2, b=0.8)], ["a", "b"])
    assert mixed.probabilities == {"a": 0.2, "b": 0.8} and mixed.spread is None
    assert mixed.notes == ("orders_incomplete",)


@pytest.mark.parametrize(
    ("verdicts", "named"),
    [
        (["refused", "unanswered"], "refused"),
        (["unreadable", "unanswered"], "unanswered"),
        (["unreadable"], "unreadable"),
    ],
)
def test_no_answer_at_all_has_a_name(verdicts: list[str], named: str) -> None:
    mixed = mix([Decision(verdict, {}) for verdict in verdicts], ["a", "b"])  # type: ignore[arg-type]
    assert mixed.verdict == named and mixed.probabilities == {} and mixed.chosen is None


def test_a_tie_goes_to_what_the_server_chose_and_then_to_the_tasks_order() -> None:
    assert mix([Decision("ok", {"a": 0.5, "b": 0.5}, chosen="b")], ["a", "b"]).chosen == "b"
    assert mix([Decision("ok", {"a": 0.5, "b": 0.5})], ["a", "b"]).chosen == "a"


def test_the_probabilities_decide_against_the_servers_own_choice() -> None:
    mixed = mix([Decision("ok", {"a": 0.8, "b": 0.2}, chosen="b")], ["a", "b"])
    assert (mixed.chosen, mixed.notes) == ("a", ("choice_not_likeliest",))


# Composing


def test_who_fell_out_keeps_the_ratio_to_the_winners_of_the_group() -> None:
    groups = [{"a": 0.8, "b": 0.2}, {"c": 0.5, "d": 0.5}]
    found = compose([groups, [{"a": 0.75, "c": 0.25}]])
    assert sum(found.values()) == pytest.approx(1)
    assert found["b"] / found["a"] == pytest.approx(0.25)
    assert found["d"] / found["c"] == pytest.approx(1)
    assert found["c"] / found["a"] == pytest.approx(1 / 3)


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=60), st.integers(2, 7))
def test_a_model_that_keeps_ratios_gets_its_own_distribution_back(weights: list[float], most: int) -> None:
    """Whatever the groups: for such a model the composed distribution is the one without a tournament."""
    total = sum(weights)
    truth = {f"n{number}": weight / total for number, weight in enumerate(weights)}
    found, rounds = ballot(len(weights), most), []
    labels = list(found.labels)
    while True:
        groups = found.round(labels)
        shares = [{name: truth[name] for name in group.options} for group in groups]
        rounds.append([{name: p / sum(group.values()) for name, p in group.items()} for group in shares])
        if len(groups) == 1:
            break
        labels = found.winners(labels, rounds[-1])
    assert compose(rounds) == pytest.approx(truth)


def test_a_group_whose_winners_had_nothing_brings_nothing() -> None:
    assert compose([[{"a": 0.0, "b": 0.0}, {"c": 1.0}], [{"a": 0.0, "c": 1.0}]]) == {"a": 0, "b": 0, "c": 1}
    assert compose([[{}]]) == {}
