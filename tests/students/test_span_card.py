"""The model card of a student of spans."""

from typing import Any

import pytest
import yaml

from dualchecker.students import span_card

NASTY = "a|b: \"c\" 'd'\n---\ntags: [x]\n# *e* `f` <script>$g$ \\| _h_\u2028i"


def card(**changes: Any) -> str:
    settings: dict[str, Any] = {
        "kind": "tokens",
        "base": "offline",
        "task_question": "What causes what?",
        "labels": {"cause": "Why it happens.", "effect": ""},
        "counts": {"gold": 200, "teacher": 1800},
        "metrics": {"strict_f1": {"value": 0.5123, "low": 0.45, "high": 0.57}, "overlap_f1": 0.7, "curve": [1, 2]},
        "seed": 7,
        "teacher": "gpt-5-mini",
    }
    return span_card(**{**settings, **changes})


def test_the_front_matter_says_what_the_hub_needs() -> None:
    assert yaml.safe_load(card().split("---\n", 2)[1]) == {
        "library_name": "transformers",
        "pipeline_tag": "token-classification",
        "tags": ["token-classification", "dualchecker", "distillation"],
        "base_model": "sentence-transformers/all-MiniLM-L6-v2",
    }
    front = yaml.safe_load(card(kind="linear", base="ngrams").split("---\n", 2)[1])
    assert front["library_name"] == "dualchecker" and "base_model" not in front


def test_it_tells_how_to_use_it() -> None:
    assert 'pipeline("token-classification", model="PATH/TO/THIS/FOLDER", aggregation_strategy="simple")' in card()
    linear = card(kind="linear")
    assert "transformers import" not in linear and "dualchecker.load_student" in linear
    assert "Logistic regression on vectors of" in linear and "Fine-tuned from" in card()


def test_results_have_readable_names_and_intervals() -> None:
    text = card(by_label={"cause": {"strict_f1": 0.25}})
    assert "| F1 of exact spans | 0.512 | 0.450 to 0.570 |" in text
    assert "### cause\n" in text and "| F1 of exact spans | 0.250 |" in text
    assert "curve" not in text
    assert "Not measured" in card(metrics={})


def test_what_it_could_not_learn_is_said() -> None:
    assert "cause: 3, effect: 1" in card(unexpressed={"cause": 3, "effect": 1})
    assert "learned nothing of" not in card()
    assert "not calibrated" in card() and "not calibrated" not in card(calibrated="By one exponent.")


@pytest.mark.parametrize("place", ["base", "task_question", "teacher", "calibrated"])
def test_no_name_breaks_the_card(place: str) -> None:
    text = card(**{place: NASTY}, labels={NASTY: NASTY}, unexpressed={NASTY: 2}, by_label={NASTY: {"strict_f1": 0.1}})
    front = yaml.safe_load(text.split("---\n", 2)[1])
    assert front["tags"] == ["token-classification", "dualchecker", "distillation"]
    assert "<script>" not in text and "\n# *e*" not in text
    widths = {
        line.replace("\\|", "").count("|")
        for line in text.split("## Labels")[1].split("##")[0].splitlines()
        if line.startswith("|")
    }
    assert widths == {3}
