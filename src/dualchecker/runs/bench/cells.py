"""The cells of a bench: one run for each data set, method and seed, on equal terms."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

import dualchecker
from dualchecker.config import BenchConfig, RunConfig, build_config, load_config
from dualchecker.config.bench import check_names
from dualchecker.data import Dataset
from dualchecker.data.corpora import corpus_file
from dualchecker.errors import ConfigError
from dualchecker.evaluation.bench import Scored
from dualchecker.ledger import content_hash
from dualchecker.runs.bench.draws import data_for_seed
from dualchecker.runs.bench.methods import method_names, method_settings, why_not
from dualchecker.runs.kinds.choose import kind_of

_NO_EXTRAS = {"few_shot": False, "references": False, "noise": False, "slices": "none"}
"""What a run's own report compares with and looks into costs calls and time; a baseline is a cell of its own."""


@dataclass(frozen=True)
class Cell:
    """One run of a bench.

    Attributes:
        data: Name of the data set.
        method: Name of the method.
        seed: Of splits, draws and the student.
        config: The run, with absolute paths.
        dataset: Gold, pool and test of this data set and seed, the same for every method.
        base: The folder of the data set, which holds what its cells share.
    """

    data: str
    method: str
    seed: int
    config: RunConfig
    dataset: Dataset
    base: Path

    @property
    def name(self) -> str:
        return f"{self.data}/{self.method}/{self.seed}"

    @property
    def folder(self) -> Path:
        return self.config.output_dir

    @cached_property
    def key(self) -> str:
        """Hash of all that the outcome hangs on: configuration, contents of files, version."""
        plain = self.config.model_dump(mode="json", exclude={"output"})
        files = [self.config.data.gold, self.config.data.pool, self.config.data.test]
        for teacher in (self.config.teacher, self.config.teacher.senior):
            answers = teacher.answers if teacher else None
            files += answers.values() if isinstance(answers, dict) else [answers]
        digests = [_digest(Path(file)) for file in files if isinstance(file, str)]
        return content_hash({"config": plain, "files": digests, "version": dualchecker.__version__})

    def matches(self, pattern: str) -> bool:
        """Whether a pattern fits the name, or is the data set, the method or the seed."""
        return pattern in (self.data, self.method, str(self.seed)) or fnmatchcase(self.name, pattern)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def plan_cells(bench: BenchConfig) -> list[Cell]:
    """All cells, seed by seed within a data set, so that a bench that is stopped early compares whole seeds.

    Raises:
        DualcheckerError: The bench, a run file or its data cannot be used.
    """
    check_names(bench, "methods", bench.methods, method_names())
    cells = [cell for name in bench.datasets for cell in _cells_of(bench, name)]
    if not cells:
        raise ConfigError(
            f"The bench file {bench.source} leaves nothing to run.",
            why="; ".join(dict.fromkeys(f"{one.method}: {one.reason}" for one in left_out(bench))) + ".",
            fix="Name methods that can do the tasks.",
        )
    return cells


def _cells_of(bench: BenchConfig, name: str) -> Iterator[Cell]:
    base, draws = base_config(bench, name), bench.datasets[name]
    if not kind_of(base.task).benched:
        raise ConfigError(
            f"The bench file {bench.source} names a data set with several labels a text: {name}.",
            why="The bench compares methods by the scores of one label a text, or of spans.",
            fix="Run each method by itself on it (method: ... in the run file) and compare the reports.",
        )
    home = bench.output_dir / name
    raw = base.model_dump(mode="json")
    for key, value in bench.settings.items():
        _put(raw, key, value, bench)
    common = _build(raw, bench, f"datasets.{name}")
    for seed in bench.seeds:
        # Its own folder for each data set and seed; no method can be called so, names begin with a letter or digit.
        placed, dataset = data_for_seed(common, draws, seed, home / ".data" / str(seed))
        for method in [method for method in bench.methods if not why_not(method, base)]:
            raw = placed.model_dump(mode="json")
            for key, value in {**_equal_terms(bench, placed), **method_settings(method)}.items():
                _put(raw, key, value, bench)
            fixed = {
                "student.seed": seed,
                "output": str(home / method / str(seed)),
            }
            for key, value in fixed.items():
                _put(raw, key, value, bench)
            raw["report"] |= {key: value for key, value in _NO_EXTRAS.items() if key in raw["report"]}
            yield Cell(name, method, seed, _build(raw, bench, f"{name}/{method}"), dataset, home)


def left_out(bench: BenchConfig) -> list[Scored]:
    """The runs that no bench makes: methods that cannot do the task of a data set, each with the reason."""
    found = []
    for data in bench.datasets:
        config = base_config(bench, data)
        for method in bench.methods:
            if reason := why_not(method, config):
                kind = kind_of(config.task).name
                found += [Scored(data, method, seed, "left out", reason, kind=kind) for seed in bench.seeds]
    return found


def choose_cells(cells: Sequence[Cell], only: Sequence[str]) -> list[Cell]:
    """Those that any pattern fits; all where there is no pattern.

    Raises:
        ConfigError: A pattern fits none.
    """
    for pattern in only:
        if not any(cell.matches(pattern) for cell in cells):
            raise ConfigError(
                f"There is no run {pattern!r} in this bench.",
                why=f"Its runs are called like {cells[0].name} (data set, method, seed).",
                fix="Name a data set, a method or a seed, or a pattern such as '*/few_shot/0'.",
            )
    return [cell for cell in cells if not only or any(cell.matches(pattern) for pattern in only)]


def base_config(bench: BenchConfig, name: str) -> RunConfig:
    """The run file of a data set, with absolute paths.

    Raises:
        DualcheckerError: It cannot be used.
    """
    data = bench.datasets[name]
    if data.run is not None:
        return load_config(bench.root / Path(data.run).expanduser()).resolved()
    if data.corpus is not None:
        return load_config(corpus_file(data.corpus)).resolved()
    return bench.inline(name).resolved()


def _equal_terms(bench: BenchConfig, config: RunConfig) -> dict[str, Any]:
    """The settings of ``equal`` that are keys of the run file; budgets are kept by the meter."""
    shown = bench.equal.demonstrations
    if shown is None:
        return {}
    return {"align.demonstrations": shown, "align.neighbours": min(config.align.neighbours, shown)}


def _build(raw: Mapping[str, Any], bench: BenchConfig, what: str) -> RunConfig:
    return build_config(raw, root=bench.root, source=f"{what} of {bench.source}").resolved()


def _put(raw: dict[str, Any], key: str, value: Any, bench: BenchConfig) -> None:
    """Set the value at a dotted key."""
    *sections, leaf = key.split(".")
    target = raw
    for section in sections:
        if not isinstance(target.get(section), dict):
            raise ConfigError(
                f"The bench file {bench.source} cannot be used.",
                why=f"\n  {bench.where('settings', key)}settings: '{section}' in '{key}' is no section\n",
                fix="A setting is the path of a key of the run file with dots, such as student.kind.",
            )
        target = target[section]
    target[leaf] = value
