"""What all tests share. The environment is set before anything can import torch."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # else a training step beside a busy neighbour takes ten times as long
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).parent))  # for `from servers import ...`, whatever the import mode

import hypothesis
import pytest

from batch_server import BatchServer
from dualchecker.config import SeniorConfig
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt, PromptWriter, Rung, Template
from dualchecker.records import Demonstration, Record
from dualchecker.tasks import Classification
from servers import Behaviour, LoopbackServer
from serving import serving
from tiny import build_tiny_bert
from tiny_causal import build_causal

# A shell that starts a job in the background has it ignore Ctrl-C, and Python then never raises KeyboardInterrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: the machine may be busy. The same examples each time: a failure in CI is a failure everywhere.
hypothesis.settings.register_profile("dualchecker", deadline=None, derandomize=True)
hypothesis.settings.load_profile("dualchecker")


@pytest.fixture
def task() -> Classification:
    """A tiny task with two labels."""
    return Classification(
        "Does this invention belong to green innovation?",
        {
            "green": "Its purpose is to cut energy use or waste. Green words alone are not enough.",
            "not_green": "Anything else.",
        },
    )


@pytest.fixture
def demonstrations() -> tuple[Demonstration, ...]:
    """Two of each label, with words that tell them apart."""
    texts = {
        "d1": ("A heat pump that halves the power needed to warm water.", "green"),
        "d2": ("A filter that turns kitchen waste into compost.", "green"),
        "d3": ("A trumpet with a softer mouthpiece for children.", "not_green"),
        "d4": ("A card game played with two decks and a timer.", "not_green"),
    }
    return tuple(Demonstration(Record(key, text, label=label), label) for key, (text, label) in texts.items())


@pytest.fixture
def make_prompts(task: Classification, demonstrations: tuple[Demonstration, ...]) -> Callable[..., list[Prompt]]:
    """``make_prompts(3)``: three different prompts about the records r0, r1, r2."""
    writer, template = PromptWriter(task), Template(size=len(demonstrations))

    def make(count: int, *, rung: Rung | None = None, first: int = 0) -> list[Prompt]:
        records = [Record(f"r{i}", f"Device number {i} that saves water.") for i in range(first, first + count)]
        return [writer.label(record, rung or Rung("brief"), template, demonstrations) for record in records]

    return make


@pytest.fixture
def explain_prompt(task: Classification) -> Prompt:
    """Asks for the reason of a human label."""
    return PromptWriter(task).explain(Record("e1", "A stove that burns a third of the wood."), "green")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty one, open for writing."""
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture
def serve() -> Iterator[Callable[..., LoopbackServer]]:
    """``serve(behaviour)`` starts a loopback server, which is stopped when the test ends."""
    started: list[LoopbackServer] = []

    def start(behaviour: Behaviour | None = None) -> LoopbackServer:
        started.append(LoopbackServer(behaviour).start())
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Callable[..., BatchServer]]:
    """``provider(behaviour)`` starts a provider of batches, which is stopped when the test ends."""
    started: list[BatchServer] = []

    def start(behaviour: Behaviour | None = None) -> BatchServer:
        folder = tmp_path / f"provider{len(started)}"
        folder.mkdir()
        started.append(BatchServer(folder, behaviour))
        started[-1].start()
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def settings() -> Callable[..., SeniorConfig]:
    """``settings(server, timeout=1)``: how to reach a loopback server."""

    def make(server: LoopbackServer, **more: object) -> SeniorConfig:
        return SeniorConfig.model_validate(
            {"kind": "openai", "model": "tiny", "base_url": server.base_url, "timeout": 20, **more}
        )

    return make


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a random BERT that knows the words of the topics in ``tiny``."""
    pytest.importorskip("transformers")
    return build_tiny_bert(tmp_path_factory.mktemp("tiny-bert"))


@pytest.fixture(scope="session")
def tiny_causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random Llama with a chat template."""
    pytest.importorskip("transformers")
    return build_causal(tmp_path_factory.mktemp("models") / "tiny-llama", seed=3)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Model and address of one ``transformers serve`` for all tests that talk to it."""
    with serving(tmp_path_factory.mktemp("serving")) as found:
        yield found
