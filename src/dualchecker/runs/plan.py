"""What a run will ask and cost, before anything is spent."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dualchecker.config import MethodName, RunConfig, RungName, SeniorConfig
from dualchecker.data import Dataset, Fence, build_fence, load_dataset
from dualchecker.methods import METHODS, Method
from dualchecker.prompts import Prompt, PromptWriter, Rung, Template, rungs_for
from dualchecker.records import Chain, Demonstration, Record
from dualchecker.runs.counting import prompt_tokens, token_counter
from dualchecker.runs.kinds.choose import kind_of
from dualchecker.runs.panel import answer_price
from dualchecker.runs.prices import build_prices, check_money
from dualchecker.runs.probe import Measured, Probe
from dualchecker.tasks import Task
from dualchecker.teachers import Prices

_WRITE_NOTHING = ("recorded", "decisions")
"""Kinds of teachers whose replies hold no tokens, and which give no reasons."""

_CHAIN, _VERDICT = "x" * 600, 60
"""A chain of thought as a self-evaluation shows it, and the tokens of a verdict with its reason."""

_SAMPLE = 50
"""Records whose prompts are rendered."""

_REPLY = 80
"""Tokens of a reply with one label; what other kinds of tasks add is known to them (``Kind.reply_tokens``)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One line of the plan: requests and tokens, at least and at most, and money for them.

    The least assumes that no record climbs, the most that all climb to the top; of a panel, that the cheapest member
    alone or every member is asked about the pool. Where a probe has told how many climb, they are the ends of the range
    that it allows, and ``expected`` are the requests and the money to reckon with. Where the price is not known,
    ``priced`` is false and the money is 0.
    """

    purpose: str
    requests: tuple[int, int]
    prompt_tokens: tuple[int, int]
    completion_tokens: tuple[int, int]
    cost: tuple[float, float]
    expected: tuple[float, float] | None = None
    priced: bool = True


def plan_run(config: RunConfig, probe: Probe | None = None) -> tuple[list[Plan], Dataset]:
    """Estimate every step from really rendered prompts of a sample; asks nobody and needs no key.

    Args:
        config: Of the run.
        probe: What a few real answers have told; see ``probe_run``.

    Raises:
        DualcheckerError: The run file or the data cannot be used, or ``limits.max_cost`` could not be kept.
    """
    check_money(config)
    kind = kind_of(config.task)
    task = kind.task(config.task)
    dataset = load_dataset(config, task)
    fence = build_fence(dataset.gold, config.data.calibration, config.data.calibration_limit, config.data.seed)
    demos = [Demonstration(r, r.label or "", "x" * 150) for r in fence.demonstrations[:_SAMPLE]]
    writer = PromptWriter(task, config.limits.max_prompt_tokens)
    reply = _REPLY + kind.reply_tokens(task, dataset.gold)
    estimate = _Estimate(config, task, dataset, fence, writer, demos, reply, build_prices(config), probe)
    estimate.methods()
    if METHODS[config.method].climbs:
        if config.teacher.kind == "panel":
            estimate.panel()
        else:
            estimate.ladder()
    return estimate.lines, dataset


@dataclass
class _Estimate:
    """The lines of a plan, in the order in which the steps are run."""

    config: RunConfig
    task: Task
    dataset: Dataset
    fence: Fence
    writer: PromptWriter
    demos: Sequence[Demonstration]
    reply: int
    prices: Prices
    probe: Probe | None = None
    _first: float | None = None
    lines: list[Plan] = field(default_factory=list)

    def methods(self) -> None:
        """What the methods ask about the pool, and the reasons for human labels that they show."""
        config, pool, shown = self.config, self.dataset.pool, self.fence.demonstrations
        lead = config.teacher.voices[0]
        names: list[MethodName] = ["few_shot", config.method] if config.report.few_shot else [config.method]
        methods = [METHODS[name] for name in dict.fromkeys(names)]
        if lead.kind not in _WRITE_NOTHING:
            fewest, most = _explained(config, methods, len(pool), len(shown))
            explain = [self.writer.explain(record, record.label or "") for record in shown[:_SAMPLE]]
            if most:
                self._line("rationales of human labels", (fewest, most), explain, lead, purpose="explain")
        for step in dict.fromkeys(step for method in methods for step in method.steps(config)):  # shared: asked once
            show = Template(tuple(self.demos[: step.demonstrations]), step.demonstrations)
            asked = [record for record in pool if step.rung.applies_to(record)]
            count = 1 if step.once else len(asked)
            if step.evaluates:
                prompts = [self.writer.evaluate(record, Chain(_CHAIN, "0")) for record in asked[:_SAMPLE]]
            else:
                prompts = [self.writer.label(record, step.rung, show, []) for record in asked[:_SAMPLE]]
            reply = _VERDICT if step.evaluates else step.reply_tokens + self.reply - _REPLY
            purpose = "evaluate" if step.evaluates else "label" if step.reply_tokens == _REPLY else ""
            requests = (count * step.calls[0], count * step.calls[1])
            self._line(step.title, requests, prompts, lead, reply, purpose=purpose)

    def panel(self) -> None:
        """Each member on gold and, but for the cheapest, on as much of the pool as pays."""
        config, pool, gold = self.config, self.dataset.pool, len(self.fence.calibration)
        for position, voice in enumerate(sorted(config.teacher.voices, key=lambda one: answer_price(one, self.prices))):
            name: RungName = "senior" if voice is config.teacher.senior else voice.rung
            low = gold if position else len(pool) + gold
            prompts = self._prompts(pool, rungs_for(config.align, (name,))[0])
            self._line(f"member {voice.label}, rung {name}", (low, len(pool) + gold * self._templates), prompts, voice)

    def ladder(self) -> None:
        """Each rung on what may climb to it."""
        config, check, dataset, fence = self.config, self.config.check, self.dataset, self.fence
        lead = config.teacher.voices[0]
        recorded = lead.kind == "recorded"
        budget = getattr(check.threshold, "budget", None) or 1.0
        share = 1.0  # of the records that can still climb
        step = 0  # rungs above the first that anyone can climb to
        drawn: list[tuple[int, int]] = []
        for position, rung in enumerate(rungs_for(config.align, check.rungs)):
            if rung.senior and config.teacher.senior is None:
                continue
            if recorded and not isinstance(config.teacher.answers, dict) and position:
                continue
            if rung.decide and lead.kind == "decisions":
                continue
            chains = self._chains(rung)
            if not chains:
                continue
            whom = (config.teacher.senior if rung.senior else None) or lead
            pool = [record for record in dataset.pool if rung.applies_to(record)]
            judged = [record for record in fence.calibration if rung.applies_to(record)]
            share *= budget if position and pool else 1.0
            high = len(pool) + len(judged) * self._templates
            if share < 1:  # disputed records climb beside the budget, and may all do so only without one
                most = round(share * len(dataset.pool)) + round(share * len(fence.calibration)) * self._templates
                high = min(high, most)
            low = len(pool) + len(judged) if position == 0 else 0
            step += bool(position and (pool or judged))
            foretold = self._climbing(step, len(pool), len(judged)) if position else None
            expected = None if foretold is None else foretold[1] * (1 if recorded else chains)
            if foretold is not None:
                low, high = round(foretold[0]), min(high, round(foretold[2]))
            if position == 0:  # asked again, to see whether answers agree; a variant may turn out to be the same prompt
                low, high = low * (1 if recorded else 1 + check.samples), high * (1 + check.samples + check.variants)
            low, high = low * (1 if recorded else chains), high * chains
            drawn.append((low, high))
            prompts = self._prompts(pool, rung)
            self._line(f"rung {rung.name}", (low, high), prompts, whom, purpose="label", expected=expected)

        self._evaluations(drawn, lead)

    def _chains(self, rung: Rung) -> int:
        """How many answers a rung asks for about a record: one, but where chains of thought vote."""
        if not self.task.reasons or rung.decide or rung.senior:
            return 1
        return self.config.reasoning.more if rung.name == "wide" else self.config.reasoning.chains

    def _evaluations(self, drawn: Sequence[tuple[int, int]], lead: SeniorConfig) -> None:
        """Self-evaluations of all chains; those of the same words are evaluated once."""
        each = self.config.reasoning.evaluations
        if not (self.task.reasons and each and drawn):
            return
        chain, fewest = Chain(_CHAIN, "0"), drawn[0][0] // max(self.config.reasoning.chains, 1)
        prompts = [self.writer.evaluate(record, chain) for record in self.dataset.pool[:_SAMPLE]]
        low = 0 if lead.kind == "recorded" else fewest * each
        most = sum(high for _, high in drawn) * each
        self._line("self-evaluations", (low, most), prompts, lead, _VERDICT, purpose="evaluate")

    def _climbing(self, step: int, pool: int, judged: int) -> tuple[float, float, float] | None:
        """Requests of a rung above the first, as a probe foretells them: at least, to reckon with, at most."""
        share = self.probe.climbing(step) if self.probe else None
        if share is None:
            return None
        most = judged * self._templates
        return (
            share.low * (pool + judged),
            share.value * (pool + (judged + most) / 2),
            share.high * (pool + most),
        )

    @property
    def _templates(self) -> int:
        """Each round may try one refined template."""
        return self.config.check.rounds if self.config.check.student else 1

    def _prompts(self, records: Sequence[Record], rung: Rung) -> list[Prompt]:
        """Prompts of a sample as the method words them."""
        align = self.config.align
        fixed = align.demonstrations - (align.neighbours if align.nearest else 0)
        template = Template(tuple(self.demos[:fixed]), align.demonstrations)
        near = self.demos[fixed : fixed + rung.neighbours]
        return [self.writer.label(record, rung, template, near) for record in records[:_SAMPLE]]

    def _line(
        self,
        title: str,
        requests: tuple[int, int],
        prompts: Sequence[Prompt],
        whom: SeniorConfig,
        reply: int | None = None,
        *,
        purpose: str = "",
        expected: float | None = None,
    ) -> None:
        """Add a line; where a probe has seen replies of this ``purpose``, their measured tokens count."""
        count = token_counter(whom, self.config)
        mean = sum(prompt_tokens(prompt, whom, count) for prompt in prompts) / max(len(prompts), 1)
        written: float = 0 if whom.kind in _WRITE_NOTHING else self.reply if reply is None else reply
        mean, cached, written = self._as_measured(mean, written, purpose)
        price = self.prices.of(whom)
        by_tokens = price.cost(mean, cached, written, batch=whom.batch != "off")
        one = by_tokens if whom.price is None else whom.price
        low, high = requests
        if self.probe and expected is None:
            expected = (low + high) / 2
        self.lines.append(
            Plan(
                title,
                requests,
                (round(low * mean), round(high * mean)),
                (round(low * written), round(high * written)),
                (low * one, high * one),
                None if expected is None else (expected, expected * one),
                price.known or whom.price is not None,
            )
        )

    def _as_measured(self, prompt: float, written: float, purpose: str) -> tuple[float, float, float]:
        """Prompt, cached and reply tokens of a request; prompts as much longer or shorter as the first rung's were."""
        seen: Measured | None = self.probe.measured.get(purpose) if self.probe else None
        label = self.probe.measured.get("label") if self.probe else None
        if label is None:
            return prompt, 0.0, written if seen is None else seen.completion
        if self._first is None:
            self._first = self._first_prompts()
        scaled = prompt * label.prompt / self._first if self._first else prompt
        if purpose == "explain" and seen is not None:
            scaled = seen.prompt
        shared = seen or label
        cached = shared.cached * min(scaled / shared.prompt, 1.0) if shared.prompt else 0.0
        return scaled, cached, written if seen is None else seen.completion

    def _first_prompts(self) -> float:
        """Mean tokens of the prompts that the probe sent, as this plan would have estimated them."""
        lead, align = self.config.teacher.voices[0], self.config.align
        if METHODS[self.config.method].climbs and self.config.teacher.kind != "panel":
            prompts = self._prompts(self.dataset.pool, rungs_for(align, self.config.check.rungs)[0])
        else:
            show = Template(tuple(self.demos[: align.demonstrations]), align.demonstrations)
            prompts = [self.writer.label(r, Rung("brief"), show, []) for r in self.dataset.pool[:_SAMPLE]]
        count = token_counter(lead, self.config)
        return sum(prompt_tokens(prompt, lead, count) for prompt in prompts) / max(len(prompts), 1)


def _explained(config: RunConfig, methods: Sequence[Method], pool: int, gold: int) -> tuple[int, int]:
    """How many human labels the teacher will explain, at least and at most."""
    align = config.align
    fewest = most = 0
    for method in methods:
        if method.shows == "none" or not (align.rationales or method.reasons):
            continue
        nearest = method.shows == "nearest" and align.nearest
        always = align.demonstrations - (align.neighbours if nearest else 0)
        variants = config.check.variants * always if method.climbs else 0
        fewest = max(fewest, min(always, gold))
        most = max(most, min(gold, always + variants + (pool * align.wide_neighbours if nearest else 0)))
    return fewest, most
