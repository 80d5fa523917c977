"""The loopback teacher with faults, as a process of its own: ``python faulty_server.py PORT-FILE LOG``.

One request in ten meets a fault, drawn from its messages and from how often they have come: a broken run and an
unbroken one meet comparable faults, and no request meets more than it may be tried again. One text in a hundred is
refused, always.
"""

import hashlib
import json
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from servers import Call, LoopbackServer, Step, answer, error, say, slow_down

SHARE = 0.1
"""Of requests that meet a fault."""

LIGHT = ("slow_down_until", "slow_down", "server_error")
"""Faults after which the next try may meet another."""

KINDS = (*LIGHT, *LIGHT, "cut", "cut", "bad_json", "bad_json", "hang")


def key_of(messages: Any) -> str:
    """The key of a request, as the server's log has it."""
    return hashlib.sha256(json.dumps(messages, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def fault(key: str, attempt: int) -> str | None:
    """What happens to the request with this key when it comes for the ``attempt``-th time."""
    digest = hashlib.sha256(f"{key} {attempt}".encode()).digest()
    if attempt > 2 or int.from_bytes(digest[:4], "big") / 2**32 >= SHARE:
        return None
    if attempt == 2:
        return LIGHT[digest[4] % len(LIGHT)] if fault(key, 1) in LIGHT else None
    return KINDS[digest[4] % len(KINDS)]


def behaviour(call: Call) -> Step:
    kind = fault(call.key, call.attempt)
    if kind == "slow_down_until":
        return slow_down("Retry-After", "0.02")
    if kind == "slow_down":
        return slow_down()
    if kind == "server_error":
        return error(500)
    if kind == "bad_json":
        return Step('{"choices": [')
    if int(call.key[:6], 16) % 100 == 0:
        return say(None, refusal="I will not judge this.")
    whole = answer(call)
    return Step(whole.body, delay=0.005, hang=kind == "hang", cut=kind == "cut")


def main(port_file: Path, log: Path) -> None:
    with LoopbackServer(behaviour, log=log) as server:
        part = port_file.with_suffix(".part")
        part.write_text(str(server.port))
        part.replace(port_file)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
