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

    Args:
        answers: One file (it answers the ``brief`` rung), or a file for each rung.

    Raises:
        DataError: A file is unreadable, lacks ids, or holds one twice.
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
        return {"teacher": "recorded", "answers": digest, "rung": prompt.rung, "record": prompt.record_id}

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        row = self._answers.get(prompt.rung, {}).get(prompt.record_id)
        if row is None or prompt.purpose != "label":
            raise RequestFailed(
                f"There is no recorded answer for record {prompt.record_id!r} at the rung {prompt.rung}.",
                kind="not_recorded",
                fix="Record it, or leave the record out of the pool.",
            )
        if row.get("label") is None:
            # Nothing usable was recorded: hand on the raw reply, which gets its own named outcome.
            return Reply(str(row.get("reply") or ""), model=self.name)
        body = {
            "rationale": row.get("rationale") or "",
            "label": row["label"],
            "confidence": row.get("confidence"),
        }
        probabilities = row.get("label_probabilities")
        if isinstance(probabilities, str):  # CSV and our own Parquet hold nested values as JSON text
            probabilities = json.loads(probabilities)
        return Reply(json.dumps(body, ensure_ascii=False), label_probabilities=probabilities or None, model=self.name)


def _answers(path: Path) -> dict[str, dict[str, Any]]:
    answers: dict[str, dict[str, Any]] = {}
    for number, row in read_rows(path):
        if row.get("id") is None:
            raise DataError(f"Row {number} of the recorded answers {path} has no id.")
        identity = str(row["id"])
        if identity in answers:
            raise DataError(f"The recorded answers {path} hold the id {identity!r} twice (row {number}).")
        answers[identity] = row
    return answers


class LedgerTeacher(FreeTeacher):
    """Replays another run's ledger: any prompt with the same messages gets the reply it got then."""

    def __init__(self, path: Path, name: str = "recorded") -> None:
        self.name = name
        self.rungs = frozenset(RUNGS) | {"explain"}
        self._ledger = Ledger.open(path, read_only=True)

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        return {"teacher": "ledger", "prompt": prompt.hash}

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        reply = self._ledger.reply_to_prompt(prompt.hash)
        if reply is None:
            raise RequestFailed(
                f"The ledger {self._ledger.path} holds no reply to the prompt about {prompt.record_id!r}.",
                kind="not_recorded",
                why="The data, the settings or the version differ from the recorded run.",
            )
        return reply

    async def aclose(self) -> None:
        self._ledger.close()
