"""The model card of a student that reasons."""

from collections.abc import Mapping
from typing import Any

import yaml

from dualchecker.students.card import hub_name, inline, origin, results
from dualchecker.students.scratch import SCRATCH

_MEASURES = {
    "count": "questions",
    "accuracy": "right, by vote of its chains",
    "direct_accuracy": "right, when it answers at once",
    "auroc": "AUROC of its confidence",
    "ece": "ECE of its confidence",
    "verdict_auroc": "AUROC of its verdicts on its own chains",
}

_USE = """\
```python
from pathlib import Path

import dualchecker

student = dualchecker.load_student(Path("PATH/TO/THIS/FOLDER"))
said = student.predict([dualchecker.Record("1", "A question?")])[0]
said.answer, said.confidence, said.chains
```

The folder is a plain Hugging Face model as well. What its input begins with says what it writes: `predict: ` and the
question the answer alone, `explain: ` a chain of thought, `evaluate: ` and the chain in square brackets behind the
question a verdict on it.

"""


def reasoning_card(
    *,
    base: str,
    task_question: str,
    counts: Mapping[str, int],
    metrics: Mapping[str, Any],
    seed: int,
    teacher: str = "",
    judges: bool = False,
    calibration: Mapping[str, Any] | None = None,
) -> str:
    """A model card in Markdown with the YAML front matter of the Hugging Face hub.

    Args:
        base: The model that was fine-tuned, as in the run file.
        task_question: What is asked of each text.
        counts: Training questions by source, such as ``{"gold": 200, "teacher": 1800}``.
        metrics: Results on held-out human answers by name; see ``model_card``.
        seed: Seed of the training.
        teacher: Name of the model that wrote the chains, if there was one.
        judges: Whether it has learnt verdicts.
        calibration: How its confidence was calibrated, as in ``metrics.json``; None if it was not.

    Returns:
        The card. Values from outside are escaped, so that none can break the front matter or a table.
    """
    front: dict[str, Any] = {
        "library_name": "transformers",
        "tags": ["text2text-generation", "reasoning", "dualchecker", "distillation"],
    }
    if base != SCRATCH and (name := hub_name(base)):
        front["base_model"] = name
    sections = [
        f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n",
        "# Reasoner made with dualchecker\n",
        f"It answers questions by a chain of thought. The task: {inline(task_question)}\n",
        "## How to use it\n",
        _USE,
        "## How it was made\n",
        origin("reasoner", base, counts, seed, teacher),
        "## Results\n",
        results({name: metrics[name] for name in _MEASURES if name in metrics}, _MEASURES),
        "## Limits\n",
        _limits(base, counts, judges, calibration),
    ]
    return "\n".join(sections)


_JUDGES = {"gold": "human answers", "twins": "human answers", "checked": "checked answers of the teacher"}
"""By ``by`` of a calibration: what the student was compared with."""


def _limits(base: str, counts: Mapping[str, int], judges: bool, calibration: Mapping[str, Any] | None) -> str:
    limits = [
        "A chain that arrives at the right answer may still hold a wrong step.",
        "Questions unlike those it was trained on may be answered worse, and no less surely.",
        f"Its confidence was calibrated on {calibration['judged']} {_JUDGES.get(calibration['by'], 'answers')} "
        "that it had not learnt."
        if calibration
        else "Its confidence is the share of its votes, not calibrated.",
        "It is one training run with one seed; another seed gives somewhat other results.",
    ]
    if not judges:
        limits.append("It has learnt no verdicts: each of its chains has one vote.")
    if base == SCRATCH:
        limits.append("It began from random weights and knows no word that its training texts do not have.")
    if counts.get("teacher"):
        limits.insert(0, "Most of its chains come from a teacher model; errors and leanings of that model can live on.")
    return "".join(f"- {limit}\n" for limit in limits)
