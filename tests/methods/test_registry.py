"""Every method of the run file as a whole run with the embedded teacher, and the ablations by their names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from dualchecker.config import MethodName, RunConfig, build_config
from dualchecker.data.corpora import corpus_path
from dualchecker.errors import ConfigError
from dualchecker.ledger import Ledger
from dualchecker.methods import ABLATIONS, METHODS
from dualchecker.runs import distill, plan_run

Write = Callable[..., RunConfig]

LABELS = {
    "green": "Its purpose is to cut energy use, emissions, waste or harm to nature.",
    "not_green": "Anything else.",
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A run on a slice of the embedded corpus; keys with dots are set."""
    for name, count in (("gold", 40), ("pool", 30), ("test", 20)):
        lines = (corpus_path("green-innovation") / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:count]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def config(**settings: Any) -> RunConfig:
        raw: dict[str, Any] = {
            "task": {"question": "Green?", "labels": LABELS},
            "data": {name: str(tmp_path / f"{name}.jsonl") for name in ("gold", "pool", "test")},
            "align": {"embedder": "ngrams"},
            "student": {"kind": "linear"},
            "check": {"threshold": 0.8, "rounds": 2},
            "evolve": {"rounds": 1, "requests": 4},
            "report": {"few_shot": False, "references": False},
            "output": str(tmp_path / "out"),
        }
        raw["data"]["columns"] = {"text": "summary"}
        for key, value in settings.items():
            section, _, name = key.partition(".")
            if name:
                raw.setdefault(section, {})[name] = value
            else:
                raw[section] = value
        return build_config(raw)

    return config


def test_the_registry_holds_every_method_of_the_run_file() -> None:
    assert set(METHODS) == set(get_args(MethodName))


def test_without_a_teacher_there_is_still_a_student_and_a_report(write: Write) -> None:
    config = write(method="gold_only", report={"few_shot": False, "references": False})
    assert not plan_run(config)[0]
    run = distill(config)
    assert run.metrics["requests"]["used"] == 0 and not run.metrics["teacher"]["stages"]
    assert run.metrics["student"]["test"]["accuracy"]["value"] > 0.5
    words = run.report.read_text(encoding="utf-8")
    assert "gold_only" in words and "<h2>Teacher, step by step</h2>" not in words


@pytest.mark.parametrize("method", [n for n in METHODS if n != "gold_only" and "labels" in METHODS[n].does])
def test_a_whole_run_with_the_embedded_teacher(write: Write, method: str, tmp_path: Path) -> None:
    config = write(method=method)
    lines, _ = plan_run(config)
    run = distill(config)
    assert [item.record.id for item in run.labels] == [record.id for record in _pool(tmp_path)]
    assert any(item.status == "accepted" for item in run.labels) or method in ("dualchecker", "freeal")
    used = run.metrics["requests"]["used"]
    assert sum(line.requests[0] for line in lines) <= used <= sum(line.requests[1] for line in lines)
    words = run.report.read_text(encoding="utf-8")
    assert method in words
    assert ("it was not calibrated on gold" in words or "no gold calibrated it" in words) == (method != "dualchecker")
    stages = run.metrics["teacher"]["stages"]
    assert list(stages)[-1] != "few_shot" or method in ("few_shot", "evokd")
    assert ("<h2>Teacher, step by step</h2>" in words) == (len(stages) > 1)


def _pool(folder: Path) -> list[Any]:
    from dualchecker.records import Record

    lines = (folder / "pool.jsonl").read_text(encoding="utf-8").splitlines()
    return [Record(json.loads(line)["id"], json.loads(line)["summary"]) for line in lines]


def test_generated_texts_are_counted_wherever_a_reader_looks(write: Write) -> None:
    run = distill(write(method="evokd"))
    taught, written = run.metrics["student"]["taught"], run.metrics["teacher"]["written"]
    assert taught["generated"] == written["texts"] == written["outcomes"]["ok"] > 0
    assert taught["teacher"] + taught["generated"] > taught["teacher"] == len(run.labels)
    card = (run.folder / "student/README.md").read_text(encoding="utf-8")
    assert f"| texts and labels written by the teacher exemplar | {taught['generated']} |" in card
    assert f"{taught['generated']} texts that the teacher wrote" in run.report.read_text(encoding="utf-8")
    assert run.metrics["gold_used"]["student_training"] == 40


def test_a_method_that_needs_a_writing_teacher_asks_nothing_of_another(write: Write, tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(f'{{"id": "{record.id}", "label": "green"}}\n' for record in _pool(tmp_path)))
    teacher = {"kind": "recorded", "answers": str(answers)}
    with pytest.raises(ConfigError, match="generate"):
        distill(write(method="evokd", teacher=teacher, report={"few_shot": True}))
    with Ledger.open(tmp_path / "out/ledger.sqlite", read_only=True) as ledger:
        assert ledger.totals().requests == 0, "not even the baseline"


