"""Teachers that only repeat: answers in a file by record id, or a whole ledger."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dualchecker.config import RUNGS, RungName
from dualchecker.data import read_rows
from dualchecker.errors import DataError, RequestFailed
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt
from dualchecker.records import Reply
from dualchecker.teachers.base import FreeTeacher


class RecordedTeacher(FreeTeacher):
    """Answers recorded in a file: ``id, label, confidence, label_probabilities, rationale`` (all but id optional).

    Where several labels may apply, ``labels`` (or ``label``) holds those that do, as a list or as text with a separator
    (``[]``: none), or an object with each label's chance; ``label_probabilities`` are then chances of their own.

    Where spans are asked for, ``spans`` holds them: a list (or its JSON text) of ``{label, quote, confidence}``, of
    which ``[]`` says that the text has none. ``text`` serves for ``quote``; ``start``, ``before`` and ``after`` tell
    apart several places of the same words. Offsets without a quote are not believed (``offsets_only``).

    A row without a label is handed on as the raw ``reply``, if the file has one, so that it gets a named outcome.

    Args:
        answers: One file (it answers the ``brief`` rung), or a file for each rung.
        name: For the trail and the report.

    Raises:
        DataError: A file is unreadable, lacks an id, holds one twice, or has probabilities that are none.
    """

    def __init__(self, answers: Path | Mapping[RungName, Path], name: str = "recorded") -> None:
        files: dict[str, Path] = {"brief": answers} if isinstance(answers, Path) else dict(answers.items())
        self.name = name
        self.rungs: frozenset[str] = frozenset(files)
        self._answers: dict[str, dict[str, dict[str, Any]]] = {}
        self._digest: dict[str, str] = {}
        for rung, path in files.items():
            self._answers[rung] = _answers(path)
            self._digest[rung] = hashlib.sha256(path.read_bytes()).hexdigest()

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        digest = self._digest.get(prompt.rung, "")
        return {"teacher": "recorded", "answers": digest, "record": prompt.record_id}

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        row = self._answers.get(prompt.rung, {}).get(prompt.record_id)
        if row is None:
            raise RequestFailed(
                f"There is no recorded answer for record {prompt.record_id!r} at the rung {prompt.rung}.",
                kind="not_recorded",
                fix="Record it, or leave the record out of the pool.",
            )
        if prompt.shown.spans and (spans := _spans(row.get("spans"))) is not None:
            body = {"rationale": row.get("rationale") or "", "spans": spans}
            return Reply(json.dumps(body, ensure_ascii=False, default=str), model=self.name)
        given = row.get("labels") if prompt.shown.multiple and row.get("labels") is not None else row.get("label")
        if given is None or given == "":  # CSV has no null
            return Reply(str(row.get("reply") or ""), model=self.name)
        body = {
            "rationale": row.get("rationale") or "",
            "labels" if prompt.shown.multiple else "label": given,
            "confidence": row.get("confidence"),
        }
        return Reply(
            json.dumps(body, ensure_ascii=False, default=str),
            label_probabilities=row["label_probabilities"],
            model=self.name,
        )


def _answers(path: Path) -> dict[str, dict[str, Any]]:
    answers: dict[str, dict[str, Any]] = {}
    for number, row in read_rows(path):
        identity = "" if row.get("id") is None else str(row["id"])
        if not identity.strip():
            raise DataError(
                f"Row {number} of the recorded answers {path} has no id.",
                fix="Give every answer the id of the record that it is about, in a column 'id'.",
            )
        if identity in answers:
            raise DataError(
                f"The recorded answers {path} hold the id {identity!r} twice (row {number}).",
                fix="Keep one answer for each record; answers of several rungs go into one file each.",
            )
        answers[identity] = row | {"label_probabilities": _probabilities(row.get("label_probabilities"), path, number)}
    return answers


def _spans(value: Any) -> Any | None:
    """The spans of a row; None where it has none, so that a raw reply is handed on."""
    if value is None or value == "":  # CSV has no null
        return None
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value  # handed on as it is: the task names what is wrong with it


def _probabilities(value: Any, path: Path, number: int) -> dict[str, float] | None:
    if value is None or value == "":
        return None
    try:
        # CSV and our own Parquet hold nested values as JSON text; other Parquet gives absent labels as None.
        given = json.loads(value) if isinstance(value, str) else value
        return {str(label): float(share) for label, share in given.items() if share is not None} or None
    except (ValueError, TypeError, AttributeError):
        raise DataError(
            f"Row {number} of the recorded answers {path} has label_probabilities that cannot be read.",
            why=f"They are {str(value)[:80]!r}.",
            fix='Write them as a JSON object of numbers, {"label": 0.9, ...}, or leave them out.',
        ) from None


class LedgerTeacher(FreeTeacher):
    """Replays another run's ledger: any prompt with the same messages gets the reply it got then."""

    def __init__(self, path: Path, name: str = "recorded") -> None:
        self.name = name
        self.rungs = frozenset(RUNGS) | {"explain", "generate"}
        self._ledger = Ledger.open(path, read_only=True)

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        return {"teacher": "ledger", "prompt": prompt.hash, "rung": prompt.rung}

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        reply = self._ledger.reply_to_prompt(prompt.hash, prompt.rung)
        if reply is None:
            raise RequestFailed(
                f"The ledger {self._ledger.path} holds no reply to the prompt about {prompt.record_id!r}.",
                kind="not_recorded",
                why="The data, the settings or the version differ from the recorded run.",
            )
        return reply

    async def aclose(self) -> None:
        self._ledger.close()
