"""Asking a few records that the run will ask anyway, to know what all of them will cost."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dualchecker.asking import Progress, Silent
from dualchecker.checking import Climb, Ladder
from dualchecker.checking.chain_ladder import ChainLadder
from dualchecker.confidence import STATED_THRESHOLD, Calibrator, as_stated, fit_map
from dualchecker.config import PrecisionThreshold, RunConfig
from dualchecker.data import load_dataset
from dualchecker.errors import ConfigError
from dualchecker.evaluation.intervals import Interval, wilson
from dualchecker.ledger import Ledger
from dualchecker.ledger.bills import Bill, bills
from dualchecker.methods import METHODS
from dualchecker.methods.dualchecker import growing_batches
from dualchecker.records import Record
from dualchecker.runs.kinds.base import Parts, Prepared
from dualchecker.runs.parts import build_parts, build_task, embed
from dualchecker.runs.prices import check_money

RECORDS = 20
"""So many are asked about."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Means over the replies of one purpose, in tokens."""

    replies: int
    prompt: float
    cached: float
    completion: float


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe brought.

    Attributes:
        records: Asked about.
        requests: Answered now; what the ledger already held was not asked again.
        cost: Of these.
        measured: By purpose: ``label`` (gold and pool at the first rung, or few-shot), ``explain``, ``evaluate``.
        climbs: Share of the records that goes on to the second rung; None where that cannot be told.
        fixed: Whether that share is the same at every rung, as a budget has it, and not measured.
        remarks: What the probe could not see.
    """

    records: int
    requests: int
    cost: float
    measured: Mapping[str, Measured]
    climbs: Interval | None = None
    fixed: bool = False
    remarks: tuple[str, ...] = ()

    def climbing(self, step: int) -> Interval | None:
        """Share of all records that reaches the rung ``step`` above the first.

        Only the first step is measured. Above it the share is at least what it would be if as many settled at every
        rung as at the first, and at most what it would be if none did; the value is the middle of both.
        """
        if self.climbs is None:
            return None
        p = self.climbs
        if self.fixed:
            return Interval(p.value**step, p.low**step, p.high**step)
        return Interval((p.value + p.value**step) / 2, p.low**step, p.high)


def probe_run(config: RunConfig, *, records: int = RECORDS, progress: Progress | None = None) -> Probe:
    """Ask about a few gold and pool records in the run's own ledger, as the run itself will: nothing is paid twice.

    Args:
        config: Of the run.
        records: How many, drawn by ``data.seed``; half of them gold, as far as there is any.
        progress: Told what happens.

    Raises:
        BudgetError: ``limits.max_cost`` or ``limits.max_requests`` is reached.
        DualcheckerError: The run file, the data or the teacher cannot be used.
    """
    progress = progress or Silent()
    check_money(config)
    climbs = METHODS[config.method].climbs and config.teacher.kind != "panel"
    if not climbs and not (config.report.few_shot or config.method == "few_shot"):
        raise ConfigError(
            "There is nothing that a probe could ask: it knows the ladder of rungs and the few-shot baseline.",
            why="A panel and methods other than dualchecker ask in other ways, and nothing may be asked in vain.",
            fix="Use plan without --probe.",
        )
    config = _at_once(config)
    task = build_task(config)
    dataset = load_dataset(config, task)
    with Ledger.open(config.output_dir / "ledger.sqlite") as ledger:
        before = ledger.totals()
        prepared = Prepared(dataset, embed(config, dataset, progress), None)  # no student is trained here
        parts = build_parts(config, task, dataset, ledger, progress, prepared)
        try:
            with parts.asker.counting() as used:
                asked, gold = _ask_ladder(parts, records) if climbs else _ask_few_shot(parts, records)
        finally:
            parts.asker.close()
        after = ledger.totals()
        measured = _measured(bills(ledger), used.keys)
    share, fixed = _climbs(parts, asked, gold) if climbs else (None, False)
    return Probe(
        len({climb.record.whole.id for climb in asked}),
        after.requests - before.requests,
        after.cost - before.cost,
        measured,
        share,
        fixed,
        tuple(_remarks(parts, measured, share, climbs=climbs)),
    )


def _at_once(config: RunConfig) -> RunConfig:
    """The same run without batches: a probe is not worth hours, and few requests at the whole price cost little."""
    if config.teacher.batch == "file":
        raise ConfigError(
            "A probe cannot ask a teacher whose requests are carried by hand (teacher.batch: file).",
            fix="Use plan without --probe.",
        )
    return config.model_copy(update={"teacher": config.teacher.model_copy(update={"batch": "off"})})


def _ask_ladder(parts: Parts, count: int) -> tuple[list[Climb], list[Climb]]:
    """The climbs asked at the first rung, of gold and pool; and those of gold alone."""
    ladder = parts.checkers.ladder
    first = next(growing_batches(parts.pool, parts.config.check.rounds), ())  # labelled with the first template
    seed = parts.config.data.seed
    calibration = [record for record in parts.judged.calibration if record.text.strip()]
    pool = _draw([r for r in first if r.text.strip()], count - min(count // 2, len(_wholes(calibration))), seed)
    gold = _draw(calibration, count - len(_wholes(pool)), seed)
    parts.progress.stage("probe", f"{len(_wholes(gold))} gold and {len(_wholes(pool))} pool records, first rung")
    judged = _ask(ladder, [Climb(record) for record in gold], parts, "calibrate")
    return [*judged, *_ask(ladder, [Climb(record) for record in pool], parts, "label")], judged


def _ask(ladder: Ladder, climbs: Sequence[Climb], parts: Parts, purpose: str) -> list[Climb]:
    template = parts.aligner.template()
    if isinstance(ladder, ChainLadder):
        return ladder.reason(climbs, ladder.rungs[0], template, purpose)
    return ladder.ask(climbs, ladder.rungs[0], template, purpose)


def _ask_few_shot(parts: Parts, count: int) -> tuple[list[Climb], list[Climb]]:
    """As the baseline asks, about pool records."""
    chosen = _draw([r for r in parts.pool if r.text.strip()], count, parts.config.data.seed)
    parts.progress.stage("probe", f"{len(_wholes(chosen))} pool records, few-shot")
    ladder, climbs = parts.checkers.ladder, [Climb(record) for record in chosen]
    template = parts.aligner.template(fixed=parts.config.align.demonstrations)
    return ladder.ask(climbs, ladder.rungs[0], template, "few_shot", aligned=False), []


def _wholes(records: Sequence[Record]) -> list[str]:
    """Ids of the records, or of those that decisions are about."""
    return list(dict.fromkeys(record.whole.id for record in records))


def _draw(records: Sequence[Record], count: int, seed: int) -> list[Record]:
    """Some of the records, with all decisions about them, in their order."""
    ids = _wholes(records)
    chosen = set(random.Random(f"probe {seed}").sample(ids, min(max(count, 0), len(ids))))
    return [record for record in records if record.whole.id in chosen]


_AS = {"calibrate": "label", "few_shot": "label"}
"""Purposes whose prompts and replies are alike."""


def _measured(all_bills: Sequence[Bill], keys: Collection[str]) -> dict[str, Measured]:
    """Means by purpose of the replies whose tokens the server counted."""
    wanted, groups = set(keys), dict[str, list[Bill]]()
    for bill in all_bills:
        if bill.key in wanted and bill.answered and (bill.prompt_tokens or bill.completion_tokens):
            groups.setdefault(_AS.get(bill.job[0], bill.job[0]), []).append(bill)
    return {
        purpose: Measured(
            len(some),
            sum(bill.prompt_tokens for bill in some) / len(some),
            sum(bill.cached_tokens for bill in some) / len(some),
            sum(bill.completion_tokens for bill in some) / len(some),
        )
        for purpose, some in groups.items()
    }


def _climbs(parts: Parts, asked: Sequence[Climb], gold: Sequence[Climb]) -> tuple[Interval | None, bool]:
    """Share of records that would go on to the second rung; None where this kind of task decides otherwise."""
    check = parts.config.check
    wanted: float | PrecisionThreshold = check.threshold
    if parts.task.form != "labels" or not asked or len(parts.checkers.ladder.rungs) < 2:
        return None, False
    if isinstance(wanted, PrecisionThreshold) and wanted.budget is not None:
        return Interval(wanted.budget, wanted.budget, wanted.budget), True
    stated = check.calibration == "none"
    if isinstance(wanted, PrecisionThreshold):
        wanted = STATED_THRESHOLD if stated else wanted.precision
    right = [c for c in gold if c.trail[-1].ok]
    calibrator = as_stated() if stated else Calibrator.prior(chance=1 / len(parts.task.labels))
    if right and not stated:  # few answers move the prior little, as they should
        truth = [parts.task.equal(c.trail[-1].label, c.record.label) for c in right]
        calibrator = fit_map([c.signals[-1] for c in right], truth, calibrator, "logistic")
    usable = [climb for climb in asked if climb.trail[-1].ok]
    sure = sum(float(value) >= wanted for value in calibrator.predict([climb.signals[-1] for climb in usable]))
    return wilson(len(asked) - sure, len(asked)), False


def _remarks(parts: Parts, measured: Mapping[str, Measured], share: Interval | None, *, climbs: bool) -> list[str]:
    """What the probe could not see."""
    found = []
    if "label" not in measured:
        found.append("the teacher counts no tokens, so those of prompts and replies are estimated all the same.")
    if not climbs:
        found.append("a probe asks the few-shot baseline alone here: what else is asked stays a range.")
    elif share is None:
        what = "this kind of task" if parts.task.form != "labels" else "a ladder of one rung"
        found.append(f"with {what} a probe measures tokens; which records climb, it cannot tell.")
    if climbs:
        unseen = ["disputed records, which are asked again", "templates that are tried and rejected"]
        if parts.config.check.samples or parts.config.check.variants:
            unseen.append("what further samples and prompts do to the confidence")
        if parts.senior is not None:
            unseen.append("how long the senior's replies are (taken to be as long as the teacher's)")
        found.append(f"not measured: {'; '.join(unseen)}.")
    return found
