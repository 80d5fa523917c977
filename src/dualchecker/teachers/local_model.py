"""A causal language model in this process: where it comes from, what identifies it, and how it reads messages."""

import hashlib
import inspect
import json
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dualchecker.embedding.transformer import clean, import_torch, quiet_transformers
from dualchecker.errors import ConfigError
from dualchecker.prompts.prompt import Message

_SAMPLED, _BLOCK = 256, 2**16
"""Of a weights' file: how many blocks are hashed, and their size in bytes. Smaller files are hashed whole."""

_FIX = "Name a folder with a causal model in safetensors and its tokenizer, or such a model on the hub."


def pick_device(device: str) -> str:
    """``auto`` as what it means here.

    Raises:
        ConfigError: The device is not there.
    """
    torch, _ = import_torch()
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}.get(device[:4].strip(":"))
    there = torch.backends.mps.is_available() if device == "mps" else there
    number = int(device.partition(":")[2] or 0)
    if there is False or (device.startswith("cuda") and number >= torch.cuda.device_count()):
        raise ConfigError(
            f"teacher.device is {device}, and torch finds no such device.",
            why=f"torch {torch.__version__} sees {torch.cuda.device_count()} CUDA devices.",
            fix="Set teacher.device: auto, or install a build of torch for the device.",
        )
    return device


def pick_dtype(dtype: str, device: str) -> str:
    """``auto`` as what it means on a device: on a CPU, half precision is slower, not faster."""
    if dtype != "auto":
        return dtype
    torch, _ = import_torch()
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "float16" if device == "mps" else "float32"


def identify(model: str) -> tuple[str, str | None]:
    """What tells a model from others, wherever it lies; and its revision, where it comes from the hub.

    Of a folder: a digest of its settings, its tokenizer and its weights (their headers, sizes and 256 blocks spread
    over each file, so that tens of gigabytes take no time). Of a model on the hub: its name and the commit.

    Raises:
        ConfigError: There is no such model.
    """
    folder = Path(model)
    if folder.is_dir():
        return _digest(folder), None
    import_torch()
    from transformers.utils import cached_file

    try:
        file = cached_file(model, "config.json")
    except (OSError, ValueError) as error:
        raise ConfigError(f"There is no model {model!r}.", why=f"{error}", fix=_FIX) from error
    revision = Path(str(file)).parent.name
    return f"{model}@{revision}", revision


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for pattern in ("*.json", "*.jinja", "*.model", "*.txt", "*.safetensors"):
        for file in sorted(folder.glob(pattern)):
            digest.update(f"{file.name} {file.stat().st_size}\n".encode())
            digest.update(_sampled(file) if pattern == "*.safetensors" else file.read_bytes())
    return digest.hexdigest()[:32]


