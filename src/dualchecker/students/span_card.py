"""The model card of a student of spans."""

from collections.abc import Mapping
from typing import Any

import yaml

from dualchecker.students.card import hub_name, inline, origin, results, table

_MEASURES = {
    "count": "texts",
    "strict_f1": "F1 of exact spans",
    "overlap_f1": "F1 of overlapping spans, by the share of characters that agree",
    "token_f1": "F1 of tokens",
    "exact_match": "texts with exactly the right spans",
}

_USE_TOKENS = """\
The folder is a plain Hugging Face model: `transformers` and `torch` are all it needs.

```python
from transformers import pipeline

find = pipeline("token-classification", model="PATH/TO/THIS/FOLDER", aggregation_strategy="simple")
find("A text with spans.")
```

Each result has the span's label (`entity_group`), its offsets (`start`, `end`) and words. `dualchecker` reads the same
folder, and more strictly: its spans never end inside a word, no sequence of tags is illegal, long texts are read in
overlapping windows, and each span comes with the probability that it is exactly there.

"""

_USE_DUALCHECKER = """\
```python
from pathlib import Path

import dualchecker

student = dualchecker.load_student(Path("PATH/TO/THIS/FOLDER"))
student.predict([dualchecker.Record("1", "A text with spans.")])
```
"""


def span_card(
    *,
    kind: str,
    base: str,
    task_question: str,
    labels: Mapping[str, str],
    counts: Mapping[str, int],
    metrics: Mapping[str, Any],
    seed: int,
    by_label: Mapping[str, Mapping[str, Any]] | None = None,
    unexpressed: Mapping[str, int] | None = None,
    teacher: str = "",
    calibrated: str = "",
) -> str:
    """A model card in Markdown with the YAML front matter of the Hugging Face hub.

    Args:
        kind: ``tokens`` or ``linear``.
        base: The encoder that was fine-tuned, or the embedder under the linear student, as in the run file.
        task_question: What was asked of each text.
        labels: Description by label; a description may be empty.
        counts: Training texts by source, such as ``{"gold": 200, "teacher": 1800}``.
        metrics: Results on held-out human spans by name: a number, or a 95 % interval as
            ``{"value": ..., "low": ..., "high": ...}``. Anything else is left to the report. May be empty.
        seed: Seed of the training.
        by_label: The same for each label alone.
        unexpressed: ``SpanStudent.unexpressed``.
        teacher: Name of the model that gave the teacher's spans, if there was one.
        calibrated: A sentence about how its probabilities were calibrated; empty if they were not.

    Returns:
        The card. Values from outside are escaped, so that none can break the front matter or a table.
    """
    tokens = kind == "tokens"
    front: dict[str, Any] = {
        "library_name": "transformers" if tokens else "dualchecker",
        "pipeline_tag": "token-classification",
        "tags": ["token-classification", "dualchecker", "distillation"],
    }
    if name := hub_name(base):
        front["base_model"] = name
    sections = [
        f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n",
        "# Span finder made with dualchecker\n",
        f"It finds labelled stretches of a text. The question: {inline(task_question)}\n",
        "## Labels\n",
        table(("Label", "Meaning"), labels.items()),
        "## How to use it\n",
        (_USE_TOKENS if tokens else "") + _USE_DUALCHECKER,
        "## How it was made\n",
        origin(kind, base, counts, seed, teacher),
        "## Results\n",
        results(metrics, _MEASURES),
        *(f"### {inline(label)}\n\n{results(its, _MEASURES)}" for label, its in (by_label or {}).items()),
        "## Limits\n",
        _limits(base, counts, unexpressed or {}, calibrated),
    ]
    return "\n".join(sections)


def _limits(base: str, counts: Mapping[str, int], unexpressed: Mapping[str, int], calibrated: str) -> str:
    limits = [
        "Its spans never overlap: of nested ones it learned the outer one.",
        "Texts unlike those it was trained on (another source, time or language) may be read worse.",
        inline(calibrated)
        or "Its probabilities are as training left them, not calibrated: set thresholds on labelled texts of your own.",
        "It is one training run with one seed; another seed gives somewhat other results.",
    ]
    if unexpressed:
        said = ", ".join(f"{inline(label)}: {count}" for label, count in unexpressed.items())
        limits[0] += f" So it learned nothing of some spans ({said})."
    if counts.get("generated"):
        limits.insert(0, "Some of the texts that it learned from were written by a teacher model, not found.")
    if counts.get("teacher"):
        limits.insert(0, "Part of its spans come from a teacher model; errors and leanings of that model can live on.")
    if base == "offline":
        limits.append("The encoder it started from was trained on English.")
    return "".join(f"- {limit}\n" for limit in limits)
