"""Questions answered by reasoning on the command line: from a data file to a student that abstains."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import dualchecker
from chain_fakes import SUMS, chain_of, make_sums
from dualchecker.errors import StudentError
from dualchecker.records import Record
from dualchecker.students import AnswerReader, load_reasoning_student
from dualchecker.students.reasoning import ReasoningStudent
from e2e.conftest import Run
from pages import NASTY, check

HOSTILE = "</q> [/bold] [red]{{7*7}}<script>alert(1)</script>"


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_sums(folder: Path) -> None:
    """Gold, pool and test, and recorded chains: a right one and, for each third question, two wrong ones."""
    chains: list[dict[str, object]] = []
    for name, count in (("gold", 24), ("pool", 15), ("test", 6)):
        records = make_sums(count, name)
        write_rows(folder / f"{name}.jsonl", [{"id": r.id, "text": r.text, "label": r.label} for r in records])
        for number, record in enumerate(records if name != "test" else ()):
            drawn = [chain_of(record)] if number % 3 else [chain_of(record, 1), chain_of(record), chain_of(record, 2)]
            for one in drawn:
                wrong = one["answer"] != record.label
                verdicts = [{"verdict": "wrong" if wrong else "correct", "rationale": HOSTILE}]
                words = f"{one['rationale']} {HOSTILE}" if wrong else one["rationale"]
                chains.append({"id": record.id, **one, "rationale": words, "evaluations": verdicts})
    write_rows(folder / "chains.jsonl", chains)


CONFIG = {
    "task": {"kind": "reasoning", "question": "Solve the problem."},
    "data": {"gold": "gold.jsonl", "pool": "pool.jsonl", "test": "test.jsonl"},
    "teacher": {"kind": "recorded", "answers": "chains.jsonl"},
    "align": {"embedder": "ngrams"},
    "reasoning": {"chains": 3, "more": 0, "evaluations": 1},
    "check": {"threshold": 0.6},
    "student": {"epochs": 0.1, "min_steps": 1, "samples": 2, "max_length": 48},
    "report": {"references": False},
    "output": "out",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with recorded chains and a student that has hardly learnt anything."""
    folder = tmp_path_factory.mktemp("reasoning")
    write_sums(folder)
    (folder / "run.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    dualchecker.distill(folder / "run.yaml")
    return folder


def test_the_report_is_written_again_with_its_tables(cli: Run, finished: Path) -> None:
    code, out, _ = cli("report", finished / "out")
    assert code == 0
    for words in (
        "pool questions",
        "by vote",
        "at once",
        "surest 80 %",
        "verdicts, AUROC",
        "chains drawn",
        "Not taught:",
    ):
        assert words in out, words
    page = check((finished / "out" / "report.html").read_text(encoding="utf-8"))
    assert "Chains of thought" in page.words


def test_labels_and_metrics_tell_of_chains(finished: Path) -> None:
    rows = [json.loads(line) for line in (finished / "out" / "labels.jsonl").read_text(encoding="utf-8").splitlines()]
    first = next(row for row in rows if len(row["chains"]) == 3)
    right = [chain for chain in first["chains"] if chain["answer"] == first["label"]]
    assert [chain["evaluations"][0]["verdict"] for chain in right] == ["correct"]
    assert {chain["rejected"] for chain in first["chains"]} == {None, "other_answer"}
    metrics = json.loads((finished / "out" / "metrics.json").read_text(encoding="utf-8"))
    chains = list(metrics["teacher"]["stages"].values())[-1]["chains"]
    assert metrics["kind"] == "reasoning" and chains["count"] == 25 and chains["verdict_auroc"]["value"] == 1.0
    assert chains["rejected"]["other_answer"] == 10


def test_status_and_plan_work(cli: Run, finished: Path) -> None:
    assert "complete" in cli("status", finished / "out")[1]
    code, out, _ = cli("plan", finished / "run.yaml")
    assert code == 0 and "self-evaluations" in out and "rung brief" in out


def test_predict_gives_answers_with_chains_and_abstains(cli: Run, finished: Path) -> None:
    rows = [{"id": r.id, "text": r.text} for r in make_sums(2, "new")] + [{"id": "none", "text": " "}]
    write_rows(finished / "new.jsonl", rows)
    code, out, _ = cli("predict", finished / "out", finished / "new.jsonl")
    found = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert code == 0 and [row["id"] for row in found] == ["new0", "new1", "none"]
    assert all(row.keys() == {"id", "answer", "confidence", "direct", "chains"} for row in found)
    assert [len(row["chains"]) for row in found] == [2, 2, 0] and found[2]["answer"] is None
    code, out, _ = cli("predict", finished / "out", finished / "new.jsonl", "--threshold", "1")
    unsure = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    for one, other in zip(unsure, found, strict=True):
        withheld = other["answer"] is None or other["confidence"] < 1
        assert one["abstained"] is withheld and one["answer"] == (None if withheld else other["answer"])
    code, _, err = cli("predict", finished / "out", finished / "new.jsonl", "--format", "inline")
    assert code == 2 and "It answers questions." in err


def test_a_loaded_student_reads_numbers_as_its_task_does(finished: Path) -> None:
    student = dualchecker.load_student(finished / "out" / "student")
    assert student.read == AnswerReader(SUMS)  # type: ignore[union-attr]
    assert student.read("He has 4 / 2 = 2.0. The answer is 2.0.", Record("r", "?")) == "2"  # type: ignore[union-attr]
    assert len(student.predict(make_sums(1, "n"))) == 1
    own: ReasoningStudent = load_reasoning_student(finished / "out" / "student", read=lambda chain, record: "mine")
    assert own.answer(make_sums(1, "n"))[0] in ("mine", None)


@pytest.mark.parametrize(
    "task",
    [
        None,
        "number",
        {},
        {"answer": "song"},
        {"answer": "choice", "labels": ["a"]},
        {"answer": "number", "tolerance": "x"},
    ],
)
def test_a_task_that_cannot_be_read_is_an_error_and_no_guess(task: object) -> None:
    with pytest.raises(StudentError, match="does not say what its answers are"):
        AnswerReader.from_json(task)


def test_a_reader_goes_into_a_file_and_back() -> None:
    task = type(SUMS)("Which?", "choice", {"yes": "It is.", "no": ""})
    reader = AnswerReader(task)
    assert AnswerReader.from_json(json.loads(json.dumps(reader.to_json()))) == reader
    assert reader("It is so. The answer is (b).", Record("r", "?")) == "no"


def test_export_writes_answers_with_the_chains_that_teach_and_refuses_formats_of_spans(
    cli: Run, finished: Path
) -> None:
    code, out, _ = cli("export", finished / "out", "--status", "all")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and rows[0].keys() == {"id", "label", "confidence", "status", "text", "choices", "chains"}
    assert all("alert" not in chain for row in rows for chain in row["chains"] if row["status"] == "accepted")
    code, _, err = cli("export", finished / "out", "--format", "conll")
    assert code == 2 and "answers questions" in err


@pytest.mark.parametrize(
    ("columns", "kind", "said"),
    [
        ({"question": "How many?", "answer": 4}, "number", ['text: "question"', 'label: "answer"']),
        ({"problem": "How many?", "solution": "$1,200"}, "number", ['text: "problem"', 'label: "solution"']),
        ({"text": "Which?", "options": ["a", "b"], "label": "a"}, "choice", ['choices: "options"']),
        ({"question": "Who?", "answer": "Ada [bold]\"'", "context": "Long."}, "text", ['detail: "context"']),
    ],
)
def test_init_guesses_columns_and_answers(
    cli: Run, tmp_path: Path, columns: dict[str, object], kind: str, said: list[str]
) -> None:
    write_rows(tmp_path / "data.jsonl", [{"id": str(n), **columns} for n in range(6)])
    code, out, _ = cli("init", tmp_path / "data.jsonl", "--task", "reasoning", "-o", tmp_path / "run.yaml")
    written = (tmp_path / "run.yaml").read_text(encoding="utf-8")
    config = dualchecker.load(tmp_path / "run.yaml")
    assert code == 0 and "describe what is asked" in out
    assert config.task.kind == "reasoning" and config.task.answer == kind and config.student.kind == "reasoner"
    assert all(one in written for one in said)


def test_init_takes_few_answers_in_words_for_choices_that_all_questions_have(cli: Run, tmp_path: Path) -> None:
    write_rows(tmp_path / "data.jsonl", [{"question": f"Is it {n}?", "answer": n % 2 == 0} for n in range(12)])
    assert cli("init", tmp_path / "data.jsonl", "--task", "reasoning", "-o", tmp_path / "run.yaml")[0] == 0
    assert list(dualchecker.load(tmp_path / "run.yaml").task.labels) == ["true", "false"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"words": "x", "label": "y"}, "looks like one of questions"),
        ({"question": "x", "y": "z"}, "looks like one of answers"),
        ({"question": "x", "answer": None}, "is empty"),
    ],
)
def test_init_says_what_it_does_not_find(cli: Run, tmp_path: Path, row: dict[str, object], why: str) -> None:
    write_rows(tmp_path / "data.jsonl", [row, row])
    code, _, err = cli("init", tmp_path / "data.jsonl", "--task", "reasoning", "-o", tmp_path / "run.yaml")
    assert code == 3 and why in err


