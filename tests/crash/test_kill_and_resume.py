"""Kill a run with SIGKILL at twenty spread-out moments: it ends like an unbroken one, and nothing is asked twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dualchecker.data.corpora import corpus_path

KILLS = 20
CONCURRENCY = 4
TESTS = Path(__file__).parent.parent


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The loopback teacher as a process of its own: its address, and the log of what it received."""
    port, log = tmp_path / "port", tmp_path / "requests.log"
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "servers.py"), "--port-file", str(port), "--log", str(log), "--latency", "0.005"]
    )
    try:
        deadline = time.monotonic() + 60
        while not port.exists():
            assert process.poll() is None, "the teacher's server did not start"
            assert time.monotonic() < deadline, "the teacher's server did not start in time"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port.read_text().strip()}/v1", log
    finally:
        process.kill()
        process.wait()


def write_run_file(folder: Path, base_url: str, output: str) -> Path:
    corpus = corpus_path("green-innovation")
    for name, count in (("gold", 30), ("pool", 60), ("test", 20)):
        lines = (corpus / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:count]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = {
        "task": {"question": "Green?", "labels": {"green": "It cuts harm.", "not_green": "Anything else."}},
        "data": {"gold": "gold.jsonl", "pool": "pool.jsonl", "test": "test.jsonl", "columns": {"text": "summary"}},
        "teacher": {"kind": "openai", "model": "loopback", "base_url": base_url},
        "align": {"embedder": "ngrams"},
        "student": {"kind": "linear"},
        "check": {"threshold": 0.85, "rounds": 2},
        "limits": {"concurrency": CONCURRENCY},
        "output": output,
    }
    path = folder / f"{output}.yaml"
    path.write_text(yaml.safe_dump(run), encoding="utf-8")
    return path


def received(log: Path) -> list[str]:
    """Keys of the requests in the order in which they arrived."""
    if not log.exists():
        return []
    lines = [line for line in log.read_text(encoding="utf-8").split("\n")[:-1] if line]
    return [event["key"] for event in map(json.loads, lines) if event["event"] == "received"]


def start(run_file: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "dualchecker", "run", str(run_file)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(os.environ))


@pytest.mark.slow
def test_killed_twenty_times_a_run_ends_like_an_unbroken_one(server: tuple[str, Path], tmp_path: Path) -> None:
    base_url, log = server
    unbroken = start(write_run_file(tmp_path, base_url, "unbroken"))
    assert unbroken.wait(timeout=300) == 0, unbroken.stderr.read() if unbroken.stderr else ""
    once = received(log)
    assert max(Counter(once).values()) == 1
    log_start = len(once)

    generator = random.Random(7)
    run_file = write_run_file(tmp_path, base_url, "broken")
    step = len(once) / (KILLS + 1)
    in_flight: set[str] = set()
    kills = 0
    for number in range(KILLS):
        wanted = log_start + round(step * (number + generator.random()))
        process = start(run_file)
        while len(received(log)) <= wanted and process.poll() is None:
            time.sleep(0.002)
        if process.poll() is not None:
            assert process.returncode == 0, process.stderr.read() if process.stderr else ""
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        time.sleep(0.05)  # what was on the wire reaches the log
        in_flight.update(received(log)[-CONCURRENCY:])
    assert kills == KILLS, f"the run was over after {kills} kills"
    last = start(run_file)
    assert last.wait(timeout=300) == 0, last.stderr.read() if last.stderr else ""

    for name in ("labels.jsonl", "template.yaml"):
        expected = (tmp_path / "unbroken" / name).read_text(encoding="utf-8")
        assert (tmp_path / "broken" / name).read_text(encoding="utf-8") == expected, name
    again = Counter(received(log)[log_start:])
    assert set(again) == set(once)
    assert {key for key, count in again.items() if count > 1} <= in_flight
