"""A labelling run that is killed again and again: ``python lives.py FOLDER RECORDS KILLS SEED``.

Each life is forked from this process, which has imported everything and has no threads, so that two hundred lives take
minutes and not an hour. Prints one JSON object about what happened.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
from faulty_server import fault, key_of

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker
from dualchecker.checking import Ladder, TeacherChecker
from dualchecker.config import AlignConfig, LimitsConfig, SeniorConfig
from dualchecker.data import build_fence, write_jsonl
from dualchecker.data.corpora import corpus_path
from dualchecker.embedding import NgramEmbedder
from dualchecker.ledger import Ledger, verify
from dualchecker.prompts import PromptWriter, rungs_for
from dualchecker.records import Record
from dualchecker.tasks import Classification
from dualchecker.teachers import OpenAITeacher

IN_FLIGHT = 16
TIMEOUT = 2.0
BY_THE_CLOCK = 0.25
"""Share of the kills that come at a random time of a life, also before it has asked anything; the others come when a
random number of requests has arrived."""


class Remembered:
    """The vectors of all texts, computed once before the first life."""

    def __init__(self, texts: list[str]) -> None:
        inner = NgramEmbedder()
        inner.fit(texts)
        self.name = inner.name
        self._vectors = inner.embed(texts)
        self._row = {text: row for row, text in enumerate(texts)}

    def fit(self, texts: Any) -> None:
        pass

    def embed(self, texts: Any) -> Any:
        return self._vectors[np.array([self._row[text] for text in texts], dtype=int)]


def read_records(name: str, count: int) -> list[Record]:
    """Records of the embedded corpus; beyond its end they come again as other models of the same device."""
    lines = (corpus_path("green-innovation") / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    records = []
    for number in range(count):
        row, turn = rows[number % len(rows)], number // len(rows)
        text = f"{row['summary']} (model {turn + 1})" if turn else row["summary"]
        records.append(Record(f"{row['id']}-{turn}", text, row["detail"], row["label"] if name == "gold" else None))
    return records


class Work:
    """What every life does: label the pool, climbing where in doubt."""

    def __init__(self, records: int) -> None:
        self._task = Classification("Green?", {"green": "It cuts harm.", "not_green": "Anything else."})
        gold, self._pool = read_records("gold", 40), read_records("pool", records)
        self._fence = build_fence(gold, "auto", 300, seed=1)
        texts = {text for record in (*gold, *self._pool) for text in (record.text, record.long_text)}
        self._embedder = Remembered(sorted(texts))

    def live(self, address: str, folder: Path, life: int) -> None:
        settings = SeniorConfig(kind="openai", model="m", base_url=address, timeout=TIMEOUT, logprobs=False)
        align, writer, teacher = AlignConfig(), PromptWriter(self._task), OpenAITeacher(settings)
        limits = LimitsConfig(concurrency=IN_FLIGHT)
        with Ledger.open(folder / "ledger.sqlite") as ledger, Asker(ledger, limits, seed=life, backoff=0.01) as asker:
            aligner = ContextAligner(self._task, self._fence, self._embedder, align, writer, asker, teacher)
            rungs = rungs_for(align, ("brief", "wide"))
            gold = self._fence.demonstrations
            ladder = Ladder(self._task, aligner, writer, asker, teacher, rungs, gold=gold)
            checker = TeacherChecker(self._task, ladder, self._fence, threshold=0.75)
            labels = checker.label(self._pool, aligner.template())
        rows = [
            {
                "id": item.record.id,
                "label": item.label,
                "status": item.status,
                "confidence": item.confidence.value,
                "trail": [[answer.rung, answer.outcome, answer.label, answer.request_key] for answer in item.trail],
            }
            for item in labels
        ]
        write_jsonl(folder / "labels.jsonl", rows)


class Server:
    """The faulty teacher as a process of its own, and its log, read as it grows.

    Attributes:
        received: Keys of the requests in the order in which they came.
        finished: When each good answer had been sent (monotonic), and to which of them.
        faults: How many met which fault.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port, self._log = folder / "port", folder / "server.log"
        script = Path(__file__).parent / "faulty_server.py"
        self._process = subprocess.Popen([sys.executable, str(script), str(port), str(self._log)])
        until = time.monotonic() + 60
        while not port.exists():
            assert self._process.poll() is None and time.monotonic() < until, "the server did not start"
            time.sleep(0.01)
        self.address = f"http://127.0.0.1:{port.read_text()}/v1"
        self.received: list[str] = []
        self.finished: list[tuple[float, str]] = []
        self.faults: Counter[str] = Counter()
        self._at = 0
        self._times: Counter[str] = Counter()
        self._under_way: dict[int, str | None] = {}

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def read(self) -> int:
        """How many requests have arrived so far."""
        if not self._log.exists() or self._log.stat().st_size == self._at:
            return len(self.received)
        with self._log.open("rb") as stream:
            stream.seek(self._at)
            data = stream.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        for event in map(json.loads, whole.splitlines()):
            key = event["key"]
            if event["event"] == "received":
                self.received.append(key)
                self._times[key] += 1
                kind = self._under_way[event["id"]] = fault(key, self._times[key])
                self.faults[kind or "none"] += 1
            elif self._under_way.pop(event["id"], "?") is None and event["event"] == "finished":
                self.finished.append((event["time"], key))
        return len(self.received)