def test_init_of_answers_that_are_no_labels_names_the_kind(cli: Run, tmp_path: Path) -> None:
    write_rows(tmp_path / "data.jsonl", [{"question": f"How many are {n}?", "answer": n} for n in range(300)])
    code, _, err = cli("init", tmp_path / "data.jsonl", "-o", tmp_path / "run.yaml")
    assert code == 3 and "--task reasoning" in err


def test_all_methods_of_minds_mirror_stand_in_one_bench(cli: Run, tmp_path: Path) -> None:
    write_sums(tmp_path)
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    names = "standard_distillation,single_cot,multi_cot,single_cot_self_eval,minds_mirror,freeal"
    code, out, err = cli("bench", tmp_path / "run.yaml", "--methods", names, "--output", tmp_path / "bench")
    assert code == 0, out + err
    table = (tmp_path / "bench" / "bench.md").read_text(encoding="utf-8")
    assert "teacher answer accuracy" in table and "student answer accuracy" in table and "macro-F1" not in table
    assert all(f"| {name} |" in table for name in names.split(",")[:-1]) and "left out" in table
    assert "answer is right if it is equal" in table
    assert "<script" not in (tmp_path / "bench" / "bench.html").read_text(encoding="utf-8")


def test_nasty_words_in_a_question_do_not_break_the_terminal(cli: Run, finished: Path) -> None:
    write_rows(finished / "nasty.jsonl", [{"id": "[bold]", "text": NASTY}])
    code, out, _ = cli("predict", finished / "out", finished / "nasty.jsonl")
    assert code == 0 and json.loads(out.splitlines()[-1])["id"] == "[bold]"


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        (lambda i: {"text": f"How many are {i} and {i % 7}?", "label": str(i % 7)}, "labels are numbers"),
        (lambda i: {"text": f"Who, {i}?", "label": "ab"[i % 2], "choices": ["a", "b"]}, "offer choices"),
        (lambda i: {"text": f"Warm or cold, {i}?", "label": ("warm", "cold")[i % 2]}, ""),
    ],
)
def test_init_without_a_kind_says_where_questions_may_be_meant(
    cli: Run, tmp_path: Path, row: Callable[[int], dict[str, object]], hint: str
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text("\n".join(json.dumps(row(i)) for i in range(30)), encoding="utf-8")
    code, out, _ = cli("init", data, "-o", tmp_path / "run.yaml")
    assert code == 0 and hint in out and ("--task reasoning" in out) == bool(hint)