def test_agreement_of_samples_and_prompts_is_planned_asked_for_and_named(write: Write) -> None:
    config = write(method="dualchecker", **{"check.samples": 2, "check.variants": 1})
    lines, _ = plan_run(config)
    run = distill(config)
    used = run.metrics["requests"]["used"]
    assert sum(line.requests[0] for line in lines) <= used <= sum(line.requests[1] for line in lines)
    purposes = run.metrics["requests"]["by_purpose"]
    assert purposes["sample/brief"] >= 2 * (30 + 40) and purposes["variant/brief"] >= 30 + 40
    first = [item for item in run.labels if item.answer is not None and item.answer.rung == "brief"]
    assert first and all({"sample_share", "variant_share"} <= item.confidence.signals.keys() for item in first)
    weights = run.metrics["teacher"]["calibration"]["weights"]["brief"]
    assert weights["sample_share"] >= 0 and weights["variant_share"] >= 0


def test_runs_that_share_a_ledger_count_what_each_has_used(write: Write, tmp_path: Path) -> None:
    alone = distill(write(method="few_shot", output=str(tmp_path / "apart"))).metrics
    distill(write(method="dualchecker"))
    shared = distill(write(method="few_shot")).metrics  # everything it asks was paid for by the run before, or not
    for name in ("used", "per_record", "by_purpose", "by_method"):
        assert shared["requests"][name] == alone["requests"][name], name
    assert shared["cost"] == alone["cost"] and shared["tokens"] == alone["tokens"]
    assert shared["ledger"]["requests"] > shared["requests"]["used"] == 35  # 30 texts, 5 reasons
    assert shared["requests"]["per_record"] == pytest.approx(35 / 30)


def test_a_baseline_beside_the_method_is_counted_apart(write: Write) -> None:
    config = write(method="cot", report={"few_shot": True, "references": False})
    requests = distill(config).metrics["requests"]
    assert list(requests["by_method"]) == ["few_shot", "cot"]
    # Both show the same five reasons: each method is charged for them, the run once.
    assert {name: part["used"] for name, part in requests["by_method"].items()} == {"few_shot": 35, "cot": 35}
    assert requests["used"] == 65


# --- ablations


def ablated(write: Write, name: str, **settings: Any) -> Any:
    return distill(write(**ABLATIONS[f"dualchecker_without_{name}"], **settings)).metrics


def test_every_ablation_is_a_valid_setting(write: Write) -> None:
    for name, settings in ABLATIONS.items():
        assert write(**settings) != write(), name


def test_without_the_aligner_every_rung_shows_fixed_demonstrations(write: Write) -> None:
    metrics = ablated(write, "aligner", report={"few_shot": False, "references": False})
    assert "first_answer" in metrics["teacher"]["stages"] and "aligner" not in metrics["teacher"]["stages"]
    assert metrics["requests"]["by_purpose"]["explain/explain"] <= 5 + 2 * 2, "fixed ones, and those of two refinements"
    rows = [json.loads(line) for line in (write().output_dir / "labels.jsonl").read_text().splitlines()]
    assert not any("neighbour_share" in row["signals"] for row in rows)
    assert any(len(row["trail"]) > 1 for row in rows), "it still climbs"


def test_without_rationales_none_is_asked_for(write: Write) -> None:
    assert "explain/explain" not in ablated(write, "rationales")["requests"]["by_purpose"]


def test_without_the_teacher_checker_nothing_climbs(write: Write) -> None:
    metrics = ablated(write, "teacher_checker")
    assert set(metrics["teacher"]["rungs"]) == {"brief"}
    assert metrics["teacher"]["calibration"]["weights"].keys() == {"brief"}


def test_without_the_student_checker_there_is_no_such_stage(write: Write) -> None:
    metrics = ablated(write, "student_checker")
    assert list(metrics["teacher"]["stages"]) == ["aligner", "teacher_checker"]
    assert metrics["teacher"]["calibration"]["fusion"] is None


def test_without_calibration_the_stated_confidence_meets_a_fixed_threshold(write: Write) -> None:
    settings = {**ABLATIONS["dualchecker_without_calibration"], "check.student": False}
    settings["check.threshold"] = {"precision": 0.95}
    run = distill(write(**settings))
    calibration = run.metrics["teacher"]["calibration"]
    assert calibration["calibrated"] is False
    assert calibration["threshold"]["value"] == 0.85 and calibration["threshold"]["target"] is None
    answered = [item for item in run.labels if item.answer is not None]
    assert answered
    for item in answered:
        assert item.answer is not None and item.answer.stated is not None
        assert item.confidence.value == pytest.approx(min(max(item.answer.stated, 0.005), 0.995))
        assert (item.status == "accepted") == (item.confidence.value >= 0.85)
    assert "it was not calibrated on gold" in run.report.read_text(encoding="utf-8")
