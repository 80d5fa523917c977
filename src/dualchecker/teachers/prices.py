"""What a teacher charges: a table of prices by model, a user's own over it, and the keys of the run file over both."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator

from dualchecker.config import SeniorConfig
from dualchecker.config.file import read_yaml
from dualchecker.config.section import Section
from dualchecker.errors import ConfigError

_TABLE = Path(__file__).with_name("prices.yaml")

_SNAPSHOT = re.compile(r"-(?:20\d\d-\d\d-\d\d|20\d{6})$")
"""The date at the end of a dated model name."""

_OWN_NETWORK = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
"""Ends of names that no public server has."""

_BATCH = 0.5
"""What a batch costs where a price is given in the run file, which has no key for it: so all providers that have the
interface charge."""

_FORM = "Each model has input and output (per million tokens), and may have cached_input, batch, provider, at, source"


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of a model per million tokens.

    Attributes:
        input: Of prompt tokens.
        output: Of reply tokens.
        cached_input: Of prompt tokens that the server had in its cache; None: they are charged in full.
        batch: What a batch costs in parts of these prices; None: the provider has none, or charges in full.
        known: False where nobody has said what the model costs: the prices are then 0, and costs mean nothing.
        source: Where the price stands: an address, or ``run file``; empty where it is not from a list.
        as_of: The day up to which it is known.
    """

    input: float = 0.0
    output: float = 0.0
    cached_input: float | None = None
    batch: float | None = None
    known: bool = True
    source: str = ""
    as_of: str = ""

    def cost(self, prompt_tokens: float, cached_tokens: float, completion_tokens: float, batch: bool = False) -> float:
        """Money for a request, or for any number of them.

        Args:
            prompt_tokens: All of them, with those that the server had in its cache.
            cached_tokens: Of the prompt tokens, those that it had there.
            completion_tokens: Of the reply.
            batch: Whether it is part of a batch.
        """
        cached = min(max(cached_tokens, 0), prompt_tokens)
        fresh = (prompt_tokens - cached) * self.input
        reused = cached * (self.input if self.cached_input is None else self.cached_input)
        part = self.batch if batch and self.batch is not None else 1.0
        return part * (fresh + reused + completion_tokens * self.output) / 1e6

    def saved(self, cached_tokens: float, batch: bool = False) -> float:
        """How much less than in full these prompt tokens cost because the server had them in its cache."""
        return self.cost(cached_tokens, 0, 0, batch) - self.cost(cached_tokens, cached_tokens, 0, batch)


FREE = Price()
UNKNOWN = Price(known=False)


class _Entry(Section):
    """What a price file says of one model."""

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    cached_input: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    batch: float | None = Field(default=None, gt=0, le=1)
    provider: str = ""
    at: tuple[str, ...] = ()
    source: str = ""
    as_of: str = ""

    @field_validator("at", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @property
    def price(self) -> Price:
        return Price(
            self.input, self.output, self.cached_input, self.batch, source=self.source or "price file", as_of=self.as_of
        )


class Prices:
    """Prices by model. Use ``Prices.packaged()``, and ``over`` to lay a user's file over it."""

    def __init__(self, entries: Mapping[str, _Entry]) -> None:
        self._entries = {name.casefold(): entry for name, entry in entries.items()}

    @classmethod
    @cache
    def packaged(cls) -> Self:
        """The table that comes with the package."""
        return cls(_read(_TABLE))

    def over(self, file: Path) -> "Prices":
        """These prices with those of a user's file in their place, model by model.

        Raises:
            ConfigError: The file is missing or says what is no price; names the lines.
        """
        return Prices({**self._entries, **{name.casefold(): entry for name, entry in _read(file).items()}})

    @property
    def models(self) -> Sequence[str]:
        """Names of all models in the table."""
        return tuple(self._entries)

    def find(self, model: str, hosts: Sequence[str] = ()) -> Price | None:
        """The listed price of a model at these hosts; small and capital letters are the same.

        A name is looked up as it is, then without the date at its end (``gpt-5-2025-08-07``), then both without the
        provider's name before it (``openai/gpt-5``). Nothing else is tried: a price that is guessed is worse than none.
        """
        model = model.casefold()
        undated = _SNAPSHOT.sub("", model)
        provider, slash, bare = model.partition("/")
        names = [(model, ""), (undated, "")]
        names += [(bare, provider), (_SNAPSHOT.sub("", bare), provider)] if slash else []
        for name, before in names:
            entry = self._entries.get(name)
            if entry is not None and (not before or before == entry.provider.casefold()) and _holds_at(entry, hosts):
                return entry.price
        return None

    def lists(self, teacher: SeniorConfig) -> bool:
        """Whether a table has a price of a teacher's model where it is asked."""
        return self.find(teacher.model or "", _hosts(teacher)) is not None

    def of(self, teacher: SeniorConfig) -> Price:
        """What a teacher of the run file costs: as the file says, else as listed, else free on the own network."""
        listed: Price = FREE
        if teacher.kind in ("openai", "decisions"):
            hosts = _hosts(teacher)
            local = bool(hosts) and all(is_own_network(host) for host in hosts)
            listed = self.find(teacher.model or "", hosts) or (FREE if local else UNKNOWN)
        if teacher.price_input is None and teacher.price_cached is None and teacher.price_output is None:
            return listed
        own = teacher.price_input
        # A decision endpoint writes no text that could cost.
        whole = own is not None and (teacher.price_output is not None or teacher.kind == "decisions")
        return replace(
            listed,
            input=listed.input if own is None else own,
            output=listed.output if teacher.price_output is None else teacher.price_output,
            # Beside a price of one's own, the listed one for cached tokens may be of another kind.
            cached_input=(listed.cached_input if own is None else None)
            if teacher.price_cached is None
            else teacher.price_cached,
            batch=_BATCH if own is not None and listed.batch is None else listed.batch,
            known=listed.known or whole,
            source="run file",
            as_of="",
        )


def is_own_network(host: str) -> bool:
    """Whether a host is this machine or on a private network, by its name alone; nothing is looked up."""
    name = host.lower().rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(_OWN_NETWORK)
    return address.is_private or address.is_loopback or address.is_link_local


def _hosts(teacher: SeniorConfig) -> list[str]:
    """Names of the servers that a teacher is at."""
    found = [urlsplit((place.base_url or "").strip()).hostname for place in teacher.addresses]
    return [host for host in found if host]


def _holds_at(entry: _Entry, hosts: Sequence[str]) -> bool:
    return not entry.at or (bool(hosts) and all(host in map(str.lower, entry.at) for host in hosts))


def _read(file: Path) -> dict[str, _Entry]:
    raw, lines = read_yaml(file, "price")
    found, wrong = dict[str, _Entry](), list[str]()
    for model, values in raw.items():
        try:
            found[model] = _Entry.model_validate(values)
        except ValidationError as error:
            for item in error.errors():
                path = (model, *map(str, item["loc"]))
                line = next(lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines)
                wrong.append(f"line {line}: {'.'.join(path)}: {_said(item['type'], item['msg'])}")
    if wrong:
        raise ConfigError(
            f"The price file {file} cannot be used.",
            why="\n  " + "\n  ".join(wrong) + "\n",
            fix=f"Mend the file. {_FORM} and as_of.",
        )
    return found


def _said(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"unknown key; known are {', '.join(_Entry.model_fields)}"
    return "is missing" if kind == "missing" else "must be a mapping" if kind == "model_type" else message
