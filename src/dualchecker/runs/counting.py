"""How many tokens a prompt has, before anyone is asked: by the model's own tokenizer where there is one."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from dualchecker.config import RunConfig, SeniorConfig
from dualchecker.errors import ConfigError
from dualchecker.prompts import Prompt
from dualchecker.prompts.prompt import estimate_tokens
from dualchecker.teachers import DecisionTeacher

Counter = Callable[[str], int]
"""From a text to its number of tokens."""


def tokenizer_file(teacher: SeniorConfig, config: RunConfig) -> Path | None:
    """The ``tokenizer.json`` of a teacher, if it is on this machine: the one that is named, or that of its folder.

    Raises:
        ConfigError: One is named and not there.
    """
    own = teacher.model if teacher.kind == "transformers" else None
    name = teacher.tokenizer or own
    if not name:
        return None
    path = config.path(name)
    file = path / "tokenizer.json" if path.is_dir() else path
    if file.is_file():
        return file
    if teacher.tokenizer:
        raise ConfigError(
            f"There is no tokenizer {path}.",
            fix="teacher.tokenizer is a tokenizer.json, or a folder that holds one; without it tokens are estimated.",
        )
    return None  # a model on the hub: a plan fetches nothing


def token_counter(teacher: SeniorConfig, config: RunConfig) -> Counter:
    """By the teacher's tokenizer, or by a cautious rule where there is none.

    Raises:
        ConfigError: A tokenizer is named that cannot be read.
    """
    file = tokenizer_file(teacher, config)
    return estimate_tokens if file is None else _tokenizer(file)


@cache
def _tokenizer(file: Path) -> Counter:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ConfigError(
            "teacher.tokenizer needs the package tokenizers.",
            fix="pip install 'dualchecker[encoder]', or leave teacher.tokenizer out: tokens are then estimated.",
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing more precise
        raise ConfigError(
            f"The tokenizer {file} cannot be read.",
            why=str(error),
            fix="It must be a tokenizer.json as the tokenizers library writes it.",
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def prompt_tokens(prompt: Prompt, teacher: SeniorConfig, count: Counter = estimate_tokens) -> int:
    """Input tokens; a decision endpoint may count the state once for each question about it."""
    if teacher.kind == "recorded":  # answers in a file
        return 0
    if teacher.kind == "decisions":
        return DecisionTeacher(teacher).size(prompt)[1]
    return sum(count(message["content"]) for message in prompt.messages)
