"""``dualchecker bench`` as a user meets it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dualchecker.cli.display import console

Run = Callable[..., tuple[int, str, str]]

OFFLINE = ("--set", "align.embedder=ngrams", "--set", "student.kind=linear", "--set", "check.rungs=[brief]")


@pytest.fixture
def bench(cli: Run) -> Run:
    """``bench("--seeds", 2)`` gives exit code, standard output and standard error."""
    return lambda *arguments: cli("bench", *arguments)


def test_a_bench_without_a_file_compares_and_resumes(
    bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ("--corpus", "green-innovation", "--methods", "few_shot,dualchecker_without_student_checker", *OFFLINE)
    place = ("--output", tmp_path / "out")
    code, out, _ = bench(*common, "--seeds", 2, *place, "--dry-run")
    assert code == 0 and re.search(r"all\W+4\W+4", out)
    code, out, _ = bench(*common, "--seeds", "0", *place)  # none, or the seed 0?
    assert code == 2
    code, out, _ = bench(*common, "--seeds", 1, *place)
    assert code == 0 and "2 of 2 runs have a result" in out
    assert "1/2  green-innovation/few_shot/0" in out and "student, from few_shot" in out
    assert {"bench.md", "bench.csv", "summary.csv", "bench.html"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    code, out, _ = bench(*common, "--seeds", "0,", *place)
    assert code == 2 and not (tmp_path / "out/green-innovation/few_shot/1").exists()
    code, out, _ = bench(*common, "--seeds", 1, *place)
    assert code == 0 and "1/2" not in out  # nothing was left to run
    assert re.search(r"│ *\d+\.\d % \(\d+\.\d–\d+\.\d\) │", out)
    monkeypatch.setattr(console, "width", 80)
    _, narrow, _ = bench(*common, "--seeds", 1, *place)
    assert max(map(len, narrow.splitlines()[:12])) <= 80
    intervals = re.findall(r"\([^ │]*", narrow.split("In brackets")[0])
    assert intervals and all(re.fullmatch(r"\([+-]?\d+\.\d(–\d+\.\d\))?", found) for found in intervals)


def test_a_run_without_a_result_is_in_the_exit_code(bench: Run, tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(
        "datasets: {green: {corpus: green-innovation}}\nmethods: [few_shot]\nseeds: [0]\n"
        "equal: {max_requests_per_record: 0.5}\nsettings: {align.embedder: ngrams, student.kind: linear}\n",
        encoding="utf-8",
    )
    code, out, _ = bench(file)
    assert code == 1 and "over budget" in out and "few_shot *" in out
    code, out, _ = bench(file, "--only", "nothing")
    assert code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "either a file or --corpus"),
        (("--corpus", "green-innovation"), "'methods' is missing"),
        (("--corpus", "green-innovation", "--methods", "few_shot", "--seeds", "three"), "is no number"),
        (("--corpus", "blue", "--methods", "few_shot"), "no corpus 'blue'"),
        (("none.yaml", "--methods", "few_shot"), "no bench file"),
    ],
)
def test_a_mistake_is_told(bench: Run, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = bench(*arguments)
    assert code in (2, 3) and words in " ".join(err.split())