@dataclass
class Report:
    """What the kills did.

    Attributes:
        requests: Distinct ones, of the unbroken run.
        damaged: What ``verify`` found after any of the kills.
        sent_twice: Requests that came to the server after a kill though the ledger held their end.
        lost: Good answers that the server had sent before a kill, and that were not yet in the ledger.
        sent_again: Requests that came again because they were under way at a kill.
    """

    records: int = 0
    requests: int = 0
    kills: int = 0
    damaged: list[str] = field(default_factory=list)
    sent_twice: int = 0
    lost: int = 0
    sent_again: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    same_labels: bool = False
    same_requests: bool = False
    unbroken_seconds: float = 0.0
    seconds: float = 0.0


def start(work: Work, address: str, folder: Path, life: int) -> int:
    """Fork a life; the number of its process."""
    assert threading.active_count() == 1, "a process with threads must not be forked"
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work.live(address, folder, life)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(child: int) -> bool:
    """Whether the life is over by itself, as it should only be when the work is done."""
    done, status = os.waitpid(child, os.WNOHANG)
    assert not done or status == 0, "a life ended with an error"
    return bool(done)


def finish(work: Work, address: str, folder: Path, life: int) -> None:
    child = start(work, address, folder, life)
    assert os.waitpid(child, 0)[1] == 0, "a life ended with an error"


class Killing:
    """One run, killed again and again, and looked at after each kill."""

    def __init__(self, work: Work, server: Server, folder: Path, report: Report, seed: int) -> None:
        self._work, self._server, self._folder, self._report = work, server, folder, report
        self._requests = report.requests
        self._random = random.Random(seed)
        self._held: dict[str, int] = {}
        self._known: set[str] = set()
        self._finished = 0
        self._life = 0.5

    def kill(self, number: int, left: int) -> bool:
        """Let a life go on for a while, then kill it, as will be done ``left`` times; False if it was done before."""
        before, began = self._server.read(), time.monotonic()
        by_the_clock = self._random.random() < BY_THE_CLOCK
        until = began + self._random.uniform(0, self._life)
        # On average a little less than what is left for each kill that is left, so that the run outlives them all.
        share = (self._requests - len(self._held)) / (left + 2)
        wanted = before + self._random.randint(1, max(round(1.6 * share), 1))
        child = start(self._work, self._server.address, self._folder, number)
        while time.monotonic() < until if by_the_clock else self._server.read() < wanted:
            if ended(child):
                return False
            time.sleep(0.0005)
        if not by_the_clock:
            time.sleep(self._random.uniform(0, 0.01))
            self._life = time.monotonic() - began
        killed = time.monotonic()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        self._report.kills += 1
        self.look(killed)
        return True

    def look(self, killed: float) -> None:
        """The ledger is sound; note what it holds, which must never come to the server again."""
        came, file = self._server.read(), self._folder / "ledger.sqlite"
        if not file.exists():  # killed before it was made
            return
        with Ledger.open(file, read_only=True) as ledger:
            self._report.damaged += [str(damage) for damage in verify(ledger).damages]
            ends = "SELECT key FROM replies UNION SELECT key FROM failures"
            fresh = [key for (key,) in ledger.read(ends) if key not in self._known]
            wanted = "SELECT payload FROM requests WHERE key IN (SELECT value FROM json_each(?))"
            for (payload,) in ledger.read(wanted, (json.dumps(fresh),)):
                self._held[key_of(json.loads(payload)["messages"])] = came
            self._known.update(fresh)
        finished = self._server.finished[self._finished :]
        self._finished += len(finished)
        self._report.lost += len({key for when, key in finished if when < killed} - self._held.keys())

    def close(self) -> None:
        """Count what came again although the ledger held it, and what came again because it did not."""
        came = self._server.received
        last = {key: place for place, key in enumerate(came)}
        self._report.sent_twice = sum(last[key] >= since for key, since in self._held.items())
        needed = {key: next(n for n in range(1, 5) if fault(key, n) is None) for key in last}
        self._report.sent_again = sum(max(count - needed[key], 0) for key, count in Counter(came).items())


def main(folder: Path, records: int, kills: int, seed: int) -> Report:
    report, began = Report(records), time.monotonic()
    work, unbroken, broken = Work(records), folder / "unbroken", folder / "broken"
    # A server each: faults hang on how often a request has come.
    server = Server(unbroken)
    try:
        finish(work, server.address, unbroken, 0)
        server.read()
    finally:
        server.stop()
    once = set(server.received)
    report.requests, report.unbroken_seconds = len(once), time.monotonic() - began
    server = Server(broken)
    try:
        killing = Killing(work, server, broken, report, seed)
        for number in range(1, kills + 1):
            if not killing.kill(number, kills - number + 1):
                break
        finish(work, server.address, broken, kills + 1)
        killing.look(time.monotonic())
    finally:
        server.stop()
    killing.close()
    report.faults = dict(server.faults)
    report.same_requests = set(server.received) == once
    texts = [(one / "labels.jsonl").read_text(encoding="utf-8") for one in (unbroken, broken)]
    report.same_labels = texts[0] == texts[1]
    report.seconds = time.monotonic() - began
    return report


if __name__ == "__main__":
    print(json.dumps(asdict(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))))