def _sampled(file: Path) -> bytes:
    """The digest of a file's header and of blocks spread over it; of all of it where that is little more."""
    size, digest = file.stat().st_size, hashlib.sha256()
    with file.open("rb") as content:
        if size <= 2 * _SAMPLED * _BLOCK:
            return hashlib.file_digest(content, "sha256").digest()
        (header,) = struct.unpack("<Q", content.read(8))
        digest.update(content.read(min(header, 2**26)))
        for number in range(_SAMPLED):
            content.seek(number * (size - _BLOCK) // (_SAMPLED - 1))
            digest.update(content.read(_BLOCK))
    return digest.digest()


@dataclass
class LocalModel:
    """A loaded model with its tokenizer.

    Attributes:
        model: A causal model of transformers, in evaluation mode.
        tokenizer: Its own, a fast one.
        remarks: What should be known about how it is asked.
    """

    model: Any
    tokenizer: Any
    remarks: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, base: str, *, device: str, dtype: str, revision: str | None = None) -> "LocalModel":
        """Load from safetensors; code and pickled weights that lie beside a model are never run.

        Raises:
            ConfigError: torch or transformers is missing, or the model is not there or not usable.
        """
        torch, transformers = import_torch()
        from safetensors import SafetensorError

        options = {"trust_remote_code": False} | ({"revision": revision} if revision else {})
        try:
            with quiet_transformers(), torch.random.fork_rng(devices=[]):
                tokenizer = transformers.AutoTokenizer.from_pretrained(base, **options)
                model, report = transformers.AutoModelForCausalLM.from_pretrained(
                    base, dtype=getattr(torch, dtype), use_safetensors=True, output_loading_info=True, **options
                )
        except (OSError, ValueError, RuntimeError, ImportError, KeyError, SafetensorError) as error:
            raise ConfigError(
                f"The model {base!r} cannot be loaded.", why=f"transformers says: {error}", fix=_FIX
            ) from error
        if missing := sorted(report["missing_keys"]):
            raise ConfigError(
                f"The model {base!r} lacks {len(missing)} of its weights, such as {missing[0]}.",
                why="It is no causal language model, or its checkpoint does not fit its config.json.",
                fix=_FIX,
            )
        if not tokenizer.is_fast or len(tokenizer) <= len(tokenizer.all_special_tokens):
            raise ConfigError(f"The model {base!r} has no usable tokenizer (tokenizer.json).", fix=_FIX)
        loaded = cls(model.to(device).eval(), tokenizer)
        if not tokenizer.chat_template:
            loaded.remarks.append(
                "The model has no chat template: messages are put to it as plain paragraphs. A model that was trained "
                "to follow instructions answers better in its own template."
            )
        return loaded

    @property
    def device(self) -> Any:
        return self.model.device

    @cached_property
    def text_config(self) -> Any:
        return self.model.config.get_text_config(decoder=True)

    @cached_property
    def vocabulary(self) -> int:
        """Logits of one position."""
        return int(self.text_config.vocab_size)

    @cached_property
    def context(self) -> int | None:
        """Tokens that prompt and reply may have together; None where the model knows no limit."""
        for name in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
            if (limit := getattr(self.text_config, name, None)) and isinstance(limit, int):
                return limit
        return None

    @cached_property
    def takes(self) -> frozenset[str]:
        """Names of what the model's ``forward`` takes."""
        return frozenset(inspect.signature(self.model.forward).parameters)

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that end a reply."""
        given = [self.tokenizer.eos_token_id]
        for config in (self.model.config, self.text_config, getattr(self.model, "generation_config", None)):
            value = getattr(config, "eos_token_id", None)
            given += value if isinstance(value, list | tuple) else [value]
        return frozenset(int(token) for token in given if token is not None)

    @cached_property
    def closing(self) -> tuple[int, ...]:
        """Tokens that begin with a quotation mark and no letter behind it: each of them ends a string in JSON."""
        words = self.tokenizer.convert_ids_to_tokens(list(range(len(self.tokenizer))))
        return tuple(number for number, word in enumerate(words) if word and re.match(r'"(?!\w)', word))

    @cached_property
    def _special(self) -> re.Pattern[str] | None:
        added = self.tokenizer.added_tokens_decoder.values()
        names = {token.content for token in added if token.special} | set(self.tokenizer.all_special_tokens)
        longest_first = sorted((name for name in names if len(name) > 1), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def defused(self, text: str) -> str:
        """The text without the model's special tokens: a space breaks them up, so that no text can end its own turn."""
        while self._special is not None and self._special.search(text):
            text = self._special.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
        return text

    def written(self, messages: Sequence[Message]) -> str:
        """The messages as the text that the model goes on from."""
        shown = [{"role": m["role"], "content": self.defused(clean([m["content"]])[0])} for m in messages]
        if not self.tokenizer.chat_template:
            turns = [f"{one['role'].capitalize()}:\n{one['content']}" for one in shown]
            return "\n\n".join([*turns, "Assistant:\n"])
        from jinja2 import TemplateError

        try:
            return self._templated(shown)
        except TemplateError:
            # Some templates know no system role: what it says then stands first in the user's turn.
            if len(shown) < 2 or shown[0]["role"] != "system":
                raise
            merged = {"role": shown[1]["role"], "content": f"{shown[0]['content']}\n\n{shown[1]['content']}"}
            return self._templated([merged, *shown[2:]])

    def _templated(self, messages: Sequence[Message]) -> str:
        # Models that can think are told not to: their reply is to begin at once.
        options = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}
        return str(self.tokenizer.apply_chat_template(list(messages), **options))

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts as they stand, with what the model wants before a text where no template has set it."""
        ids: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return [[*self._lead, *one] for one in ids]

    @cached_property
    def _lead(self) -> list[int]:
        if self.tokenizer.chat_template:
            return []
        bare = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        whole = self.tokenizer("a")["input_ids"]
        return list(whole[: whole.index(bare[0])]) if bare and bare[0] in whole else []

    def text(self, tokens: Sequence[int]) -> str:
        """What tokens say, without special ones."""
        said = self.tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(said).encode("utf-8", "replace").decode()


def as_json(text: str) -> str:
    """A JSON string."""
    return json.dumps(text, ensure_ascii=False)
