"""How fast the whole path asks, beside a bare aiohttp loop and beside what the server's latency allows.

    python benchmarks/asking.py                 # requests a second, 64 and 256 at once, 50 and 200 ms
    python benchmarks/asking.py --memory        # the most memory held, by number of requests
    python benchmarks/asking.py --stragglers    # 5 % of the requests 20 times slower
    python benchmarks/asking.py --peers PYTHON  # distilabel and curator, where that Python has them

The server is ``loopback.py``, in a process of its own. The *bare loop* is what one writes by hand: a fixed set of
workers, ``session.post(url, json=body)``, ``await response.json()``, nothing kept; its bodies are the very prompts of
the whole path, made beforehand. The *whole path* renders each prompt with five demonstrations, hashes it, looks it up,
sends it, enters request, try and reply in the ledger before the reply is used, parses it into an answer with its
signals, and turns these into a calibrated confidence. *Ideal* is requests at once / latency. Times mean little on a
busy machine: read the ratios, and repeat.

Environments for ``--peers`` (distilabel 1.5.3 does not say that it needs requests and beautifulsoup4):

    python -m venv one && one/bin/python -m pip install "distilabel[openai]" requests beautifulsoup4
    python -m venv two && two/bin/python -m pip install bespokelabs-curator
    python benchmarks/asking.py --peers one/bin/python two/bin/python

One for each: curator pins an older openai, with which distilabel is two to three times slower. To keep pip from a
large build of torch, install one for CPUs first. All are timed by the server's clock, from the first request to the
last answer, and again around a process that starts, asks and ends.
"""

import argparse
import asyncio
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import numpy.typing as npt

import asking_peers
from dualchecker.asking import Asker
from dualchecker.checking.ladder import Climb, Ladder
from dualchecker.confidence import Calibrator
from dualchecker.config import LimitsConfig, SeniorConfig
from dualchecker.ledger import Ledger
from dualchecker.prompts import PromptWriter, Rung, Template
from dualchecker.records import Demonstration, Record
from dualchecker.tasks import Classification
from dualchecker.teachers import OpenAITeacher
from loopback import span
from loopback import teacher as serve

LABELS = {
    "green": "Its purpose is to cut energy use, emissions or waste. Green words alone are not enough.",
    "not_green": "Anything else, even where green words occur.",
}
TASK = Classification("Does this invention belong to green innovation?", LABELS)
RUNG = Rung("brief", neighbours=3)
WORDS = ["heat", "pump", "water", "waste", "energy", "filter", "garden", "trumpet", "card", "valve", "engine", "solar"]
PART = 10_000
"""Records that are labelled together where memory is measured, as a run labels its pool round by round."""


def text(generator: random.Random, words: int) -> str:
    return " ".join(generator.choices(WORDS, k=words)).capitalize() + "."


class Ready:
    """Stands in for the ContextAligner with neighbours drawn by chance beforehand: retrieval is measured elsewhere."""

    nearest = True

    def __init__(self, gold: Sequence[Demonstration], seed: int) -> None:
        self._gold, self._random = gold, random.Random(seed)
        self._drawn: dict[str, list[Demonstration]] = {}

    def prepare(self, records: Sequence[Record]) -> None:
        """Draw the neighbours of these records, and forget those of others."""
        self._drawn = {record.id: self._random.sample(self._gold, RUNG.neighbours) for record in records}

    def neighbours(self, records: Sequence[Record], rung: Rung, doubts: Any = None) -> list[list[Demonstration]]:
        return [self._drawn[record.id] for record in records]

    def label_shares(self, records: Sequence[Record], *, long: bool = False) -> npt.NDArray[np.float64]:
        return np.full((len(records), len(LABELS)), 1 / len(LABELS))


def gold(seed: int) -> list[Demonstration]:
    generator = random.Random(f"gold {seed}")
    names = list(LABELS)
    return [
        Demonstration(Record(f"g{i}", text(generator, 40), label=names[i % 2]), names[i % 2], text(generator, 15))
        for i in range(200)
    ]


def pool(count: int, seed: int, first: int = 0) -> list[Record]:
    generator = random.Random(f"pool {seed} {first}")
    return [Record(f"r{i}", f"Device {i}: " + text(generator, 40)) for i in range(first, first + count)]


def settings(base_url: str) -> SeniorConfig:
    return SeniorConfig(kind="openai", model="loopback", base_url=base_url)


