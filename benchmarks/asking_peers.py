"""The peers' side of ``asking.py --peers``: the same prompts, asked by distilabel and by curator, in their own words.

    PYTHON asking_peers.py --versions
    PYTHON asking_peers.py --way curator --prompts FILE --base-url URL --at-once 64 --answers FILE

run by the Python of an environment that has them, so that nothing but the standard library and the peer itself is
imported here. Prompts are lists of chat messages, one to a line of JSON; the answers are written likewise. Each peer
is used as its documentation shows it, and spared what would slow it down: no structured output, no telemetry, no cache
of earlier runs, nothing fetched from the network. Times are taken outside: by the server, and around this process.
"""

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Messages = list[dict[str, str]]
NO_LIMIT = 1_000_000_000
"""Requests and tokens a minute, where a peer wants a number."""
PATIENCE = 600
"""Seconds after which a peer is given up."""


class NotMeasured(Exception):
    """A peer did not ask all of its prompts; the message says why."""


def by_curator(prompts: list[Messages], base_url: str, at_once: int, folder: Path) -> list[Any]:
    """``curator.LLM`` with its OpenAI back end, which is aiohttp underneath."""
    litellm = importlib.util.find_spec("litellm")
    if litellm is not None and litellm.origin:  # it carries the files that tiktoken would fetch when imported
        os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers")
    from bespokelabs import curator

    class Labeller(curator.LLM):
        def prompt(self, input: dict[str, Any]) -> Any:
            return input["messages"]

        def parse(self, input: dict[str, Any], response: str) -> dict[str, Any]:
            return {"answer": response}

    settings = {
        "base_url": base_url,
        "api_key": "none",
        "max_concurrent_requests": at_once,
        "max_requests_per_minute": NO_LIMIT,
        "max_tokens_per_minute": NO_LIMIT,
    }
    labeller = Labeller(model_name="loopback", backend="openai", backend_params=settings)
    answers = labeller([{"messages": messages} for messages in prompts], working_dir=str(folder))
    return [row["answer"] for row in answers.dataset]


def by_distilabel_llm(prompts: list[Messages], base_url: str, at_once: int, folder: Path) -> list[Any]:
    """``OpenAILLM`` alone: a batch as large as is to be asked at once, then the next."""
    from distilabel.models.llms import OpenAILLM

    llm = OpenAILLM(model="loopback", base_url=base_url, api_key="none")
    llm.load()
    parts = [prompts[first : first + at_once] for first in range(0, len(prompts), at_once)]
    return [output["generations"][0] for part in parts for output in llm.generate_outputs(inputs=part)]


def by_distilabel_pipeline(prompts: list[Messages], base_url: str, at_once: int, folder: Path) -> list[Any]:
    """A pipeline of two steps, as its users write it; the second runs in a process of its own."""
    from distilabel.models.llms import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import ChatGeneration

    with Pipeline(name="asking", cache_dir=folder) as pipeline:
        load = LoadDataFromDicts(data=[{"messages": messages} for messages in prompts], batch_size=at_once)
        llm = OpenAILLM(model="loopback", base_url=base_url, api_key="none")
        load >> ChatGeneration(llm=llm, input_batch_size=at_once)
    return list(pipeline.run(use_cache=False)["default"]["train"]["generation"])


WAYS: dict[str, tuple[str, Callable[[list[Messages], str, int, Path], list[Any]]]] = {
    "curator": ("bespokelabs-curator", by_curator),
    "distilabel, the LLM alone": ("distilabel", by_distilabel_llm),
    "distilabel, a pipeline": ("distilabel", by_distilabel_pipeline),
}
"""Ways to ask by name, with the distribution that each needs."""


def versions() -> dict[str, str]:
    """Of the peers in this environment, and of the client that distilabel asks through: it decides how fast it is."""
    found = {}
    for name in [*dict.fromkeys(distribution for distribution, _ in WAYS.values()), "openai"]:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def find(pythons: Sequence[Path], home: Path) -> dict[str, tuple[Path, str]]:
    """The ways to ask that can be tried: for each the first of these Pythons that has the peer, and what it found.

    Raises:
        NotMeasured: One of them is no Python.
    """
    found: dict[str, tuple[Path, str]] = {}
    for python in pythons:
        has = json.loads(run(python, ["--versions"], home))
        for way, (name, _) in WAYS.items():
            if name in has:
                found.setdefault(way, (python, f"{name} {has[name]} with openai {has.get('openai', '(none)')}"))
    return found


def run(python: Path, arguments: Sequence[str], home: Path) -> str:
    """What this file says when that Python runs it; what it leaves behind goes to ``home``."""
    environment = os.environ | {
        "HOME": str(home),
        "HF_HOME": str(home / "hub"),
        "HF_HUB_OFFLINE": "1",
        "NO_PROXY": "127.0.0.1",
        "TELEMETRY_ENABLED": "false",
        "CURATOR_DISABLE_RICH_DISPLAY": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    environment.pop("PYTHONPATH", None)  # its own packages, and none of ours
    command = [str(python), str(Path(__file__)), *arguments]
    try:
        done = subprocess.run(
            command, env=environment, cwd=home, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except OSError as error:
        raise NotMeasured(f"{python} does not start: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"no end within {PATIENCE} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise NotMeasured(said[-1].strip()[:200])
    return done.stdout


def ask(python: Path, way: str, prompts: Path, count: int, base_url: str, at_once: int, home: Path) -> None:
    """Have so many prompts asked that way.

    Raises:
        NotMeasured: The peer is not there, failed, or did not hand back an answer to each prompt.
    """
    answers = home / "answers.jsonl"
    arguments = ["--way", way, "--prompts", str(prompts), "--base-url", base_url]
    run(python, [*arguments, "--at-once", str(at_once), "--answers", str(answers)], home)
    lines = answers.read_text(encoding="utf-8").splitlines()
    answered = sum(isinstance(answer := json.loads(line), str) and '"label"' in answer for line in lines)
    if answered != count:
        raise NotMeasured(f"{answered:,} answers to {count:,} prompts")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", action="store_true", help="print the peers that are installed, as JSON")
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--base-url")
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--answers", type=Path)
    options = parser.parse_args()
    if options.versions:
        print(json.dumps(versions()))
        return
    if not (options.way and options.prompts and options.base_url and options.answers):
        parser.error("--way needs --prompts, --base-url and --answers")
    prompts = [json.loads(line) for line in options.prompts.read_text(encoding="utf-8").splitlines()]
    answers = WAYS[options.way][1](prompts, options.base_url, options.at_once, options.answers.parent)
    options.answers.write_text("".join(json.dumps(answer) + "\n" for answer in answers), encoding="utf-8")


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: what a peer imports is not to be found here
    main()
