"""How likely a model finds each of several continuations: all of them in one pass, as a tree behind the prompt."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dualchecker.embedding.transformer import import_torch
from dualchecker.teachers.local_beginnings import Tokens, common
from dualchecker.teachers.local_model import LocalModel, as_json
from dualchecker.teachers.local_passes import Passes


@dataclass(frozen=True, slots=True)
class Tree:
    """Continuations that share their beginnings.

    Attributes:
        tokens: Each node's token.
        parents: Each node's parent, -1 for those right behind the prompt.
        paths: Of each candidate: its nodes from the first to the last.
        closed: Of each candidate: whether a closing quotation mark is to follow its last node, in any token that begins
            with one. Where not, it is part of that node.
    """

    tokens: Tokens
    parents: Tokens
    paths: tuple[Tokens, ...]
    closed: tuple[bool, ...]

    @classmethod
    def of(cls, sequences: Sequence[Tokens], closed: Sequence[bool]) -> "Tree":
        """The tree of token sequences, in whose order its candidates are."""
        nodes: dict[tuple[int, int], int] = {}
        paths = []
        for sequence in sequences:
            at, path = -1, []
            for token in sequence:
                at = nodes.setdefault((at, token), len(nodes))
                path.append(at)
            paths.append(tuple(path))
        return cls(tuple(token for _, token in nodes), tuple(at for at, _ in nodes), tuple(paths), tuple(closed))

    def sequence(self, candidate: int) -> Tokens:
        """A candidate's tokens."""
        return tuple(self.tokens[node] for node in self.paths[candidate])

    @property
    def depth(self) -> int:
        """Tokens of the longest candidate."""
        return max(map(len, self.paths))


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt as tokens, and the tree of what may follow."""

    row: Tokens
    tree: Tree

    @property
    def size(self) -> int:
        return len(self.row) + len(self.tree.tokens)


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model makes of a ``Question``.

    Attributes:
        logs: Log-likelihood of each candidate.
        cached: Tokens of the prompt that were not computed again.
    """

    logs: tuple[float, ...]
    cached: int = 0

    @classmethod
    def checked(cls, logs: Sequence[float], cached: int = 0) -> "Scores":
        """Scores of log-likelihoods that are numbers.

        Raises:
            ArithmeticError: They are none: the model's arithmetic has overflown.
        """
        if not math.isfinite(max(logs)) or any(map(math.isnan, logs)):
            raise ArithmeticError("likelihoods are no numbers")
        return cls(tuple(logs), cached)

    @property
    def shares(self) -> tuple[float, ...]:
        """Likelihood of each candidate among all of them."""
        most = max(self.logs)
        weights = [math.exp(log - most) for log in self.logs]
        return tuple(weight / math.fsum(weights) for weight in weights)

    @property
    def outside(self) -> float:
        """Probability of going on with none of the candidates."""
        return min(max(1 - math.fsum(map(math.exp, self.logs)), 0.0), 1.0)


class Questions:
    """Turns texts and candidates into questions.

    A candidate is its name as a JSON string with the quotation mark that closes it, so that ``green`` and ``green_x``
    exclude each other. Tokenizers glue that mark to what follows it (``",``) as they like, and a name must not lose by
    that: the probabilities of all tokens that begin with one are added up.

    Args:
        model: Whose tokens.
    """

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self._known: dict[tuple[str, tuple[str, ...]], tuple[Tokens, int, Tree]] = {}

    def question(self, text: str, opening: str, names: Sequence[str]) -> Question:
        """What follows ``text`` and ``opening`` (``{"label": ``): one of the names.

        Tokens do not end where our parts do, so each candidate is cut into tokens together with all that stands before
        it. How it comes out hangs on the last tokens before it alone: while these stay the same, so does the tree.
        """
        key = (opening, tuple(names))
        before = text + opening + '"'
        if known := self._known.get(key):
            ending, left, tree = known
            (bare,) = map(tuple, self._model.tokens([before]))
            if bare[-len(ending) :] == ending:
                return Question(bare[: len(bare) - left], tree)
        whole = self._model.tokens([before, *(text + opening + as_json(name) for name in names)])
        bare, *rows = map(tuple, whole)
        start = common([bare, *rows])
        closing = set(self._model.closing)
        closed = [row[-1] in closing and len(row) > start for row in rows]
        tree = Tree.of([row[start : len(row) - end] for row, end in zip(rows, closed, strict=True)], closed)
        left = len(bare) - start
        self._known[key] = (bare[-(left + 2) :], left, tree)
        return Question(bare[:start], tree)


class Scorer:
    """Scores questions.

    Args:
        model: The model.
        passes: Runs it.
    """

    def __init__(self, model: LocalModel, passes: Passes) -> None:
        self._model, self._passes = model, passes
        self._torch, _ = import_torch()

    def together(self, questions: Sequence[Question]) -> list[Scores]:
        """Scores of questions with one tree, in one pass.

        Raises:
            NotThisWay: The model cannot be read like this; ``alone`` can.
        """
        tree, rows = questions[0].tree, [question.row for question in questions]
        beginning = self._passes.beginning(rows)
        logits, batch = self._passes.read(rows, tree.tokens, tree.parents, beginning=beginning)
        steps, ends = self._logs(logits, tree.tokens, tree.parents)
        found = []
        for number in range(len(rows)):
            edges, closes = steps[number].tolist(), ends[number].tolist()
            logs = [
                math.fsum([*(edges[node] for node in path), *([closes[path[-1] + 1 if path else 0]] if end else ())])
                for path, end in zip(tree.paths, tree.closed, strict=True)
            ]
            found.append(Scores.checked(logs, batch.shared))
        return found

    def alone(self, questions: Sequence[Question], tokens: int) -> Iterator[Scores]:
        """The same by as many whole passes as there are candidates; ``tokens`` is the size of a batch of them."""
        for question in questions:
            tree, row = question.tree, question.row
            size = max(tokens // (len(row) + tree.depth), 1)
            logs: list[float] = []
            candidates = range(len(tree.paths))
            for first in range(0, len(candidates), size):
                some = candidates[first : first + size]
                sequences = [(*row, *tree.sequence(one)) for one in some]
                places = [tuple(range(len(row) - 1, len(one))) for one in sequences]
                for one, logits in zip(some, self._passes.plain(sequences, places), strict=True):
                    chain = tuple(range(-1, len(tree.paths[one]) - 1))
                    steps, ends = self._logs(logits[None], tree.sequence(one), chain)
                    logs.append(float(steps.sum() + (ends[0, -1] if tree.closed[one] else 0)))
            yield Scores.checked(logs)

    def _logs(self, logits: Any, tokens: Tokens, parents: Tokens) -> tuple[Any, Any]:
        """Log-probability of each node behind its parent, (rows, nodes); of a closing quote, (rows, 1 + nodes)."""
        torch = self._torch
        total = logits.logsumexp(-1)
        behind = torch.tensor([parent + 1 for parent in parents], dtype=torch.long, device=logits.device)
        token = torch.tensor(tokens, dtype=torch.long, device=logits.device)
        steps = logits[:, behind, token] - total[:, behind]
        closing = torch.tensor(self._model.closing, dtype=torch.long, device=logits.device)
        ends = logits[..., closing].logsumexp(-1) - total
        return steps.cpu().double(), ends.cpu().double()
