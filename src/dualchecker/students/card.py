"""The model card: what a student is, how it was made, how good it is, and where it ends."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import yaml

_NOT_HUB_NAMES = {"offline": "sentence-transformers/all-MiniLM-L6-v2", "ngrams": None}

_MEASURES = {
    "count": "texts",
    "micro_f1": "micro-F1",
    "exact_match": "texts with exactly the right labels",
    "macro_f1": "macro-F1",
    "ece": "expected calibration error",
    "brier": "Brier score of its confidence",
    "auroc": "AUROC of its confidence",
    "coverage_area": "area under its accuracy-coverage curve",
}

_USE_ENCODER = """\
The folder is a plain Hugging Face model: `transformers` and `torch` are all it needs.

```python
from transformers import pipeline

classify = pipeline("text-classification", model="PATH/TO/THIS/FOLDER", truncation=True, top_k=None)
classify("A text to label.")
```
"""

_USE_LINEAR = """\
```bash
pip install dualchecker
dualchecker predict PATH/TO/THIS/FOLDER texts.jsonl
```
"""


def model_card(
    *,
    kind: str,
    base: str,
    task_question: str,
    labels: Mapping[str, str],
    counts: Mapping[str, int],
    metrics: Mapping[str, Any],
    seed: int,
    teacher: str = "",
    calibration: Mapping[str, Any] | None = None,
    multiple: bool = False,
) -> str:
    """A model card in Markdown with the YAML front matter of the Hugging Face hub.

    Args:
        kind: ``encoder`` or ``linear``.
        base: The encoder that was fine-tuned, or the embedder under the linear student, as in the run file.
        task_question: The question that a label answers.
        labels: Description by label, in the order of the model's outputs; a description may be empty.
        counts: Training examples by source, such as ``{"gold": 200, "teacher": 1800}``.
        metrics: Results on held-out human labels by name: a number, or a 95 % interval as
            ``{"value": ..., "low": ..., "high": ...}``. Anything else (curves, tables) is left to the report.
            May be empty, which the card then says.
        seed: Seed of the training.
        teacher: Name of the model that gave the teacher's labels, if there was one.
        calibration: How its probabilities were calibrated, as in ``metrics.json``; None if they were not.
        multiple: Whether any number of labels may apply to a text.

    Returns:
        The card. Values from outside are escaped, so that none can break the front matter or a table.
    """
    front: dict[str, Any] = {
        "library_name": "transformers" if kind == "encoder" else "dualchecker",
        "pipeline_tag": "text-classification",
        "tags": ["text-classification", "dualchecker", "distillation"],
    }
    if name := hub_name(base):
        front["base_model"] = name
    sections = [
        f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n",
        "# Text classifier made with dualchecker\n",
        f"It reads a text and gives a probability for each label. The question: {inline(task_question)}\n",
        *(["Any number of labels may apply to a text, also none: each probability stands alone.\n"] * multiple),
        "## Labels\n",
        table(("Label", "Meaning"), labels.items()),
        "## How to use it\n",
        _USE_ENCODER if kind == "encoder" else _USE_LINEAR,
        "## How it was made\n",
        origin(kind, base, counts, seed, teacher),
        "## Results\n",
        results(metrics),
        "## Limits\n",
        _limits(base, counts, _calibrated(calibration, metrics), multiple),
    ]
    return "\n".join(sections)


def inline(value: object) -> str:
    """Text on one line, in which no character is Markdown or HTML."""
    text = re.sub(r"([\\`*\[\]<>|~$&#])", r"\\\1", " ".join(str(value).split()))
    # Underscores inside a word are plain text already, and label names are full of them.
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)


def table(header: tuple[str, ...], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; cells may be any text."""
    lines = [header, ["---"] * len(header), *([inline(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def hub_name(base: str) -> str | None:
    """The name of ``base`` on the Hugging Face hub; None for a folder and for what is no model."""
    if base in _NOT_HUB_NAMES:
        return _NOT_HUB_NAMES[base]
    is_name = re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", base)
    return base if is_name and not Path(base).exists() else None


def origin(kind: str, base: str, counts: Mapping[str, int], seed: int, teacher: str) -> str:
    """What the student started from, and a table of what it learned from."""
    # Of a folder only its name: where it lay on somebody's disk is nobody's business.
    start = inline(hub_name(base) or Path(base).name)
    how = "Logistic regression on vectors of" if kind == "linear" else "Fine-tuned from"
    names = {
        "gold": "labels by people",
        "teacher": f"labels by the teacher {teacher}",
        "generated": f"texts and labels written by the teacher {teacher}",
    }
    learned = table(("Trained on", "Texts"), [(names.get(name, name), count) for name, count in counts.items()])
    return f"{how} {start} with seed {seed}.\n\n{learned}"


def results(metrics: Mapping[str, Any], names: Mapping[str, str] = _MEASURES) -> str:
    """A table of the measures that are numbers, or intervals, under readable names."""
    rows = []
    for name, result in metrics.items():
        estimate = result if isinstance(result, Mapping) else {"value": result}
        value, low, high = (estimate.get(key) for key in ("value", "low", "high"))
        if _is_known(value):
            interval = f"{_number(low)} to {_number(high)}" if _is_known(low) and _is_known(high) else ""
            rows.append((names.get(name, name), _number(value), interval))
    if not rows:
        return "Not measured: no labels by people were held out. Test it on your own before you rely on it.\n"
    header = ("Measure", "Value", "95 % interval")
    return f"On labels by people that were kept out of training:\n\n{table(header, rows)}"


def _is_known(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _number(value: object) -> str:
    return str(value) if isinstance(value, Integral) else f"{value:.3f}"


def _calibrated(calibration: Mapping[str, Any] | None, metrics: Mapping[str, Any]) -> str:
    if not calibration or not _is_known(calibration.get("exponent")):
        return (
            "Its probabilities are as training left them, not calibrated: set thresholds on labelled texts of your own."
        )
    said = (
        f"Its probabilities were calibrated by one exponent ({_number(calibration['exponent'])}, part of the weights), "
        f"on {calibration['judged']} texts that it had not learnt from"
    )
    before, after = calibration.get("test_ece_before"), metrics.get("ece")
    if _is_known(before) and _is_known(after):
        said += f"; expected calibration error on the labels above: {_number(before)} before, {_number(after)} after"
    return f"{said}. On texts of another kind they may be off."


def _limits(base: str, counts: Mapping[str, int], calibrated: str, multiple: bool) -> str:
    limits = [
        "It judges every text by the labels above, also a text that has nothing to do with the question."
        if multiple
        else "Every text gets one of the labels above, also a text that has nothing to do with the question.",
        "Texts unlike those it was trained on (another source, time or language) may be judged worse.",
        calibrated,
        "`dualchecker.json` says which form of a record it reads (`text`) and, for an encoder, after how "
        "many tokens a text is cut (`max_length`).",
        "It is one training run with one seed; another seed gives somewhat other results.",
    ]
    if counts.get("generated"):
        limits.insert(0, "Some of the texts that it learned from were written by a teacher model, not found.")
    if counts.get("teacher"):
        limits.insert(0, "Part of its labels come from a teacher model; errors and leanings of that model can live on.")
    if base == "offline":
        limits.append("The encoder it started from was trained on English.")
    return "".join(f"- {limit}\n" for limit in limits)
