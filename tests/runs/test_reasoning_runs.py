"""Whole runs where reasoning is asked for: the program teaches word problems, a small model of its own learns."""

import json
from pathlib import Path
from typing import Any

import pytest

from dualchecker.config import build_config
from dualchecker.data.word_problems import write_word_problems
from dualchecker.errors import ConfigError, DataError
from dualchecker.methods import MINDS_MIRROR
from dualchecker.runs import Run, distill

pytest.importorskip("torch")


def folder_with_problems(tmp_path: Path, **sizes: int) -> Path:
    write_word_problems(tmp_path, {"gold": 40, "pool": 40, "test": 8} | sizes)
    return tmp_path


def run(folder: Path, name: str = "run", **settings: Any) -> Run:
    values: dict[str, Any] = {
        "task": {"kind": "reasoning", "question": "Solve the word problem."},
        "data": {"gold": "gold.jsonl", "pool": "pool.jsonl", "test": "test.jsonl"},
        "teacher": {"kind": "program"},
        "align": {"embedder": "ngrams", "demonstrations": 2, "neighbours": 1},
        "reasoning": {"chains": 3, "more": 2, "evaluations": 1},
        "student": {"epochs": 0.5, "samples": 2, "batch_size": 16, "min_steps": 1},
        "report": {"few_shot": False, "references": False},
        "output": name,
    }
    for key, value in settings.items():
        values[key] = {**values[key], **value} if isinstance(value, dict) and key in values else value
    return distill(build_config(values, root=folder))


def rows(folder: Path, name: str = "labels") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


TAUGHT = {
    "standard_distillation": (0, 0),
    "single_cot": (1, 0),
    "multi_cot": (3, 0),
    "single_cot_self_eval": (1, 1),
    "minds_mirror": (3, 1),
}


@pytest.mark.parametrize("method", MINDS_MIRROR)
def test_each_method_asks_for_and_teaches_what_it_says(tmp_path: Path, method: str) -> None:
    result = run(folder_with_problems(tmp_path), method=method)
    chains, verdicts = TAUGHT[method]
    for row in rows(result.folder):
        assert row["status"] == "accepted" and sum(chain["count"] for chain in row["chains"]) == chains
        assert all(len(chain["evaluations"]) == verdicts for chain in row["chains"])
        assert not any(chain["rejected"] for chain in row["chains"])  # nothing is checked here
    assert result.student.judges == bool(verdicts)  # type: ignore[union-attr]
    assert len(rows(result.folder, "predictions")) == 8


@pytest.mark.parametrize("interim", ["linear", "reasoner"])
def test_dualchecker_checks_answers_and_chains(tmp_path: Path, interim: str) -> None:
    result = run(
        folder_with_problems(tmp_path),
        student={"interim": interim},
        check={"rungs": ["brief", "wide"], "threshold": 0.8},
    )
    stages = result.metrics["teacher"]["stages"]
    assert list(stages) == ["aligner", "teacher_checker", "student_checker"]
    accepted = [row for row in rows(result.folder) if row["status"] == "accepted"]
    assert accepted and all(row["confidence"] is not None for row in accepted)
    chains = [chain for row in rows(result.folder) for chain in row["chains"]]
    assert any(chain["rejected"] == "other_answer" for chain in chains)
    assert all(chain["right"] is not None for chain in chains)
    before, after = (stages["student_checker"]["chains"][name]["value"] for name in ("right", "right_of_kept"))
    assert after > before


def test_the_same_run_again_asks_nothing_and_says_the_same(tmp_path: Path) -> None:
    folder = folder_with_problems(tmp_path)
    first = run(folder, method="minds_mirror")
    asked = first.metrics["requests"]["answered"]
    kept = (first.folder / "labels.jsonl").read_bytes(), (first.folder / "predictions.jsonl").read_bytes()
    second = run(folder, method="minds_mirror")
    assert second.metrics["requests"]["answered"] == asked
    assert kept == ((second.folder / "labels.jsonl").read_bytes(), (second.folder / "predictions.jsonl").read_bytes())


