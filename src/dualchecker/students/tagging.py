"""What students of spans have in common: probabilities of tags a token become spans and their probabilities."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dualchecker.errors import StudentError
from dualchecker.records import Example, Record, Span
from dualchecker.students.bio import Token, TokenGoal, read_tags, token_goal, token_range
from dualchecker.students.chain import absence, best_tags, span_probabilities
from dualchecker.students.spans import ScoredSpan

_RECORDS = 2000  # texts whose scores are in memory together


@dataclass(frozen=True, slots=True)
class Tagged:
    """A text as its student reads it.

    Attributes:
        tokens: Its tokens; none where there is nothing to read.
        scores: Log-probabilities of the tags, shape (tokens, tags), columns as in ``bio.tag_names``.
    """

    tokens: Sequence[Token]
    scores: npt.NDArray[np.float64]


class SpanTagger(ABC):
    """A student that gives each token of a text a distribution over tags.

    Args:
        labels: In the order of the columns of ``absence``.

    Attributes:
        unexpressed: See ``SpanStudent``.
        snapped: Spans of the training examples that were learnt with other offsets; see ``TokenGoal``.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.unexpressed: dict[str, int] = {}
        self.snapped = 0

    @abstractmethod
    def tagged(self, records: Sequence[Record]) -> list[Tagged]:
        """The tokens of each text with their scores.

        Raises:
            StudentError: The student has not been trained.
        """

    def predict(self, records: Sequence[Record]) -> list[tuple[ScoredSpan, ...]]:
        """See ``SpanStudent.predict``."""
        result: list[tuple[ScoredSpan, ...]] = []
        for some in self._parts(records):
            scores = [one.scores for one in some]
            found = [
                read_tags(one.tokens, tags, self.labels) for one, tags in zip(some, best_tags(scores), strict=True)
            ]
            column = {label: number for number, label in enumerate(self.labels)}
            asked = [[(first, last, column[span.label]) for span, first, last in spans] for spans in found]
            for spans, chances in zip(found, span_probabilities(scores, asked), strict=True):
                result.append(tuple(ScoredSpan(one[0], p) for one, p in zip(spans, chances, strict=True)))
        return result

    def probabilities(self, records: Sequence[Record], spans: Sequence[Sequence[Span]]) -> list[list[float]]:
        """See ``SpanStudent.probabilities``. A span that ends inside a token is taken to the token's end, as in
        training; one without a token, or of a label that is not the student's, has probability 0.
        """
        column = {label: number for number, label in enumerate(self.labels)}
        result: list[list[float]] = []
        wanted = iter(spans)
        for some in self._parts(records):
            asked: list[list[tuple[int, int, int]]] = []
            places: list[list[int]] = []
            out: list[list[float]] = []
            for one in some:
                these = next(wanted)
                ranges = [token_range(one.tokens, span) if span.label in column else None for span in these]
                asked.append([(*place, column[span.label]) for place, span in zip(ranges, these, strict=True) if place])
                places.append([number for number, place in enumerate(ranges) if place])
                out.append([0.0] * len(these))
            for values, numbers, chances in zip(
                out, places, span_probabilities([one.scores for one in some], asked), strict=True
            ):
                for number, chance in zip(numbers, chances, strict=True):
                    values[number] = chance
            result += out
        return result

    def absence(self, records: Sequence[Record]) -> npt.NDArray[np.float64]:
        """See ``SpanStudent.absence``."""
        return np.concatenate(
            [absence([one.scores for one in some], len(self.labels)) for some in self._parts(records)]
        )

    def _parts(self, records: Sequence[Record]) -> Iterator[list[Tagged]]:
        for start in range(0, max(1, len(records)), _RECORDS):
            yield self.tagged(records[start : start + _RECORDS])

    def goals(self, examples: Sequence[Example], tokens: Sequence[Sequence[Token]], *, soft: bool) -> list[TokenGoal]:
        """What is to be learnt of each example, with its own weight in the tokens' weights.

        Raises:
            StudentError: A span has an unknown label.
        """
        goals = []
        for example, its in zip(examples, tokens, strict=True):
            goal = token_goal(its, example.spans, self.labels, soft=soft, unseen=example.unseen)
            goals.append(replace(goal, weights=goal.weights * example.weight))
        return goals

    def take_stock(self, goals: Sequence[TokenGoal]) -> None:
        """Count what the training examples have and a flat student cannot learn.

        Raises:
            StudentError: Nothing is left to learn.
        """
        lost = Counter(span.label for goal in goals for span in goal.unexpressed)
        self.unexpressed = {label: lost[label] for label in self.labels if lost[label]}
        self.snapped = sum(goal.snapped for goal in goals)
        if not any((goal.weights[:, None] * goal.targets[:, 1:]).any() for goal in goals):
            raise StudentError(
                "No span of the training examples can be learnt.",
                why="None has a word or sign in it.",
                fix="Look at the texts and spans of the gold file.",
            )


def usable(examples: Sequence[Example]) -> list[Example]:
    """The examples with a weight.

    Raises:
        StudentError: There are none, or none of them has a span to learn.
    """
    used = [example for example in examples if example.weight > 0]
    if not used:
        raise StudentError("There is nothing to train on.", fix="Give gold labels, or lower check.threshold.")
    if not any(taught.weight > 0 for example in used for taught in example.spans):
        raise StudentError(
            f"None of the {len(used)} training examples has a span.",
            why="A student that has seen no span finds none.",
            fix="Add gold texts with spans.",
        )
    return used
