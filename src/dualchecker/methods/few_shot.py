"""Plain few-shot prompting: the same demonstrations for every text, one question, every answer believed."""

from collections.abc import Sequence

from dualchecker.alignment import ContextAligner
from dualchecker.checking import Climb, Ladder
from dualchecker.confidence.signals import believed
from dualchecker.prompts import Template
from dualchecker.records import Confidence, Labelled, Record, Status


def label_few_shot(
    pool: Sequence[Record], *, aligner: ContextAligner, ladder: Ladder, demonstrations: int
) -> tuple[list[Labelled], Template]:
    """Label a pool with a fixed template and nothing else; the baseline of the report.

    The confidence is the answer's own, uncalibrated.
    """
    template = aligner.template(fixed=demonstrations)
    climbs = [Climb(record) for record in pool]
    ladder.ask(climbs, ladder.rungs[0], template, "few_shot", aligned=False)
    labels = []
    for climb in climbs:
        answer = climb.trail[-1] if climb.trail else None
        if answer is None or not answer.ok:
            reason = answer.outcome if answer else "empty_text"
            status: Status = "abstained" if reason == "none_of_these" else "failed"
            labels.append(Labelled(climb.record, None, Confidence(0.0), status, tuple(climb.trail), reason=reason))
        else:
            confidence = Confidence(believed(answer), climb.signals[-1])
            labels.append(Labelled(climb.record, answer, confidence, "accepted", tuple(climb.trail)))
    return labels, template
