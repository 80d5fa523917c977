"""From checked labels to training examples."""

from collections.abc import Iterable

from dualchecker.confidence.signals import believed
from dualchecker.records import Example, Labelled

_LEAST_CONFIDENCE = 0.1


def examples_from(labels: Iterable[Labelled], doubtful: str = "weight") -> list[Example]:
    """Training examples of the labels that may teach.

    An accepted label counts with its squared confidence, or in full where the teacher claims none and none was
    calibrated: it was believed as it is. A doubtful one is dropped (``drop``), or teaches its likeliest
    label by the evidence as a whole, with that label's squared probability (``weight``). Failed ones never teach.
    """
    examples = []
    for item in labels:
        if item.label is None or (item.status != "accepted" and doubtful == "drop"):
            continue
        label, weight = item.label, item.confidence.value
        if item.distribution is not None:
            label = max(item.distribution, key=item.distribution.__getitem__)
            weight = item.distribution[label]
        elif item.status == "accepted" and not weight and item.answer and believed(item.answer) is None:
            weight = 1.0
        # Squared: of two labels the surer one teaches more than in proportion (measured: docs/benchmarks.md).
        if weight >= _LEAST_CONFIDENCE:
            examples.append(Example(item.record, label, weight**2, item.distribution, "teacher"))
    return examples
