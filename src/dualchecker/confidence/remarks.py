"""What a reader must know of a calibration: how much of it is learnt, and what its gold could not teach."""

from collections.abc import Sequence

import numpy as np

from dualchecker.confidence.calibration import Calibrator, Signals, is_share

_OWN = ("stated", "label_probability")


def learnt_remark(calibrator: Calibrator) -> str:
    """How much of a confidence comes from gold, in words and as a share of its weights."""
    count = f"{calibrator.fitted_on} gold answer{'' if calibrator.fitted_on == 1 else 's'}"
    if not calibrator.fitted_on:
        return "Nothing was learnt from gold: the confidence is the documented prior."
    what = "mostly learnt" if calibrator.learnt >= 0.5 else "mostly the documented prior"
    return f"With {count} the confidence is {what}: gold determines {calibrator.learnt:.0%} of its weights."


def calibration_remarks(
    rows: Sequence[Signals], right: Sequence[bool], labels: Sequence[str], *, calibrated: bool = True
) -> list[str]:
    """Plain words about calibration answers from which less can be learnt than their number suggests.

    Args:
        rows: Signals of the usable answers about calibration gold.
        right: Whether each was right.
        labels: The labels that were answered.
        calibrated: Whether anything is learnt from them; if not, what the teacher states is all there is.
    """
    count = len(rows)
    if not count:
        return ["No answer about calibration gold could be used."]
    found = []
    if not any(name in row for row in rows for name in _OWN):
        rests = (
            "how sure an answer is rests on the vote of its chains, on what the teacher says of each, and on the "
            "student."
            if any("vote_share" in row for row in rows)
            else "how sure a label is rests on the labels of similar texts, on agreement between answers, and on the "
            "student."
        )
        found.append(
            f"The teacher gave no confidence of its own: {rests}"
            if calibrated
            else "The teacher gave no confidence of its own, and without calibration nothing takes its place: such "
            "answers are not accepted."
        )
    stated = [row["stated"] for row in rows if "stated" in row]
    if len(stated) > 1 and np.ptp(stated) == 0:
        found.append(
            f"The teacher stated the same confidence ({stated[0]:g}) in all {len(stated)} answers about calibration "
            "gold: it does not tell right from wrong."
        )
    unreadable = int((~is_share(np.array([value for row in rows for value in row.values()], dtype=float))).sum())
    if unreadable:
        found.append(f"{unreadable} signals were not between 0 and 1; they count as missing.")
    if count > 1 and len(set(labels)) == 1:
        found.append(f"All {count} answers about calibration gold carry the label {labels[0]!r}.")
    if count > 1 and all(right):
        found.append(f"All {count} answers about calibration gold are right: what a mistake looks like was not learnt.")
    if not any(right):
        found.append(f"No answer about calibration gold is right ({count} were asked for).")
    return found
