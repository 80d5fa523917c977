"""A whole run by batch files, over the wire and by hand, as a user calls it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dualchecker.data.corpora import corpus_path
from dualchecker.ledger import Ledger
from servers import Call, Step, answer, error

Run = Callable[..., tuple[int, str, str]]


def write_run(folder: Path, base_url: str, output: str, **teacher: object) -> Path:
    """A run on some records of the embedded corpus: gold and pool, brief and then detail."""
    corpus = corpus_path("green-innovation")
    for name, count in (("gold", 20), ("pool", 30)):
        lines = (corpus / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:count]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = {
        "task": {"question": "Green?", "labels": {"green": "It cuts harm.", "not_green": "Anything else."}},
        "data": {"gold": "gold.jsonl", "pool": "pool.jsonl", "columns": {"text": "summary"}},
        "teacher": {"kind": "openai", "model": "loopback", "base_url": base_url, **teacher},
        "align": {"embedder": "ngrams"},
        "student": {"kind": "linear"},
        "check": {"threshold": 0.85, "rounds": 1, "rungs": ["brief", "detail"]},
        "report": {"few_shot": False},
        "limits": {"batch_poll": 0.001, "batch_least": 10},
        "output": output,
    }
    path = folder / f"{output}.yaml"
    path.write_text(yaml.safe_dump(run), encoding="utf-8")
    return path


def labels(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def online(cli: Run, tmp_path: Path, serve: Any) -> list[dict[str, Any]]:
    """The labels of the same run, asked one by one."""
    code, _, err = cli("run", write_run(tmp_path, serve().base_url, "online"))
    assert code == 0, err
    return labels(tmp_path / "online")


def test_by_batch_a_run_ends_as_it_does_one_by_one(
    cli: Run, tmp_path: Path, provider: Any, online: list[dict[str, Any]]
) -> None:
    server = provider()
    code, out, err = cli("run", write_run(tmp_path, server.base_url, "batch", batch="api"))
    assert code == 0, err
    assert labels(tmp_path / "batch") == online
    assert max(server.done.values()) == 1 and len(server.sizes) >= 2
    assert 1 <= len(server.calls) < 10, "the first, and steps that are too small for a file"
    assert "batch_0" in out
    code, out, _ = cli("batch", "status", tmp_path / "batch.yaml")
    assert code == 0 and "completed (ended)" in out
    before = len(server.seen)
    assert cli("run", tmp_path / "batch.yaml")[0] == 0
    assert len(server.seen) == before, "all of it is in the ledger"


def test_a_run_that_does_not_wait_is_run_again(
    cli: Run, tmp_path: Path, provider: Any, online: list[dict[str, Any]]
) -> None:
    server = provider()
    file = write_run(tmp_path, server.base_url, "batch", batch="api")
    codes = []
    while not codes or codes[-1] == 8:
        codes.append(cli("run", file, "--set", "limits.batch_wait=0")[0])
    assert set(codes) == {0, 8} and max(server.done.values()) == 1
    assert labels(tmp_path / "batch") == online


def test_by_hand(cli: Run, tmp_path: Path, provider: Any, online: list[dict[str, Any]]) -> None:
    """Written, sent by somebody, brought back: no call reaches the server, and the same labels come out."""

    def behave(call: Call) -> Step:  # every third request fails at first
        return error(500) if call.attempt == 1 and int(call.key[:4], 16) % 3 == 0 else answer(call)

    server = provider(behave)
    file = write_run(tmp_path, server.base_url, "hand", batch="file")
    rounds, verbs = 0, (("batch", "export"), ("run",))
    while True:
        code, out, err = cli(*verbs[rounds % 2], file)
        if (tmp_path / "hand" / "labels.jsonl").exists():
            break
        assert code == (8 if rounds % 2 else 0), err
        new = [tmp_path / "hand" / "batch" / name for name in re.findall(r"requests-[\w-]+\.jsonl", out + err)]
        results = [path for one in new for path in server.by_hand(one)]
        code, out, err = cli("batch", "import", file, *reversed(results))
        assert code == 0 and "are new" in out, err
        code, out, _ = cli("batch", "import", file, *results)
        assert code == 0 and out.startswith("0 answers and 0 errors are new"), "once more changes nothing"
        rounds += 1
    assert rounds >= 3
    assert labels(tmp_path / "hand") == online
    assert not server.seen and not server.calls and max(server.done.values()) == 1
    code, out, _ = cli("batch", "status", file)
    assert code == 0 and "waits" not in out and "all results are in" in out


def test_results_of_others_are_named_and_skipped(cli: Run, tmp_path: Path, provider: Any) -> None:
    file = write_run(tmp_path, provider().base_url, "hand", batch="file")
    assert cli("run", file)[0] == 8
    strange = tmp_path / "strange.jsonl"
    strange.write_text('{"custom_id": "somebody-elses", "response": null, "error": {}}\nno json\n', encoding="utf-8")
    code, out, err = cli("batch", "import", file, strange)
    assert code == 3 and "somebody-elses" in out and "1 lines are no results" in out
    assert "Nothing in these files is of this run; nothing was imported." in err
    assert cli("batch", "import", file, tmp_path / "missing.jsonl")[0] == 3


def test_what_is_no_file_of_results_changes_nothing(cli: Run, tmp_path: Path, provider: Any) -> None:
    server = provider()
    file = write_run(tmp_path, server.base_url, "hand", batch="file")
    assert cli("run", file)[0] == 8
    (requests,) = (tmp_path / "hand" / "batch").glob("requests-*.jsonl")
    results, empty = server.by_hand(requests), tmp_path / "empty.jsonl"
    empty.write_text('{"custom_id": "x"}\nno json\n', encoding="utf-8")
    for wrong, words in ((requests, "is the file of requests, not of results"), (empty, "There is no result in")):
        code, out, err = cli("batch", "import", file, *results, wrong)
        assert code == 3 and words in err and out == ""
        with Ledger.open(tmp_path / "hand" / "ledger.sqlite", read_only=True) as ledger:
            assert ledger.rows("SELECT count(*) FROM batch_lines") == [(0,)]
    assert cli("batch", "import", file, *results)[0] == 0


def test_before_the_first_run(cli: Run, tmp_path: Path, provider: Any) -> None:
    file, results = write_run(tmp_path, provider().base_url, "hand", batch="file"), tmp_path / "results.jsonl"
    results.write_text('{"custom_id": "x", "response": null, "error": {}}\n', encoding="utf-8")
    for verb, more in (("status", ()), ("import", (results,)), ("forget", ("--all",)), ("cancel", ("--all",))):
        code, out, err = cli("batch", verb, file, *more)
        assert code == 4 and "Nothing was run yet" in err and out == ""
    assert not (tmp_path / "hand").exists(), "nothing is made by looking"


def test_batches_with_the_same_requests_are_told_apart(
    cli: Run, tmp_path: Path, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    file = write_run(tmp_path, provider().base_url, "hand", batch="file")
    assert cli("run", file)[0] == 8
    (first,) = (path.name for path in (tmp_path / "hand" / "batch").iterdir())
    code, out, err = cli("batch", "forget", file)
    assert code == 2 and "No batch was named" in err
    assert cli("batch", "forget", file, first, "--all")[0] == 2
    code, out, err = cli("batch", "forget", file, "--all")
    assert code == 0 and f"{first}: forgotten" in out
    assert cli("run", file)[0] == 8
    second = first.replace(".jsonl", "-2.jsonl")
    code, out, _ = cli("batch", "status", file)
    assert code == 0 and {first, second} <= set(out.splitlines())
    assert cli("batch", "forget", file, first)[0] == 2, "it is not open any more"
    code, out, _ = cli("batch", "forget", file, second)
    assert code == 0 and f"{second}: forgotten" in out


def test_export_needs_a_teacher_that_is_asked_by_hand(cli: Run, tmp_path: Path, provider: Any) -> None:
    file = write_run(tmp_path, provider().base_url, "hand")
    code, _, err = cli("batch", "export", file)
    assert code == 2 and "teacher.batch" in err
    code, out, _ = cli("batch", "export", file, "--set", "teacher.batch=file")
    assert code == 0 and "wait to be sent by hand" in out


def test_cancel_and_forget(cli: Run, tmp_path: Path, provider: Any) -> None:
    server = provider()
    file = write_run(tmp_path, server.base_url, "batch", batch="api")
    while not server.sizes or server.sizes[-1] < 10:  # the first batches hold a request or two
        assert cli("run", file, "--set", "limits.batch_wait=0")[0] == 8
    assert cli("batch", "cancel", file, "batch_99")[0] == 2
    code, _, err = cli("batch", "cancel", file)
    assert code == 2 and "No batch was named" in err and "--all" in err
    code, out, _ = cli("batch", "cancel", file, "--all")
    name = list(server.batches)[-1]
    assert code == 0 and f"{name}: cancelling" in out and server.batches[name]["status"] == "cancelling"
    code, _, err = cli("run", file)
    assert code == 5 and "was cancelled" in err
    assert cli("run", file)[0] == 0 and max(server.done.values()) == 1

    other = write_run(tmp_path, server.base_url, "other", batch="api")
    assert cli("run", other, "--set", "limits.batch_wait=0")[0] == 8
    name = list(server.batches)[-1]
    del server.batches[name]
    code, _, err = cli("run", other)
    assert code == 5 and f"knows no batches/{name}" in err
    code, out, _ = cli("batch", "forget", other, name)
    assert code == 0 and f"{name}: forgotten" in out and "paid for again" in out
    assert cli("run", other)[0] == 0
    with Ledger.open(tmp_path / "other" / "ledger.sqlite", read_only=True) as ledger:
        assert ledger.totals().requests > 40
