"""Opinions of several teachers put together, and what one more would be worth."""

import numpy as np
import pytest

from dualchecker.confidence import MajorityModel, Opinion, PanelModel, expected_gain
from dualchecker.confidence.opinions import Opinions, teacher_share, temper

NAMES = ("good", "poor")


def simulate(count: int, seed: int, *, repeats: bool = False) -> tuple[list[dict[str, Opinion]], list[int]]:
    """Two teachers, right 85 % and 75 % of the time; ``repeats`` makes the second one an echo of the first."""
    generator = np.random.default_rng(seed)
    rows: list[dict[str, Opinion]] = []
    truth: list[int] = []
    for _ in range(count):
        label = int(generator.random() < 0.4)
        first = label if generator.random() < 0.85 else 1 - label
        second = first if repeats else label if generator.random() < 0.75 else 1 - label
        sure = float(generator.choice([0.9, 0.7], p=[0.7, 0.3] if first == label else [0.4, 0.6]))
        rows.append({"good": Opinion(first, {"stated": sure}), "poor": Opinion(second, {"stated": 0.9})})
        truth.append(label)
    return rows, truth


def test_the_value_of_a_vote_by_hand() -> None:
    now = np.array([[0.6, 0.4], [0.95, 0.05]])
    votes = np.array([[0.8, 0.2], [0.2, 0.8]])
    # 0.6 * 0.8 + 0.4 * 0.8 is right in the end, 0.6 was before; where 0.95 is sure, no vote can change the label.
    assert expected_gain(now, votes) == pytest.approx([0.2, 0.0])
    surer = expected_gain(now, votes, "sureness")
    by_hand = (0.48**2 + 0.08**2) / 0.56 + (0.12**2 + 0.32**2) / 0.44 - (0.36 + 0.16)
    assert surer[0] == pytest.approx(by_hand)
    assert surer[1] > 0


