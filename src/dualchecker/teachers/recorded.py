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
from dualchecker.records import Chain, Reply
from dualchecker.tasks.chains import chain_key, strip_answer
from dualchecker.tasks.names import fold
from dualchecker.tasks.quantities import read_quantity
from dualchecker.teachers.base import FreeTeacher


class RecordedTeacher(FreeTeacher):
    """Answers recorded in a file: ``id, label, confidence, label_probabilities, rationale`` (all but id optional).

    Where several labels may apply, ``labels`` (or ``label``) holds those that do, as a list or as text with a separator
    (``[]``: none), or an object with each label's chance; ``label_probabilities`` are then chances of their own.

    Where spans are asked for, ``spans`` holds them: a list (or its JSON text) of ``{label, quote, confidence}``, of
    which ``[]`` says that the text has none. ``text`` serves for ``quote``; ``start``, ``before`` and ``after`` tell
    apart several places of the same words. Offsets without a quote are not believed (``offsets_only``).

    Where reasoning is asked for, ``rationale`` is the chain of thought, ``label`` (or ``answer``) what it arrives at,
    and several rows with one id are several chains. ``evaluations`` holds verdicts on the row's chain: a list of
    ``{verdict, rationale}``, or of verdicts.

    A row without a label is handed on as the raw ``reply``, if the file has one, so that it gets a named outcome.

    Args:
        answers: One file (it answers the ``brief`` rung), or a file for each rung.
        name: For the trail and the report.
        several: Whether an id may occur in several rows, which are then drawn in turn.

    Raises:
        DataError: A file is unreadable, lacks an id, holds one twice, or has probabilities that are none.
    """

    def __init__(
        self, answers: Path | Mapping[RungName, Path], name: str = "recorded", *, several: bool = False
    ) -> None:
        files: dict[str, Path] = {"brief": answers} if isinstance(answers, Path) else dict(answers.items())
        self.name = name
        self.rungs: frozenset[str] = frozenset(files)
        self._answers: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self._digest: dict[str, str] = {}
        for rung, path in files.items():
            self._answers[rung] = _answers(path, several=several)
            self._digest[rung] = hashlib.sha256(path.read_bytes()).hexdigest()
        rows = [row for by_id in self._answers.values() for some in by_id.values() for row in some]
        if any(row.get("evaluations") for row in rows):
            self.rungs |= {"evaluate"}

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        digest = self._digest.get(prompt.rung, "")
        payload = {"teacher": "recorded", "answers": digest, "record": prompt.record_id}
        if prompt.shown.chain is not None:
            chain = prompt.shown.chain
            # As with chains: fewer recorded verdicts than are drawn come again, and count once.
            draw = prompt.sample % max(len(self._evaluations(prompt.record_id, chain)), 1)
            said = {"chain": chain.text, "answer": chain.answer, "draw": draw}
            return {**payload, "answers": "".join(self._digest.values()), "evaluates": said}
        # Of fewer recorded chains than are drawn, the first ones come again under their own key, and count once.
        draw = prompt.sample % max(len(self._rows(prompt)), 1)
        return {**payload, "draw": draw} if draw else payload

    def _rows(self, prompt: Prompt) -> list[dict[str, Any]]:
        return self._answers.get(prompt.rung, {}).get(prompt.record_id, [])

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        if prompt.shown.chain is not None:
            return self._evaluation(prompt, prompt.shown.chain)
        rows = self._rows(prompt)
        if not rows:
            raise RequestFailed(
                f"There is no recorded answer for record {prompt.record_id!r} at the rung {prompt.rung}.",
                kind="not_recorded",
                fix="Record it, or leave the record out of the pool.",
            )
        row = rows[prompt.sample % len(rows)]
        if prompt.shown.spans and (spans := _spans(row.get("spans"))) is not None:
            body = {"rationale": row.get("rationale") or "", "spans": spans}
            return Reply(json.dumps(body, ensure_ascii=False, default=str), model=self.name)
        given = row.get("labels") if prompt.shown.multiple and row.get("labels") is not None else row.get("label")
        if prompt.shown.reasons and given is None:
            given = row.get("answer")
        if given is None or given == "":  # CSV has no null
            return Reply(str(row.get("reply") or ""), model=self.name)
        body = {
            "rationale": row.get("rationale") or "",
            "labels" if prompt.shown.multiple else "answer" if prompt.shown.reasons else "label": given,
            "confidence": row.get("confidence"),
        }
        return Reply(
            json.dumps(body, ensure_ascii=False, default=str),
            label_probabilities=row["label_probabilities"],
            model=self.name,
        )

    def _evaluation(self, prompt: Prompt, chain: Chain) -> Reply:
        said = self._evaluations(prompt.record_id, chain)
        if not said:
            raise RequestFailed(
                f"There is no recorded evaluation of this chain about record {prompt.record_id!r}.", kind="not_recorded"
            )
        one = said[prompt.sample % len(said)]
        body = one if isinstance(one, Mapping) else {"verdict": one}
        return Reply(json.dumps(dict(body), ensure_ascii=False, default=str), model=self.name)

    def _evaluations(self, record_id: str, chain: Chain) -> list[Any]:
        """Those of the row with this chain, by its words; of several such rows, of the one with its answer."""
        key = chain_key(strip_answer(chain.text))
        rows = [row for by_id in self._answers.values() for row in by_id.get(record_id, ())]
        same = [row for row in rows if chain_key(strip_answer(_words(row))) == key]
        exact = [row for row in same if _same_answer(row, chain.answer)]
        found: list[Any] = (exact or same or [{}])[0].get("evaluations") or []
        return found


