"""The wire against a server nobody here wrote: ``transformers serve`` on a tiny model with random weights."""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from dualchecker.asking import Asker
from dualchecker.config import LimitsConfig, SeniorConfig
from dualchecker.errors import TeacherError
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt
from dualchecker.tasks import Classification
from dualchecker.teachers import OpenAITeacher

NEEDED = ("torch", "transformers", "tokenizers", "fastapi", "uvicorn", "openai")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
COMMAND = Path(sys.executable).with_name("transformers")

pytestmark = [
    pytest.mark.serving,
    pytest.mark.skipif(bool(MISSING), reason=f"the serving extra is not installed: no {', '.join(MISSING)}"),
    pytest.mark.skipif(not COMMAND.is_file(), reason=f"there is no command {COMMAND}"),
]

WAIT = 180
"""Seconds that the server gets to start and to load the model; it takes about ten."""


def build_model(folder: Path) -> Path:
    """A Llama of two small layers with random weights, and a byte-level BPE tokenizer of about 400 tokens."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(["The text to label: a device that saves water. Reply with one JSON object."] * 50, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=4096,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)  # another program: there is no event to wait for
    log.seek(0)
    said = log.read().decode("utf-8", "replace")[-3000:]
    pytest.fail(f"transformers serve is not ready (exit code {process.poll()}); it said:\n{said}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeniorConfig]:
    """The server in a process group of its own, which is killed whatever happens."""
    folder = tmp_path_factory.mktemp("serving")
    model = build_model(folder / "tiny-llama")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub"), "OMP_WAIT_POLICY": "PASSIVE"}
    with (folder / "server.log").open("w+b") as log:
        command = [str(COMMAND), "serve", "--host", "127.0.0.1", "--port", str(port), str(model)]
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until_healthy(process, port, log)
            yield SeniorConfig(
                kind="openai", model=str(model), base_url=f"http://127.0.0.1:{port}/v1", max_tokens=16, timeout=120
            )
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


@pytest.fixture
def prompts(make_prompts: Callable[..., list[Prompt]]) -> list[Prompt]:
    return make_prompts(3)


def test_a_random_model_s_prose_is_a_named_outcome_and_never_a_label(
    server: SeniorConfig, prompts: list[Prompt], task: Classification, ledger: Ledger
) -> None:
    """The request with all it holds (schema, logprobs) is taken, the reply has the shape that we read."""
    with Asker(ledger, LimitsConfig(concurrency=2)) as asker:
        outcomes = asker.ask(OpenAITeacher(server), prompts)
        totals = ledger.totals()
        assert [outcome.failure for outcome in outcomes] == [None] * 3
        for outcome in outcomes:
            reply = outcome.reply
            assert reply is not None
            size = sum(len(message["content"]) for message in outcome.prompt.messages)
            assert 100 < reply.prompt_tokens <= size + 50, "the server's own count"
            assert 0 < reply.completion_tokens <= 16
            assert reply.finish in ("length", "stop")
            assert reply.label_probabilities is None, "it ignores logprobs in silence: the signal is missing"
            parsed = task.parse(reply.text)
            assert parsed.label is None
            assert parsed.outcome in ("unparsed", "empty")
        assert totals.attempts == totals.requests == 3
        assert totals.completion_tokens == sum(o.reply.completion_tokens for o in outcomes if o.reply)

        again = asker.ask(OpenAITeacher(server), prompts)
    assert [outcome.reply for outcome in again] == [outcome.reply for outcome in outcomes]
    assert ledger.totals() == totals, "what is in the ledger is not asked again"


def test_a_reason_is_asked_for_on_the_same_wire(server: SeniorConfig, explain_prompt: Prompt, ledger: Ledger) -> None:
    with Asker(ledger, LimitsConfig()) as asker:
        [outcome] = asker.ask(OpenAITeacher(server), [explain_prompt], "explain")
    assert outcome.reply is not None and outcome.reply.completion_tokens > 0


def test_a_model_that_it_does_not_serve_ends_the_run(
    server: SeniorConfig, make_prompts: Callable[..., list[Prompt]], ledger: Ledger
) -> None:
    """It answers 400, not 404: a refusal of single requests, did it not refuse all of them from the first."""
    other = OpenAITeacher(server.model_copy(update={"model": "no-such-org/no-such-model"}))
    with (
        Asker(ledger, LimitsConfig(concurrency=1)) as asker,
        pytest.raises(TeacherError, match=r"20 requests in a row.*HTTP 400.*no-such-model.*Check teacher\.model"),
    ):
        asker.ask(other, make_prompts(30))
    assert ledger.outcomes() == {"bad_request": 20}
