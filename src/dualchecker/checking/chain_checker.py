"""The teacher checker where reasoning is asked for: more chains while the vote leaves doubt, then the rivals' best."""

from collections.abc import Sequence
from dataclasses import replace

from dualchecker.checking.chain_ladder import ChainLadder
from dualchecker.checking.chain_teaching import checked_chains
from dualchecker.checking.ladder import Climb
from dualchecker.checking.teacher_checker import Calibration, TeacherChecker
from dualchecker.confidence import CHAIN_SIGNALS, CHAIN_SLOPES, Calibrator, Map, as_stated
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
        chains = checked_chains(item.answer, item.confidence.value, self._chains.task)
        return replace(item, answer=replace(item.answer, chains=chains))

    def answers_about_gold(self) -> dict[str, Answer]:
        """What was answered about calibration gold with the template asked last, by record id; empty before that."""
        last = next(reversed(self._calibrations.values()), None)
        return {c.record.id: c.answer for c in last.climbs if c.answer is not None} if last else {}

    def _calibration(self, template: Template, climbs: list[Climb]) -> Calibration:
        # Two rival answers are the usual case; of all answers that there could be, chance finds none.
        prior = as_stated() if self._map == "none" else Calibrator.prior(CHAIN_SIGNALS, slopes=CHAIN_SLOPES)
        return Calibration(template, climbs, prior, self._map)

    def judge(self, template: Template) -> float:
        """Accuracy of the vote at the first rung on calibration gold with this template."""
        climbs = [Climb(record) for record in self._fence.calibration]
        asked = self._ask(climbs, self._ladder.rungs[0], template, "judge")
        return sum(self._task.equal(c.trail[-1].label, c.record.label) for c in asked) / max(len(climbs), 1)