def whole_path(
    base_url: str, at_once: int, count: int, seed: int, folder: Path, *, part: int = 0, hedge: float | None = None
) -> tuple[float, int]:
    """Seconds for so many requests through the whole path, and how many labels were accepted."""
    shown = gold(seed)
    limits = LimitsConfig(concurrency=at_once, hedge=hedge)
    calibrator = Calibrator.prior(chance=1 / len(LABELS))
    teacher = OpenAITeacher(settings(base_url), concurrency=at_once)
    path = Path(tempfile.mkdtemp(dir=folder)) / "ledger.sqlite"
    accepted = 0
    with Ledger.open(path) as ledger, Asker(ledger, limits) as asker:
        aligner: Any = Ready(shown[2:], seed)
        ladder = Ladder(TASK, aligner, PromptWriter(TASK), asker, teacher, [RUNG], gold=[d.record for d in shown])
        template = Template(tuple(shown[:2]), 5)
        size = min(part or count, count)
        records = pool(size, seed)
        aligner.prepare(records)
        started = time.perf_counter()
        for first in range(0, count, size):
            if first:
                records = pool(min(size, count - first), seed, first)
                aligner.prepare(records)
            climbs = [Climb(record) for record in records]
            ladder.ask(climbs, RUNG, template, "label")
            confidence = calibrator.predict([climb.signals[-1] for climb in climbs])
            accepted += int((confidence > 0.5).sum())
            assert all(climb.trail[-1].ok for climb in climbs)
        seconds = time.perf_counter() - started
        assert ledger.totals().requests == count
    return seconds, accepted


def bodies(base_url: str, count: int, seed: int) -> list[dict[str, Any]]:
    """What the whole path sends, made beforehand."""
    shown = gold(seed)
    writer, template, aligner = PromptWriter(TASK), Template(tuple(shown[:2]), 5), Ready(shown[2:], seed)
    teacher = OpenAITeacher(settings(base_url))
    records = pool(count, seed)
    aligner.prepare(records)
    near = aligner.neighbours(records, RUNG)
    return [teacher.payload(writer.label(r, RUNG, template, n)) for r, n in zip(records, near, strict=True)]


def bare_loop(base_url: str, at_once: int, count: int, seed: int) -> float:
    """Seconds for the same requests, by hand."""
    waiting = iter(bodies(base_url, count, seed))

    async def run() -> float:

        async def work(session: aiohttp.ClientSession) -> None:
            for body in waiting:
                async with session.post(f"{base_url}/chat/completions", json=body) as response:
                    answer = await response.json()
                    json.loads(answer["choices"][0]["message"]["content"])

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once)) as session:
            started = time.perf_counter()
            await asyncio.gather(*(work(session) for _ in range(at_once)))
            return time.perf_counter() - started

    return asyncio.run(run())


SETTINGS = {"64x50": (64, 0.05), "256x50": (256, 0.05), "64x200": (64, 0.2), "256x200": (256, 0.2)}
"""Requests at once, and the latency in seconds."""


def throughput(settings: Sequence[str], repeats: int, seconds: float, folder: Path) -> None:
    print("| at once x latency | ideal /s | bare loop /s | whole path /s | of bare | of ideal |")
    print("| --- | --- | --- | --- | --- | --- |")
    for at_once, latency in (SETTINGS[name] for name in settings):
        ideal = at_once / latency
        count = int(min(ideal, 3500) * seconds)
        bare, full = [], []
        for seed in range(repeats):  # turn by turn: a busy neighbour then disturbs both
            with serve(latency, ",".join(LABELS)) as base_url:
                bare.append(count / bare_loop(base_url, at_once, count, seed))
                full.append(count / whole_path(base_url, at_once, count, seed, folder)[0])
        ratios = [one / other for one, other in zip(full, bare, strict=True)]
        print(
            f"| {at_once} x {latency * 1000:.0f} ms | {ideal:,.0f} | {statistics.median(bare):,.0f} |"
            f" {statistics.median(full):,.0f} | {statistics.median(ratios):.0%}"
            f" ({min(ratios):.0%}-{max(ratios):.0%}) | {statistics.median(full) / ideal:.1%} |",
            flush=True,
        )


def memory(counts: Sequence[int], folder: Path) -> None:
    print("| requests | most memory, MB | requests /s |\n| --- | --- | --- |")
    for count in counts:  # a process each: what one has held, another does not see
        command = [sys.executable, __file__, "--hold", str(count), "--folder", str(folder)]
        peak, rate = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        print(f"| {count:,} | {float(peak):,.0f} | {float(rate):,.0f} |", flush=True)


def hold(count: int, folder: Path) -> None:
    with serve(0.02, ",".join(LABELS)) as base_url:
        seconds, _ = whole_path(base_url, 128, count, 0, folder, part=PART)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, count / seconds)


def stragglers(repeats: int, seconds: float, folder: Path) -> None:
    print("| at once x latency | 5 % x 20 slower | hedged at 3 x the median | bound without hedging |")
    print("| --- | --- | --- | --- |")
    for at_once, latency in ((64, 0.05), (64, 0.2)):
        count = int(at_once / latency * seconds)
        plain, slowed, hedged = [], [], []
        for seed in range(repeats):
            with serve(latency, ",".join(LABELS)) as base_url:
                plain.append(whole_path(base_url, at_once, count, seed, folder)[0])
            for times, hedge in ((slowed, None), (hedged, 3.0)):
                with serve(latency, ",".join(LABELS), slow=0.05) as base_url:
                    times.append(whole_path(base_url, at_once, count, seed, folder, hedge=hedge)[0])
        ratios = [[a / b for a, b in zip(some, plain, strict=True)] for some in (slowed, hedged)]
        cells = [f"{statistics.median(some):.2f} ({min(some):.2f}-{max(some):.2f})" for some in ratios]
        print(f"| {at_once} x {latency * 1000:.0f} ms | {cells[0]} | {cells[1]} | {0.95 + 0.05 * 20:.2f} |", flush=True)


