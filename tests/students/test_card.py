"""The model card: readable, honest, and safe against any name in it."""

from typing import Any

import numpy as np
import pytest
import yaml

from dualchecker.students.card import model_card

NASTY = "a|b: \"c\" 'd'\n---\ntags: [x]\n# *e* `f` <script>$g$ \\| _h_\u2028i"


def card(**changes: Any) -> str:
    settings: dict[str, Any] = {
        "kind": "encoder",
        "base": "offline",
        "task_question": "Is it green?",
        "labels": {"green": "Saves energy.", "not_green": ""},
        "counts": {"gold": 200, "teacher": 1800},
        "metrics": {
            "accuracy": 0.912345,
            "macro F1": {"value": 0.9, "low": 0.88, "high": 0.93},
            "texts": 300,
        },
        "seed": 7,
        "teacher": "gpt-5-mini",
    }
    return model_card(**{**settings, **changes})


def split(text: str) -> tuple[dict[str, Any], str]:
    """Front matter and body, cut as the hub does: at the first line of three dashes after the first."""
    opening, front, body = text.split("---\n", 2)
    assert opening == ""
    return yaml.safe_load(front), body


def rows(body: str, heading: str) -> list[str]:
    """The lines of the table under a heading, without its two head lines."""
    section = body.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


def test_the_front_matter_says_what_the_hub_needs() -> None:
    front, _ = split(card())
    assert front == {
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["text-classification", "dualchecker", "distillation"],
        "base_model": "sentence-transformers/all-MiniLM-L6-v2",
    }


@pytest.mark.parametrize(
    ("base", "named"),
    [
        ("microsoft/deberta-v3-small", "microsoft/deberta-v3-small"),
        ("bert-base-uncased", "bert-base-uncased"),
        ("ngrams", None),
        ("/home/somebody/models/mine", None),
        ("~/mine", None),
        ("./mine", None),
        (NASTY, None),
    ],
)
def test_only_names_on_the_hub_become_the_base_model(base: str, named: str | None) -> None:
    text = card(base=base)
    assert split(text)[0].get("base_model") == named
    assert "somebody" not in text


def test_the_sections_tell_the_whole_story() -> None:
    _, body = split(card())
    assert "Is it green?" in body
    assert rows(body, "Labels") == ["| green | Saves energy. |", "| not_green |  |"]
    assert rows(body, "How it was made") == [
        "| labels by people | 200 |",
        "| labels by the teacher gpt-5-mini | 1800 |",
    ]
    assert "all-MiniLM-L6-v2 with seed 7" in body
    assert rows(body, "Results") == [
        "| accuracy | 0.912 |  |",
        "| macro F1 | 0.900 | 0.880 to 0.930 |",
        "| texts | 300 |  |",
    ]
    assert "teacher model" in body.split("## Limits")[1]


def test_how_to_use_it_fits_the_kind() -> None:
    assert 'pipeline("text-classification"' in card()
    linear = card(kind="linear")
    assert "dualchecker predict" in linear
    assert "pipeline(" not in linear
    assert split(linear)[0]["library_name"] == "dualchecker"


def test_results_of_a_run_are_told_and_what_is_no_number_is_left_out() -> None:
    metrics = {
        "count": 80,
        "macro_f1": {"value": 0.5, "low": 0.4, "high": 0.6},
        "brier": np.float32(0.25),
        "other": {"value": 0.1, "low": float("nan"), "high": None},
        "auroc": float("nan"),
        "reliability": [{"confidence": 0.9}, {"confidence": 0.8}, {"confidence": 0.7}],
        "confusion": {"labels": ["a"], "counts": [[1]]},
    }
    assert rows(card(metrics=metrics), "Results") == [
        "| texts | 80 |  |",
        "| macro-F1 | 0.500 | 0.400 to 0.600 |",
        "| Brier score of its confidence | 0.250 |  |",
        "| other | 0.100 |  |",
    ]


@pytest.mark.parametrize("metrics", [{}, {"accuracy": {"value": float("nan"), "low": None, "high": None}}])
def test_without_results_it_says_so(metrics: dict[str, Any]) -> None:
    assert "Not measured" in card(metrics=metrics)
    assert "| Measure" not in card(metrics=metrics)


def test_without_a_teacher_none_is_blamed() -> None:
    assert "teacher" not in card(counts={"gold": 200}, teacher="")


def test_nothing_from_outside_breaks_the_card() -> None:
    plain = card()
    text = card(
        task_question=NASTY,
        labels={NASTY: NASTY, "x": "y"},
        counts={NASTY: 3, "teacher": 4},
        metrics={NASTY: 0.5},
        teacher=NASTY,
        base=NASTY,
    )
    front, body = split(text)
    assert set(front) == {"library_name", "pipeline_tag", "tags"}
    headings = [line for line in body.splitlines() if line.startswith("#")]
    assert headings == [line for line in split(plain)[1].splitlines() if line.startswith("#")]
    assert "\n---" not in body
    assert "<script>" not in body.replace("\\<script\\>", "")
    cells = {"Labels": 2, "How it was made": 2, "Results": 3}
    for heading, count in cells.items():
        for row in rows(body, heading):
            assert row.replace("\\\\", "").replace("\\|", "").count("|") == count + 1


def test_calibration_is_told_with_its_effect_or_its_absence() -> None:
    assert "not calibrated" in card()
    assert "not calibrated" in card(calibration={"exponent": None, "judged": 3})
    told = card(
        calibration={"exponent": 0.5, "judged": 120, "test_ece_before": 0.21}, metrics={"accuracy": 0.8, "ece": 0.04}
    )
    assert "not calibrated" not in told
    for words in ("0.500", "120 texts", "0.210 before, 0.040 after"):
        assert words in told
