"""Spoilt replies by the hundred thousand, through the parsers, the placing of quotes and the reading of responses.

Whatever comes, no exception but RequestFailed may escape, no label may be accepted that is not in the reply, no span
whose words are not in the text and quoted by the reply, and no confidence that is none. See docs/benchmarks.md.
"""

import argparse
import gc
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dualchecker.errors import RequestFailed
from dualchecker.prompts import Prompt, PromptWriter, Rung, Template
from dualchecker.records import Record
from dualchecker.teachers.decision_wires import WIRES
from dualchecker.teachers.failures import read_failure
from dualchecker.teachers.wire import read_reply
from fuzz_checks import check, check_decisions, check_reply
from fuzz_mutations import mutate, retype
from fuzz_replies import QUESTIONS, Case, bodies, cases, decisions


@dataclass
class Tally:
    """What became of the replies of one kind.

    Attributes:
        tried: Replies.
        outcomes: How often each.
        wrong: What must not be, with the reply.
        seconds: CPU time of reading, in all.
        worst: The longest time of one reply, and its length.
    """

    tried: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    worst: tuple[float, int] = (0.0, 0)

    def read(self, reply: str, reading: Callable[[], tuple[str, Callable[[], str]]]) -> None:
        """Read one reply; the check of the reading is not timed."""
        self.tried += 1
        begun = time.process_time()
        try:
            outcome, checked = reading()
        except Exception:
            self.wrong.append((traceback.format_exc(limit=-3), reply))
            return
        finally:
            spent = time.process_time() - begun
            self.seconds += spent
            self.worst = max(self.worst, (spent, len(reply)))
        self.outcomes[outcome] += 1
        if wrong := checked():
            self.wrong.append((wrong, reply))


def fuzz(seed: int, count: int) -> dict[str, Tally]:
    """Read ``count`` spoilt replies, evenly over the kinds; the same ones for the same seed."""
    rng = random.Random(seed)
    kinds = cases()
    tallies = {case.name: Tally() for case in kinds} | {
        name: Tally() for name in ("responses", "refusals of servers", "decisions")
    }
    everything = [reply for case in kinds for reply in case.replies]
    prompt = prompt_of(kinds[0])
    for number in range(count):
        which = number % len(tallies)
        if which < len(kinds):
            case = kinds[which]
            others = case.replies if rng.random() < 0.8 else everything
            reply = mutate(rng, rng.choice(case.replies), others)
            tallies[case.name].read(reply, lambda case=case, reply=reply: through_task(case, reply))  # type: ignore[misc]
            continue
        if which == len(kinds) + 2:
            wire = rng.choice(tuple(WIRES))
            body = spoil(rng, decisions(rng, wire), everything)
            tallies["decisions"].read(body, lambda wire=wire, body=body: through_decisions(wire, body))  # type: ignore[misc]
            continue
        [body] = bodies(rng, [rng.choice(everything)])
        body = spoil(rng, body, everything)
        if which == len(kinds):
            tallies["responses"].read(body, lambda body=body: through_wire(body, prompt))  # type: ignore[misc]
        else:
            status = rng.choice((400, 401, 403, 404, 408, 413, 422, 429, 500, 503, 302))
            tallies["refusals of servers"].read(body, lambda s=status, b=body: through_failure(s, b, rng))  # type: ignore[misc]
    return tallies


def prompt_of(case: Case) -> Prompt:
    """Some prompt of a task with labels."""
    return PromptWriter(case.task).label(Record("r", "A text."), Rung("brief"), Template(size=0), ())


def through_task(case: Case, reply: str) -> tuple[str, Callable[[], str]]:
    parsed = case.task.parse(reply, case.text, case.choices)
    return parsed.outcome, lambda: check(case.task, parsed, reply, case.text, case.choices)


def through_wire(body: str, prompt: Prompt) -> tuple[str, Callable[[], str]]:
    try:
        reply = read_reply(body, prompt)
    except RequestFailed as failure:
        words = str(failure)
        return failure.kind, lambda: "" if len(words) < 1200 and words.encode() else "a message without end"
    return "a reply", lambda: check_reply(reply, body, prompt.shown.labels)


def spoil(rng: random.Random, body: str, everything: list[str]) -> str:
    """A response whose values are spoilt, or its text, in equal parts."""
    if rng.random() < 0.5:
        return mutate(rng, body, [rng.choice(everything), body])
    for _ in range(rng.choice((1, 1, 2, 3))):
        body = retype(rng, body, everything)
    return body


def through_decisions(wire: str, body: str) -> tuple[str, Callable[[], str]]:
    try:
        read = WIRES[wire].read(body, QUESTIONS)
    except RequestFailed as failure:
        words = str(failure)
        return failure.kind, lambda: "" if len(words) < 1200 and words.encode() else "a message without end"
    kinds = {decision.verdict for decision in read.decisions}
    return "a reply" if kinds == {"ok"} else min(kinds - {"ok"}), lambda: check_decisions(read, QUESTIONS)


def through_failure(status: int, body: str, rng: random.Random) -> tuple[str, Callable[[], str]]:
    headers = {"Retry-After": mutate(rng, "12", ["1e9"]), "x-ratelimit-reset-tokens": mutate(rng, "6m0s", ["1ms"])}
    failure = read_failure(status, headers, body, address="http://x/v1", model="tiny", key_env=None)
    wait = failure.retry_after
    sound = (wait is None or 0 <= wait < float("inf")) and len(str(failure)) < 1200 and str(failure).encode()
    return failure.kind, lambda: "" if sound else f"a failure that is none: {wait}, {failure}"[:300]


def report(tallies: dict[str, Tally], seed: int) -> str:
    total = sum(one.tried for one in tallies.values())
    wrong = sum(len(one.wrong) for one in tallies.values())
    lines = [
        f"{total:,} replies, seed {seed}: {wrong} that must not be. CPU time of reading alone.",
        "",
        "| kind | replies | accepted | other outcomes | µs a reply | slowest, ms (its characters) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, one in tallies.items():
        good = one.outcomes["ok"] + one.outcomes["a reply"]
        others = [f"{kind} {times}" for kind, times in one.outcomes.most_common() if kind not in ("ok", "a reply")]
        slowest = f"{1000 * one.worst[0]:.1f} ({one.worst[1]:,})"
        lines.append(
            f"| {name} | {one.tried} | {good} | {', '.join(others)} | {1e6 * one.seconds / one.tried:.0f} | {slowest} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="put the table between the marks of this Markdown file")
    options = parser.parse_args()
    gc.freeze()  # what is imported is not looked through again and again: such a pause is no reply's time
    tallies = fuzz(options.seed, options.count)
    text = report(tallies, options.seed)
    print(text)
    for name, one in tallies.items():
        for wrong, reply in one.wrong[:5]:
            print(f"{name}: {wrong}\n    {reply[:300]!r}", file=sys.stderr)
    if options.write:
        from pages import splice  # here, since the tests, which run this too, have a module of that name

        splice(options.write, "fuzz", text)
    sys.exit(any(one.wrong for one in tallies.values()))


if __name__ == "__main__":
    main()
