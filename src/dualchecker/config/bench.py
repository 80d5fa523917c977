"""The bench file: which methods are compared, on which data, on which equal terms."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from dualchecker.config.file import Places, explain, read_yaml, validate
from dualchecker.config.models import RunConfig
from dualchecker.config.section import Section
from dualchecker.errors import ConfigError

BASELINES = ("few_shot", "cot")
"""Methods that the others are compared with where the file does not say."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class PerLabel(Section):
    """So many gold records of every label."""

    per_label: int = Field(ge=1)


class BenchData(BaseModel):
    """One data set: a run file, an embedded corpus, or the sections of a run file in place.

    ``gold`` and ``pool`` draw, for each seed, so many records from its files.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    run: str | None = None
    corpus: str | None = None
    gold: int | PerLabel | None = None
    pool: int | None = Field(default=None, ge=1)

    @field_validator("gold")
    @classmethod
    def _some_gold(cls, value: Any) -> Any:
        if isinstance(value, int) and value < 2:
            raise ValueError("must be at least 2 records, or a mapping such as {per_label: 5}")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> "BenchData":
        sections = set(RunConfig.model_fields) - {"output", "method"}
        unknown = sorted(set(self.sections) - sections)
        if unknown:
            known = ", ".join(sorted({"run", "corpus", "gold", "pool", *sections}))
            raise ValueError(f"unknown key '{unknown[0]}'; known are {known}")
        given = [name for name in ("run", "corpus") if getattr(self, name) is not None]
        if len(given) + bool(self.sections) != 1:
            raise ValueError("needs exactly one of: run (a run file), corpus (an embedded one), or task and data")
        return self

    @property
    def sections(self) -> dict[str, Any]:
        """The sections of a run file that stand in place."""
        return dict(self.model_extra or {})


class EqualConfig(Section):
    """Terms that hold for every method; what is not given is as the data set's run file says."""

    demonstrations: int | None = Field(default=None, ge=0, le=100)
    max_requests_per_record: float | None = Field(default=None, gt=0)
    max_cost: float | None = Field(default=None, gt=0)


class BenchConfig(Section):
    """A whole bench."""

    datasets: dict[str, BenchData] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    against: tuple[str, ...] | None = None
    equal: EqualConfig = EqualConfig()
    settings: dict[str, Any] = Field(default_factory=dict)
    output: str = "runs/bench"
    _root: Path = PrivateAttr(default=Path())
    _source: str = PrivateAttr(default="<memory>")
    _lines: dict[tuple[str, ...], int] = PrivateAttr(default_factory=dict)

    @field_validator("datasets")
    @classmethod
    def _names_are_folders(cls, value: dict[str, BenchData]) -> dict[str, BenchData]:
        folded: dict[str, str] = {}
        for name, data in value.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"the name {name!r} has to be letters, digits, dots, hyphens and underscores")
            if name.casefold() in folded:
                raise ValueError(f"the names '{folded[name.casefold()]}' and '{name}' differ only in case")
            folded[name.casefold()] = name
            twin = next((other for other in value if other != name and value[other] == data), None)
            if twin is not None:
                raise ValueError(f"'{name}' and '{twin}' are the same data, which would count twice")
        return value

    @field_validator("methods", "seeds", "against")
    @classmethod
    def _each_once(cls, value: Any) -> Any:
        twice = next((item for item in value or () if list(value).count(item) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} is given twice")
        return value

    @model_validator(mode="after")
    def _against_is_run(self) -> "BenchConfig":
        stray = [name for name in self.against or () if name not in self.methods]
        if stray:
            raise ValueError(f"against names '{stray[0]}', which is not among the methods")
        return self

    @property
    def baselines(self) -> tuple[str, ...]:
        """The methods that the others are compared with."""
        return tuple(m for m in BASELINES if m in self.methods) if self.against is None else self.against

    @property
    def root(self) -> Path:
        """The folder that relative paths start from."""
        return self._root

    @property
    def source(self) -> str:
        """The name of the file, for errors."""
        return self._source

    @property
    def output_dir(self) -> Path:
        return (self.root / Path(self.output).expanduser()).resolve()

    def where(self, *path: str) -> str:
        """``line 7: ``, the place of the closest key that was given; empty where none was."""
        line = next((self._lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._lines), None)
        return f"line {line}: " if line else ""

    def inline(self, name: str) -> RunConfig:
        """The run file that stands in place of the data set ``name``.

        Raises:
            ConfigError: It is not a valid one.
        """
        depth = ("datasets", name)
        lines = {path[2:]: line for path, line in self._lines.items() if path[:2] == depth}
        return validate(self.datasets[name].sections, self.root, f"{self.source} (datasets.{name})", lines)


def build_bench(
    raw: Mapping[str, Any], *, root: Path = Path(), source: str = "<memory>", lines: Places | None = None
) -> BenchConfig:
    """A bench from plain values.

    Raises:
        ConfigError: A key is unknown or missing, or a value does not fit.
    """
    given = {name: value for name, value in raw.items() if value is not None}
    try:
        config = BenchConfig.model_validate(given)
    except ValidationError as error:
        raise explain(error, lines or {}, source, BenchConfig, "bench") from None
    config._root, config._source = root, source
    config._lines = {path: line for path, line in (lines or {}).items() if isinstance(line, int)}
    for name, data in config.datasets.items():
        if data.sections:
            config.inline(name)  # its mistakes are found before anything runs
    return config


def load_bench(path: str | Path, **more: Any) -> BenchConfig:
    """Read a bench file, or make a bench of one run file.

    Args:
        path: A bench file, or a run file, which is then the only data set.
        **more: Keys of the bench that override the file's, or complete a run file; None leaves them as they are.

    Raises:
        ConfigError: The file is missing, is no YAML, or breaks the schema; says the line.
    """
    file = Path(path)
    raw, lines = read_yaml(file, "bench")
    if isinstance(raw.get("settings"), dict) and more.get("settings"):
        more["settings"] = {**raw["settings"], **more["settings"]}
    more = {key: value for key, value in more.items() if value not in (None, {})}
    if "task" in raw and "datasets" not in raw:
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-._") or "data"
        return build_bench({"datasets": {name: {"run": file.name}}, **more}, root=file.parent, source=str(file))
    return build_bench({**raw, **more}, root=file.parent, source=str(file), lines=lines)


def check_names(config: BenchConfig, key: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Make sure that what the bench names is there.

    Raises:
        ConfigError: A name is not known; says the line.
    """
    import difflib

    for number, name in enumerate(names):
        if name in known:
            continue
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known)}"
        raise ConfigError(
            f"The bench file {config.source} cannot be used.",
            why=f"\n  {config.where(key, str(number))}{key}: there is no method '{name}'; {hint}\n",
            fix="Mend the file; docs/bench.md lists what there is.",
        )
