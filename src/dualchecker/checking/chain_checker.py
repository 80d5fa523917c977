"""The teacher checker where reasoning is asked for: more chains while the vote leaves doubt, then the rivals' best."""

from collections.abc import Sequence
from dataclasses import replace

from dualchecker.checking.chain_ladder import ChainLadder
from dualchecker.checking.chain_teaching import checked_chains
from dualchecker.checking.ladder import Climb
from dualchecker.checking.teacher_checker import Calibration, TeacherChecker
from dualchecker.confidence import CHAIN_SIGNALS, CHAIN_SLOPES, Calibrator, Map
from dualchecker.config import PrecisionThreshold
from dualchecker.data import Fence
from dualchecker.prompts import Rung, Template
from dualchecker.records import Answer, Labelled


class ChainChecker(TeacherChecker):
    """Answers questions by a vote of chains, calibrated on gold from vote share and verdicts.

    The rungs are those of ``TeacherChecker``: ``brief`` draws the first chains, ``wide`` more of them, ``reconsider``
    shows the best chains of the two rival answers, ``senior`` asks the stronger teacher.

    Args:
        ladder: Draws chains.
        fence: Its calibration gold fits the confidence.
        threshold: A fixed confidence, or a precision to reach.
        final_map: See ``TeacherChecker``.
    """

    def __init__(
        self, ladder: ChainLadder, fence: Fence, threshold: float | PrecisionThreshold, final_map: Map = "logistic"
    ) -> None:
        super().__init__(ladder.task, ladder, fence, threshold, final_map)
        self._chains = ladder

    def _ask(self, climbs: Sequence[Climb], rung: Rung, template: Template, purpose: str) -> list[Climb]:
        return self._chains.reason(climbs, rung, template, purpose)

    def _settle(self, climb: Climb, threshold: float) -> Labelled:
        item = super()._settle(climb, threshold)
        if item.answer is None:
            return item
        # Whichever rung gave the answer, all chains of the climb are judged by it.
        everything = max((answer.chains for answer in climb.trail), key=len)
        whole = replace(item.answer, chains=everything)
        chains = checked_chains(whole, item.confidence.value, self._chains.task)
        return replace(item, answer=replace(whole, chains=chains))

    def answers_about_gold(self) -> dict[str, Answer]:
        """What was answered about calibration gold with the template asked last, by record id; empty before that."""
        last = next(reversed(self._calibrations.values()), None)
        climbs = [climb for climb in last.climbs if climb.answer is not None] if last else []
        everything = {c.record.id: max((answer.chains for answer in c.trail), key=len) for c in climbs}
        return {c.record.id: replace(c.answer, chains=everything[c.record.id]) for c in climbs if c.answer}

    def _calibration(self, template: Template, climbs: list[Climb]) -> Calibration:
        # Two rival answers are the usual case; of all answers that there could be, chance finds none.
        prior = Calibrator.prior(CHAIN_SIGNALS, slopes=CHAIN_SLOPES)
        if self._map == "none":  # the vote is all the confidence that there is: its share as it is
            prior = Calibrator.prior(("vote_share",), intercept=0.0, slopes=1.0)
        return Calibration(template, climbs, prior, self._map)

    def judge(self, template: Template) -> float:
        """Accuracy of the vote at the first rung on calibration gold with this template."""
        climbs = [Climb(record) for record in self._fence.calibration]
        asked = self._ask(climbs, self._ladder.rungs[0], template, "judge")
        return sum(self._task.equal(c.trail[-1].label, c.record.label) for c in asked) / max(len(climbs), 1)