BARE, WHOLE = "bare loop", "whole path"
"""Each in a process of its own where it is compared with the peers, as they are."""


def peers(pythons: Sequence[Path], repeats: int, count: int, folder: Path) -> None:
    at_once, latency = 64, 0.05
    try:
        found = asking_peers.find(pythons, folder)
    except asking_peers.NotMeasured as error:
        sys.exit(f"--peers: {error}")
    sides = [BARE, WHOLE, *asking_peers.WAYS]
    rows: dict[str, list[tuple[float, float, int, int]]] = {side: [] for side in sides}
    missing = {side: f"{name} is not installed" for side, (name, _) in asking_peers.WAYS.items() if side not in found}
    for side, (_, what) in found.items():
        print(f"{side}: {what}")
    for seed in range(repeats):  # turn by turn, as above
        prompts = folder / f"prompts-{seed}.jsonl"
        messages = [body["messages"] for body in bodies("http://127.0.0.1/v1", count, seed)]
        prompts.write_text("".join(json.dumps(one) + "\n" for one in messages), encoding="utf-8")
        for side in sides:
            if side not in missing:
                try:
                    python = found[side][0] if side in found else None
                    rows[side].append(one_side(side, python, prompts, at_once, latency, count, seed, folder))
                except asking_peers.NotMeasured as error:
                    missing[side] = str(error)
    size = statistics.mean(sum(len(message["content"]) for message in one) for one in messages)
    print(f"{count:,} prompts of {size:,.0f} characters, {at_once} x {latency * 1000:.0f} ms, ideal", end=" ")
    print(f"{at_once / latency:,.0f} /s\n")
    print("| | requests /s | of bare | with start-up /s | most at once | requests besides the prompts |")
    print("| --- | --- | --- | --- | --- | --- |")
    for side in sides:
        if side in missing:
            print(f"| {side} | not measured ({missing[side]}) | | | | |")
            continue
        rates, started, more, most = zip(*rows[side], strict=True)
        of_bare = [rate / bare[0] for rate, bare in zip(rates, rows[BARE], strict=True)]
        # The bare loop shares a process with what makes its bodies: its start-up says nothing.
        whole = "" if side == BARE else f"{statistics.median(started):,.0f}"
        print(
            f"| {side} | {statistics.median(rates):,.0f} ({min(rates):,.0f}-{max(rates):,.0f}) |"
            f" {statistics.median(of_bare):.0%} ({min(of_bare):.0%}-{max(of_bare):.0%}) | {whole} |"
            f" {max(most)} | {max(more)} |"
        )


def one_side(
    side: str, python: Path | None, prompts: Path, at_once: int, latency: float, count: int, seed: int, folder: Path
) -> tuple[float, float, int, int]:
    """Requests a second by the server's clock, the same with start-up, requests too many, and the most at once."""
    home = Path(tempfile.mkdtemp(dir=folder))  # nothing that an earlier turn has kept
    with serve(latency, ",".join(LABELS)) as base_url:
        started = time.perf_counter()
        if python is not None:
            asking_peers.ask(python, side, prompts, count, base_url, at_once, home)
        else:
            command = [sys.executable, __file__, "--alone", side, "--base-url", base_url, "--at-once", str(at_once)]
            command += ["--prompts", str(count), "--seed", str(seed), "--folder", str(home)]
            subprocess.run(command, check=True)
        seconds = time.perf_counter() - started
        asked, more, most = span(base_url, count)
    return count / asked, count / seconds, more, most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="ideal length of each measurement")
    parser.add_argument("--only", nargs="*", choices=SETTINGS, help="at once x latency in ms; by default all")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--stragglers", action="store_true")
    parser.add_argument("--peers", type=Path, nargs="+", metavar="PYTHON", help="of environments that have the peers")
    parser.add_argument("--prompts", type=int, default=2000, help="how many, with --peers")
    parser.add_argument("--counts", default="10000,50000,200000", help="of requests, with --memory")
    parser.add_argument("--folder", type=Path, help="for the ledgers; by default a temporary one")
    parser.add_argument("--hold", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--alone", choices=(BARE, WHOLE), help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    parser.add_argument("--at-once", type=int, default=64, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        if options.hold:
            hold(options.hold, folder)
        elif options.alone == BARE:
            bare_loop(options.base_url, options.at_once, options.prompts, options.seed)
        elif options.alone == WHOLE:
            whole_path(options.base_url, options.at_once, options.prompts, options.seed, folder)
        elif options.peers:
            peers([python.absolute() for python in options.peers], options.repeats, options.prompts, folder)
        elif options.memory:
            memory([int(count) for count in options.counts.split(",")], folder)
        elif options.stragglers:
            stragglers(options.repeats, 2 * options.seconds, folder)
        else:
            throughput(options.only or list(SETTINGS), options.repeats, options.seconds, folder)


if __name__ == "__main__":
    main()
