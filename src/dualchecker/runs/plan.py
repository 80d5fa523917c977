"""What a run will ask and cost, before anything is spent."""

from collections.abc import Iterable
from dataclasses import dataclass

from dualchecker.config import RunConfig, RungName, SeniorConfig
from dualchecker.data import Dataset, build_fence, load_dataset
from dualchecker.prompts import Prompt, PromptWriter, Template, rungs_for
from dualchecker.prompts.render import estimate_tokens
from dualchecker.records import Demonstration, Record
from dualchecker.runs.parts import answer_price, build_task


@dataclass(frozen=True, slots=True)
class Plan:
    """One line of the plan: requests and prompt tokens, at least and at most, and money for them.

    The least assumes that no record climbs, the most that all climb to the top; of a panel, that the cheapest member
    alone or every member is asked about the pool.
    """

    purpose: str
    requests: tuple[int, int]
    prompt_tokens: tuple[int, int]
    completion_tokens: tuple[int, int]
    cost: tuple[float, float]


def plan_run(config: RunConfig) -> tuple[list[Plan], Dataset]:
    """Estimate every step from really rendered prompts of a sample; asks nobody and needs no key.

    Raises:
        DualcheckerError: The run file or the data cannot be used.
    """
    task = build_task(config)
    dataset = load_dataset(config, task)
    fence = build_fence(dataset.gold, config.data.calibration, config.data.calibration_limit, config.data.seed)
    writer = PromptWriter(task, config.limits.max_prompt_tokens)
    demos = [Demonstration(r, r.label or "", "x" * 150) for r in fence.demonstrations[:50]]
    fixed = config.align.demonstrations - config.align.neighbours
    template = Template(tuple(demos[:fixed]), config.align.demonstrations)
    lead = config.teacher.voices[0]
    answers_detail = {record.id for record in dataset.pool if record.detail}
    lines = []

    def line(purpose: str, low: int, high: int, prompts: Iterable[Prompt], teacher: SeniorConfig) -> None:
        recorded = teacher.kind == "recorded"  # answers in a file: no tokens
        price = (teacher.price_input, teacher.price_output)
        sizes = [sum(estimate_tokens(m["content"]) for m in prompt.messages) for prompt in prompts]
        mean = 0 if recorded else sum(sizes) / max(len(sizes), 1)
        tokens, completion = (round(low * mean), round(high * mean)), (0, 0) if recorded else (low * 80, high * 80)
        cost = [(t * price[0] + c * price[1]) / 1e6 for t, c in zip(tokens, completion, strict=True)]
        if teacher.price is not None:
            cost = [count * teacher.price for count in (low, high)]
        lines.append(Plan(purpose, (low, high), tokens, completion, (cost[0], cost[1])))

    def sample(records: Iterable[Record]) -> list[Record]:
        return list(records)[:50]

    if config.align.rationales and lead.kind != "recorded":
        at_once = config.align.demonstrations if config.report.few_shot or config.method == "few_shot" else fixed
        near = len(dataset.pool) * config.align.wide_neighbours if config.method == "dualchecker" else 0
        shown = min(len(fence.demonstrations), at_once + near)
        explain = [writer.explain(record, record.label or "") for record in sample(fence.demonstrations)]
        line("rationales of human labels", min(at_once, shown), shown, explain, lead)
    rungs = rungs_for(config.align, config.check.rungs)
    if config.report.few_shot or config.method == "few_shot":
        few = [
            writer.label(
                r, rungs[0], Template(tuple(demos[: config.align.demonstrations]), config.align.demonstrations), []
            )
            for r in sample(dataset.pool)
        ]
        line("few-shot baseline", len(dataset.pool), len(dataset.pool), few, lead)
    if config.method == "few_shot":
        return lines, dataset
    templates = config.check.rounds if config.check.student else 1  # each round may try one refined template
    if config.teacher.kind == "panel":
        for position, voice in enumerate(sorted(config.teacher.voices, key=answer_price)):
            name: RungName = "senior" if voice is config.teacher.senior else voice.rung
            rung = rungs_for(config.align, (name,))[0]
            prompts = [
                writer.label(r, rung, template, demos[fixed : fixed + rung.neighbours]) for r in sample(dataset.pool)
            ]
            high = len(dataset.pool) + len(fence.calibration) * templates
            low = len(fence.calibration) if position else len(dataset.pool) + len(fence.calibration)
            line(f"member {voice.label}, rung {name}", low, high, prompts, voice)
        return lines, dataset
    recorded = lead.kind == "recorded"
    for position, rung in enumerate(rungs):
        if rung.senior and config.teacher.senior is None:
            continue
        if recorded and not isinstance(config.teacher.answers, dict) and position:
            continue
        asked = config.teacher.senior if rung.senior and config.teacher.senior else config.teacher
        pool = [r for r in dataset.pool if rung.name != "detail" or r.id in answers_detail]
        judged = [r for r in fence.calibration if rung.applies_to(r)]
        prompts = [writer.label(r, rung, template, demos[fixed : fixed + rung.neighbours]) for r in sample(pool)]
        high = len(pool) + len(judged) * templates
        low = len(pool) + len(judged) if position == 0 else 0
        line(f"rung {rung.name}", low, high, prompts, asked)
    return lines, dataset
