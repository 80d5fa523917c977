"""What ``init`` makes of a file of questions with their answers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dualchecker.config import AnswerKind

_QUESTION_NAMES = ("question", "problem", "query", "text", "input", "prompt")
_ANSWER_NAMES = ("answer", "label", "solution", "target", "gold", "output", "result")
_CHOICE_NAMES = ("choices", "options", "candidates", "alternatives")
_CONTEXT_NAMES = ("context", "passage", "detail", "background")
_ID_NAMES = ("id", "uid", "key")

_MOST_CHOICES = 10
"""More different answers than this are no choices that all questions share."""

_MANY_NUMBERS = 5
"""From so many different numbers on a label column looks like one of answers."""


@dataclass(frozen=True)
class QuestionGuess:
    """How a file holds questions.

    Attributes:
        columns: The columns by their role, as in ``data.columns``; those that have their usual name are left out.
        answer: What an answer is.
        labels: The choices and how often each is right, where all questions have the same.
        examples: A few answers, for a comment.
    """

    columns: dict[str, str]
    answer: "AnswerKind"
    labels: Counter[str]
    examples: tuple[str, ...]


def question_hint(rows: Sequence[Mapping[str, Any]], labels: Iterable[str]) -> str:
    """What speaks for reasoning in a file that is taken for labelled texts; empty where nothing does."""
    from dualchecker.tasks.quantities import read_quantity

    names = {name.lower() for row in rows for name in row}
    numbers = [label for label in labels if read_quantity(label)[0] is not None]
    if any(name in names for name in _CHOICE_NAMES):
        return "The rows offer choices: if they are questions to answer by reasoning, use --task reasoning."
    if len(numbers) >= _MANY_NUMBERS:
        return "Most labels are numbers: if they answer questions by reasoning, use --task reasoning."
    return ""


def guess_questions(rows: Sequence[Mapping[str, Any]], source: str) -> QuestionGuess:
    """Columns by name, and what the answers are by what stands in them.

    Raises:
        DataError: There is no column of questions or of answers.
    """
    from dualchecker.errors import DataError

    lower = {name.lower(): name for row in rows for name in row}
    answer = next((lower[name] for name in _ANSWER_NAMES if name in lower), None)
    text = next((lower[name] for name in _QUESTION_NAMES if name in lower and lower[name] != answer), None)
    for role, found, names in (("questions", text, _QUESTION_NAMES), ("answers", answer, _ANSWER_NAMES)):
        if found is None:
            raise DataError(
                f"{source} has no column that looks like one of {role}.",
                why=f"Its columns are {', '.join(map(repr, lower.values())) or 'none at all'}.",
                fix=f"Call it {names[0]!r}.",
            )
    said = [row[answer] for row in rows if answer and row.get(answer) not in (None, "")]
    if not said:
        raise DataError(
            f"The column {answer!r} of {source} is empty.", fix="Check that the file carries human answers."
        )
    columns = {"text": str(text), "label": str(answer)}
    choices = next((lower[name] for name in _CHOICE_NAMES if name in lower), None)
    if choices:
        columns["choices"] = choices
    context = next((lower[name] for name in _CONTEXT_NAMES if name in lower), None)
    if context:
        columns["detail"] = context
    identity = next((lower[name] for name in _ID_NAMES if name in lower), None)
    if identity:
        columns["id"] = identity
    usual = {"choices": "choices", "detail": "detail", "id": "id"}
    columns = {role: name for role, name in columns.items() if usual.get(role) != name}
    kind, labels = _answers(said, has_choices=choices is not None)
    return QuestionGuess(
        columns, kind, labels, tuple(dict.fromkeys(" ".join(str(one).split())[:40] for one in said))[:3]
    )


def _answers(said: Sequence[Any], *, has_choices: bool) -> tuple["AnswerKind", Counter[str]]:
    """What the answers are, and the choices that all questions share, if they do."""
    from dualchecker.tasks import Reasoning
    from dualchecker.tasks.names import fold

    if has_choices:
        return "choice", Counter()
    number = Reasoning("", "number")
    if all(number.read_answer(one)[0] is not None for one in said):
        return "number", Counter()
    words = Counter(str(one).lower() if isinstance(one, bool) else " ".join(str(one).split()) for one in said)
    apart = len({fold(word) for word in words}) == len(words) and all(map(fold, words))
    if apart and 2 <= len(words) <= _MOST_CHOICES and len(words) <= len(said) // 2:
        return "choice", words
    return "text", Counter()