def test_a_better_teacher_is_worth_more_and_a_blind_one_nothing() -> None:
    now = np.array([[0.5, 0.3, 0.2]])

    def coin(right: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        return np.full((3, 3), (1 - right) / 2) + np.eye(3) * (right - (1 - right) / 2)

    gains = [float(expected_gain(now, coin(p), "sureness")[0]) for p in (1 / 3, 0.5, 0.7, 0.9, 1.0)]
    assert gains == sorted(gains) and gains[0] == pytest.approx(0, abs=1e-12)
    assert gains[-1] == pytest.approx(1 - 0.38)
    assert float(expected_gain(now, coin(1.0))[0]) == pytest.approx(0.5)


def test_the_pool_is_surer_where_teachers_agree_and_follows_the_better_one() -> None:
    rows, truth = simulate(600, 0)
    model = PanelModel.fit(rows, truth, NAMES, 2)
    agree: Opinions = {"good": Opinion(1, {"stated": 0.8}), "poor": Opinion(1, {"stated": 0.9})}
    differ: Opinions = {"good": Opinion(1, {"stated": 0.8}), "poor": Opinion(0, {"stated": 0.9})}
    only: Opinions = {"good": Opinion(1, {"stated": 0.8})}
    both, torn, one = model.posterior([agree, differ, only])[:, 1]
    assert both > one > torn > 0.5
    new, labels = simulate(2000, 1)
    right = model.posterior(new).argmax(axis=1) == labels
    assert right.mean() > 0.84
    sure = model.posterior(new).max(axis=1)
    assert abs(sure.mean() - right.mean()) < 0.03


def test_an_echo_adds_nothing() -> None:
    rows, truth = simulate(600, 0, repeats=True)
    model = PanelModel.fit(rows, truth, NAMES, 2)
    row: Opinions = {"good": Opinion(1, {"stated": 0.8})}
    echo: Opinions = {**row, "poor": Opinion(1, {"stated": 0.9})}
    alone, together = model.posterior([row, echo])[:, 1]
    assert abs(alone - together) < 0.05
    now = model.posterior([row])
    heard = frozenset({"good"})
    assert model.expected_gain(now, heard, "poor", "sureness")[0] < 0.02
    independent = PanelModel.fit(*simulate(600, 0), NAMES, 2)
    assert independent.expected_gain(now, heard, "poor", "sureness")[0] > model.expected_gain(
        now, heard, "poor", "sureness"
    )


@pytest.mark.parametrize("labels", [2, 4])
def test_how_a_teacher_would_vote_is_a_distribution(labels: int) -> None:
    generator = np.random.default_rng(3)
    truth = generator.integers(0, labels, 80).tolist()
    rows: list[dict[str, Opinion]] = []
    for t in truth:
        wrong = int(generator.integers(0, labels))
        rows.append({n: Opinion(t if generator.random() < 0.7 else wrong, {}) for n in NAMES})
    model = PanelModel.fit(rows, truth, NAMES, labels)
    for spoken in (frozenset[str](), frozenset({"good"})):
        for lead in range(labels):
            table = model.vote_given(spoken, "poor", lead)
            assert table.shape == (labels, labels) and (table >= 0).all()
            assert table.sum(axis=1) == pytest.approx(np.ones(labels))


def test_without_gold_the_prior_speaks() -> None:
    model = PanelModel.fit([], [], NAMES, 3)
    rows: list[Opinions] = [{}, {"good": Opinion(2, {"stated": 0.9})}, {n: Opinion(2, {"stated": 0.9}) for n in NAMES}]
    shares = model.posterior(rows)
    assert shares[0] == pytest.approx([1 / 3] * 3)
    assert shares[2, 2] > shares[1, 2] > 1 / 3
    assert MajorityModel.fit([], [], 3).posterior(rows)[2].argmax() == 2


def test_a_single_gold_record_does_not_speak_for_itself() -> None:
    """With one gold record a label, its own truth must not make its own evidence surer than a new record's."""
    truth = list(range(10))
    rows = [{n: Opinion(t, {"stated": 0.8}) for n in NAMES} for t in truth]
    model = PanelModel.fit(rows, truth, NAMES, 10)
    new: Opinions = {"good": Opinion(3, {"stated": 0.8})}
    assert 0.1 < model.posterior([new])[0, 3] < 1.0


def test_very_sure_probabilities_keep_their_order() -> None:
    values = [temper(p) for p in (0.2, 0.5, 0.9, 0.999, 0.99999, 0.9999999)]
    assert values == sorted(values) and len(set(values)) == 6
    assert values[1] == pytest.approx(0.5)
    assert 0.005 < temper(0.0) < temper(1.0) < 0.995


def test_the_majority_is_as_sure_as_it_was_right_on_gold() -> None:
    generator = np.random.default_rng(5)
    rows, truth = [], []
    for _ in range(900):
        label = int(generator.integers(0, 2))
        votes = [label if generator.random() < 0.7 else 1 - label for _ in range(3)]
        rows.append({str(i): Opinion(vote, {}) for i, vote in enumerate(votes)})
        truth.append(label)
    model = MajorityModel.fit(rows, truth, 2)
    all_of_them: Opinions = {str(i): Opinion(1, {}) for i in range(3)}
    two: Opinions = {**all_of_them, "2": Opinion(0, {})}
    shares = model.posterior([all_of_them, two, {}])
    assert shares[0, 1] == pytest.approx(0.343 / (0.343 + 0.027), abs=0.05)
    assert shares[1, 1] == pytest.approx(0.7, abs=0.05)
    assert shares[2] == pytest.approx([0.5, 0.5])


def test_the_share_of_the_others() -> None:
    assert teacher_share([1, 1, 0], 1) == pytest.approx(0.5)
    assert teacher_share([1, 1, 0], 0) == 0
    assert teacher_share([1], 1) is None


def test_however_many_agree_no_label_is_certain() -> None:
    names = [f"teacher {number}" for number in range(14)]
    truth = [i % 12 for i in range(240)]
    gold = [
        {name: Opinion(label, {"stated": 0.99, "label_probability": 0.9999999}) for name in names} for label in truth
    ]
    assert 0.999 < PanelModel.fit(gold, truth, names, 12).posterior(gold).max() < 1
