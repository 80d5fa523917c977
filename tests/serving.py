"""``transformers serve`` on a tiny model with random weights: a server that nobody here wrote."""

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
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

NEEDED = ("torch", "transformers", "tokenizers", "fastapi", "uvicorn", "openai")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
COMMAND = Path(sys.executable).with_name("transformers")

MARKS = [
    pytest.mark.serving,
    pytest.mark.skipif(bool(MISSING), reason=f"the serving extra is not installed: no {', '.join(MISSING)}"),
    pytest.mark.skipif(not COMMAND.is_file(), reason=f"there is no command {COMMAND}"),
]
"""For the modules that talk to it."""

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
    # Decisions read yes and no as single tokens.
    seen = ["The text to label: a device that saves water. Reply with one JSON object.", "Yes", "No"]
    bpe.train_from_iterator(seen * 50, trainer)
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


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[str, str]]:
    """Model and address of a server in a process group of its own, which is killed whatever happens."""
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
            yield str(model), f"http://127.0.0.1:{port}/v1"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
