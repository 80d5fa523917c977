"""Word problems as the files of a run."""

from collections.abc import Sequence
from pathlib import Path

from dualchecker.data.word_problems.problems import Problem, make_problems
from dualchecker.data.write import write_jsonl

SIZES = {"gold": 200, "pool": 3000, "test": 300}
"""Of the embedded corpus."""

SEED = 1
LARGEST, STEPS, DISTRACTED = 12, (0.5, 0.4, 0.1), 0.2
"""What makes its problems hard, such that a small model can learn them from its pool."""


def write_word_problems(folder: Path, sizes: dict[str, int] | None = None, seed: int = SEED) -> None:
    """Write ``gold.jsonl``, ``pool.jsonl`` and ``test.jsonl``; no problem stands in two of them.

    Args:
        folder: Where to; must exist.
        sizes: Number of problems by file, by default those of the embedded corpus.
        seed: Decides the problems.
    """
    folder, sizes = Path(folder), SIZES if sizes is None else sizes
    problems = make_problems(sum(sizes.values()), seed, largest=LARGEST, steps=STEPS, distracted=DISTRACTED)
    start = 0
    for name, count in sizes.items():
        write_jsonl(folder / f"{name}.jsonl", _rows(name, problems[start : start + count]))
        start += count


def _rows(name: str, problems: Sequence[Problem]) -> list[dict[str, object]]:
    return [
        {
            "id": f"{name}-{number}",
            "text": problem.text,
            "label": str(problem.answer),
            "steps": len(problem.steps),
            "distractors": len(problem.distractors),
        }
        for number, problem in enumerate(problems, 1)
    ]