def test_some_checked_answers_are_held_back_to_calibrate_the_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dualchecker.runs.held_back.LEAST", 1)
    monkeypatch.setattr("dualchecker.runs.held_back._SHARE", 0.5)
    folder = folder_with_problems(tmp_path)
    check = {"student": False, "threshold": 0.6, "doubtful": "drop"}
    result = run(folder, check=check, student={"epochs": 3, "learning_rate": 5e-3})
    accepted = sum(row["status"] == "accepted" for row in rows(result.folder))
    learnt = result.metrics["student"]["calibration"]
    assert learnt["by"] == "checked" and 0 < learnt["judged"] <= accepted // 2
    assert result.metrics["student"]["taught"]["teacher"] == accepted - accepted // 2
    plain = run(
        folder, "plain", check={"student": False, "threshold": 0.6, "doubtful": "drop"}, student={"calibrate": False}
    )
    assert plain.metrics["student"]["taught"]["teacher"] == accepted
    assert "calibration" not in plain.metrics["student"]


def test_references_learn_the_same_answers_with_less_around_them(tmp_path: Path) -> None:
    result = run(folder_with_problems(tmp_path), method="minds_mirror", report={"few_shot": False, "references": True})
    assert list(result.metrics["references"]) == ["gold_only", "answers_alone", "one_chain", "chains_alone"]
    assert result.metrics["references"]["chains_alone"]["verdict_auroc"] is None


def test_recorded_chains_and_evaluations_are_replayed(tmp_path: Path) -> None:
    folder = folder_with_problems(tmp_path)
    first = run(folder, method="minds_mirror")
    recorded = [
        {
            "id": row["id"],
            "label": chain["answer"],
            "rationale": chain["rationale"],
            "evaluations": [{"verdict": one["verdict"], "rationale": one["rationale"]} for one in chain["evaluations"]],
        }
        for row in rows(first.folder)
        for chain in row["chains"]
    ]
    (folder / "chains.jsonl").write_text("\n".join(map(json.dumps, recorded)), encoding="utf-8")
    second = run(folder, "again", method="minds_mirror", teacher={"kind": "recorded", "answers": "chains.jsonl"})
    told = [
        [
            {(c["rationale"], c["answer"], c["evaluations"][0]["verdict"]) for c in row["chains"]}
            for row in rows(r.folder)
        ]
        for r in (first, second)
    ]
    assert told[0] == told[1]


def test_choices_of_their_own_are_asked_for_shown_and_answered(tmp_path: Path) -> None:
    for name, count in (("gold", 24), ("pool", 12)):
        (tmp_path / f"{name}.jsonl").write_text(
            "\n".join(
                json.dumps(
                    {
                        "id": f"{name}{i}",
                        "text": f"Who swims, {name} {i}?",
                        "choices": ["a bird", "a fish"],
                        "label": "b" if i % 2 else "a fish",
                    }
                )
                for i in range(count)
            ),
            encoding="utf-8",
        )
    said = [
        {"id": f"{name}{i}", "rationale": "Fish swim.", "label": "(b) a fish"}
        for name in ("gold", "pool")
        for i in range(24)
    ]
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, said)), encoding="utf-8")
    result = run(
        tmp_path,
        task={"answer": "choice"},
        data={"test": None},
        teacher={"kind": "recorded", "answers": "answers.jsonl"},
        check={"threshold": 0.5},
    )
    assert {row["label"] for row in rows(result.folder)} == {"a fish"}
    assert rows(result.folder)[0]["choices"] == ["a bird", "a fish"]


def test_mistakes_in_the_run_file_are_told(tmp_path: Path) -> None:
    folder = folder_with_problems(tmp_path)
    with pytest.raises(ConfigError, match="reasoner"):
        run(folder, student={"kind": "encoder"})
    with pytest.raises(ConfigError, match="writes no chains"):
        run(folder, teacher={"kind": "exemplar"})
    with pytest.raises(ConfigError, match="reasoning"):
        run(folder, method="freeal")
    with pytest.raises(DataError, match="choices"):
        run(folder, task={"answer": "choice"})


def test_human_answers_that_are_none_are_named(tmp_path: Path) -> None:
    folder = folder_with_problems(tmp_path)
    gold = rows(folder, "gold")
    gold[3]["label"] = "plenty"
    (folder / "gold.jsonl").write_text("\n".join(map(json.dumps, gold)), encoding="utf-8")
    with pytest.raises(DataError, match="'gold-4' has the answer 'plenty'"):
        run(folder)
