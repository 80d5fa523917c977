"""Confidences taken as the teacher claims them."""

import numpy as np
import pytest

from dualchecker.confidence import as_stated, fit_map


def test_a_claim_is_taken_as_it_is_and_what_is_stated_comes_first() -> None:
    rows = [
        {"stated": 0.7, "label_probability": 0.2, "neighbour_share": 0.9},
        {"label_probability": 0.9, "repeat_share": 0.1},
        {"stated": float("nan"), "label_probability": 0.6},
    ]
    np.testing.assert_allclose(as_stated().predict(rows), [0.7, 0.9, 0.6])
    learnt = fit_map(rows, [True, False, False], as_stated(), "none")
    np.testing.assert_allclose(learnt.predict(rows), [0.7, 0.9, 0.6])
    assert learnt.fitted_on == 0


def test_what_claims_nothing_is_not_believed() -> None:
    assert as_stated().predict([{"neighbour_share": 0.9}, {}]) == pytest.approx([0, 0], abs=1e-9)