def _words(row: Mapping[str, Any]) -> str:
    """The chain of a row, whatever it is written as."""
    said = row.get("rationale") or row.get("reply") or ""
    return "\n".join(map(str, said)) if isinstance(said, list) else str(said)


def _same_answer(row: Mapping[str, Any], answer: str) -> bool:
    given = row.get("label") if row.get("label") is not None else row.get("answer")
    if given is None:
        return False
    if fold(str(given)) == fold(answer):
        return True
    value = read_quantity(given)[0]
    return value is not None and value == read_quantity(answer)[0]


def _answers(path: Path, *, several: bool) -> dict[str, list[dict[str, Any]]]:
    answers: dict[str, list[dict[str, Any]]] = {}
    for number, row in read_rows(path):
        identity = "" if row.get("id") is None else str(row["id"])
        if not identity.strip():
            raise DataError(
                f"Row {number} of the recorded answers {path} has no id.",
                fix="Give every answer the id of the record that it is about, in a column 'id'.",
            )
        if identity in answers and not several:
            raise DataError(
                f"The recorded answers {path} hold the id {identity!r} twice (row {number}).",
                fix="Keep one answer for each record; answers of several rungs go into one file each.",
            )
        read = {
            "label_probabilities": _probabilities(row.get("label_probabilities"), path, number),
            "evaluations": _listed(row.get("evaluations"), path, number),
        }
        answers.setdefault(identity, []).append(row | read)
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


def _listed(value: Any, path: Path, number: int) -> list[Any]:
    """Evaluations of a row; files without nested values hold them as JSON text."""
    if value is None or value == "":
        return []
    try:
        given = json.loads(value) if isinstance(value, str) else value
        if not isinstance(given, list | tuple | Mapping):
            raise TypeError(given)
        return [given] if isinstance(given, Mapping) else list(given)
    except (ValueError, TypeError):
        raise DataError(
            f"Row {number} of the recorded answers {path} has evaluations that cannot be read.",
            why=f"They are {str(value)[:80]!r}.",
            fix='Write them as a JSON list, [{"verdict": "correct", "rationale": "..."}, ...], or leave them out.',
        ) from None


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
        self.rungs = frozenset(RUNGS) | {"explain", "evaluate", "generate"}
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
