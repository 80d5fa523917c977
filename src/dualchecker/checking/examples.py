"""From checked labels to training examples."""

from collections.abc import Iterable

from dualchecker.records import Example, Labelled

_LEAST_WEIGHT = 0.05


def examples_from(labels: Iterable[Labelled], doubtful: str = "weight") -> list[Example]:
    """Training examples of the labels that may teach.

    An accepted label counts with its confidence. A doubtful one is dropped (``drop``), or counts with how sure the
    evidence as a whole is of its likeliest label (``weight``), learnt as a distribution. Failed ones never teach.
    """
    examples = []
    for item in labels:
        if item.label is None or (item.status != "accepted" and doubtful == "drop"):
            continue
        label, weight = item.label, item.confidence.value
        if item.distribution is not None:
            label = max(item.distribution, key=item.distribution.__getitem__)
            weight = item.distribution[label]
        if weight >= _LEAST_WEIGHT:
            examples.append(Example(item.record, label, weight, item.distribution, "teacher"))
    return examples
