"""Kill a run with SIGKILL at spread-out moments: it ends like an unbroken one, and nothing is asked twice."""

import hashlib
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
from dualchecker.ledger import Ledger

KILLS = 8  # a process each; test_random_kills.py has many more
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


def answered(folder: Path) -> set[str]:
    """The requests whose replies the ledger holds, as the server's log names them."""
    if not (folder / "ledger.sqlite").exists():
        return set()
    answered = "SELECT payload FROM requests WHERE key IN (SELECT key FROM replies)"
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        messages = [json.loads(payload)["messages"] for (payload,) in ledger.read(answered)]
    texts = [json.dumps(one, sort_keys=True, separators=(",", ":")) for one in messages]
    return {hashlib.sha256(text.encode()).hexdigest() for text in texts}


def start(run_file: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "dualchecker", "run", str(run_file)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(os.environ))


@pytest.mark.slow
def test_killed_again_and_again_a_run_ends_like_an_unbroken_one(server: tuple[str, Path], tmp_path: Path) -> None:
    base_url, log = server
    unbroken = start(write_run_file(tmp_path, base_url, "unbroken"))
    assert unbroken.wait(timeout=300) == 0, unbroken.stderr.read() if unbroken.stderr else ""
    once = received(log)
    assert max(Counter(once).values()) == 1
    log_start = len(once)

    generator = random.Random(7)
    run_file = write_run_file(tmp_path, base_url, "broken")
    step = len(once) / (KILLS + 1)
    held: dict[str, int] = {}
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
        came = len(received(log))
        for key in answered(tmp_path / "broken"):
            held.setdefault(key, came)
    assert kills == KILLS, f"the run was over after {kills} kills"
    last = start(run_file)
    assert last.wait(timeout=300) == 0, last.stderr.read() if last.stderr else ""

    for name in ("labels.jsonl", "template.yaml"):
        expected = (tmp_path / "unbroken" / name).read_text(encoding="utf-8")
        assert (tmp_path / "broken" / name).read_text(encoding="utf-8") == expected, name
    all_received = received(log)
    again = Counter(all_received[log_start:])
    assert set(again) == set(once)
    last = {key: place for place, key in enumerate(all_received)}
    assert not [key for key, came in held.items() if last[key] >= came], (
        "a reply in the ledger is never asked for again"
    )
    # What comes again was under way, or its reply on its way to the disk.
    assert sum(again.values()) - len(again) <= KILLS * 3 * CONCURRENCY
