"""What became of a cell, on disk beside its run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from dualchecker.data import write_json
from dualchecker.evaluation.bench import Scored
from dualchecker.runs.bench.cells import Cell
from dualchecker.runs.bench.meter import Used
from dualchecker.runs.kinds.choose import kind_of

State = Literal["done", "failed", "over budget", "not run"]


@dataclass(frozen=True)
class Outcome:
    """What became of a cell.

    Attributes:
        key: The cell's key when it was run.
        state: ``over budget`` is a run that would have used more than every method may.
        reason: Why there is no result, where there is none.
        seconds: Of computing. Replies that were in the ledger took none.
        used: Requests, tokens and money, whenever they were paid.
        notes: What the run remarked.
    """

    key: str
    state: State
    reason: str = ""
    seconds: float = 0.0
    used: Used = field(default_factory=Used)
    notes: tuple[str, ...] = ()

    def is_due(self, retry_failed: bool) -> bool:
        """Whether the cell is to be run."""
        return self.state == "not run" or (retry_failed and self.state != "done")


def _file(cell: Cell) -> Path:
    return cell.folder / "cell.json"


def save_outcome(cell: Cell, outcome: Outcome) -> None:
    write_json(_file(cell), asdict(outcome))


def load_outcome(cell: Cell) -> Outcome:
    """What is on disk; ``not run`` where nothing is, or where it came of another configuration."""
    nothing = Outcome(cell.key, "not run")
    try:
        raw = json.loads(_file(cell).read_text(encoding="utf-8"))
        outcome = Outcome(**{**raw, "used": Used(**raw["used"]), "notes": tuple(raw["notes"])})
    except (OSError, ValueError, TypeError, KeyError):  # not there, or half of an older version: it is run again
        return nothing
    if outcome.key != cell.key or (outcome.state == "done" and not (cell.folder / "metrics.json").is_file()):
        return nothing
    return outcome


def score_cell(cell: Cell, outcome: Outcome) -> Scored:
    """A cell as the tables take it: its labels and predictions beside the human labels."""
    if outcome.state != "done":
        kind = kind_of(cell.config.task)
        return Scored(cell.data, cell.method, cell.seed, outcome.state, outcome.reason, kind=kind.name)
    metrics = json.loads((cell.folder / "metrics.json").read_text(encoding="utf-8"))
    labels = {row["id"]: row for row in _rows(cell.folder / "labels.jsonl")}
    predictions = {row["id"]: row for row in _rows(cell.folder / "predictions.jsonl")}
    kind = kind_of(cell.config.task)
    found = kind.bench(kind.task(cell.config.task), cell.dataset, labels, predictions)
    count = max(len(labels), 1)
    test: Mapping[str, Any] = (metrics.get("student") or {}).get("test") or {}
    return Scored(
        cell.data,
        cell.method,
        cell.seed,
        outcome.state,
        teacher=found.teacher,
        accepted=found.accepted,
        student=found.student,
        kind=kind.name,
        kept=found.kept,
        numbers={
            "accepted": found.share,
            "abstained": sum(row["status"] == "abstained" for row in labels.values()) / count,
            "failed": sum(row["status"] == "failed" for row in labels.values()) / count,
            "student_ece": (test.get("ece") or {}).get("value"),
            "requests": outcome.used.requests,
            "requests_per_record": outcome.used.requests / count,
            "tokens": outcome.used.prompt_tokens + outcome.used.completion_tokens,
            "tokens_per_record": (outcome.used.prompt_tokens + outcome.used.completion_tokens) / count,
            "cost": outcome.used.cost,
            "seconds": outcome.seconds,
        },
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
