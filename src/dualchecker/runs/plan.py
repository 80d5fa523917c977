"""What a run will ask and cost, before anything is spent."""

from collections.abc import Iterable
from dataclasses import dataclass

from dualchecker.config import RunConfig
from dualchecker.data import Dataset, build_fence, load_dataset
from dualchecker.prompts import Prompt, PromptWriter, Template, rungs_for
from dualchecker.prompts.render import estimate_tokens
from dualchecker.records import Demonstration, Record
from dualchecker.runs.parts import build_task

_REPLY = 80
"""Tokens of a reply; where several labels may apply, each adds its name and number."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One line of the plan: requests and prompt tokens, at least and at most, and money for them.

    The least assumes that no record climbs, the most that all climb to the top.
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
    recorded = config.teacher.kind == "recorded"  # answers in a file: no tokens
    answers_detail = {record.id for record in dataset.pool if record.detail}
    lines = []
    reply = _REPLY + (10 * len(task.labels) if task.multiple else 0)

    def line(purpose: str, low: int, high: int, prompts: Iterable[Prompt], price: tuple[float, float]) -> None:
        sizes = [sum(estimate_tokens(m["content"]) for m in prompt.messages) for prompt in prompts]
        mean = 0 if recorded else sum(sizes) / max(len(sizes), 1)
        tokens, completion = (
            (round(low * mean), round(high * mean)),
            (0, 0) if recorded else (low * reply, high * reply),
        )
        cost = [(t * price[0] + c * price[1]) / 1e6 for t, c in zip(tokens, completion, strict=True)]
        lines.append(Plan(purpose, (low, high), tokens, completion, (cost[0], cost[1])))

    def sample(records: Iterable[Record]) -> list[Record]:
        return list(records)[:50]

    own = (config.teacher.price_input, config.teacher.price_output)
    if config.align.rationales and not recorded:
        at_once = config.align.demonstrations if config.report.few_shot or config.method == "few_shot" else fixed
        near = len(dataset.pool) * config.align.wide_neighbours if config.method == "dualchecker" else 0
        shown = min(len(fence.demonstrations), at_once + near)
        explain = [writer.explain(record, record.label or "") for record in sample(fence.demonstrations)]
        line("rationales of human labels", min(at_once, shown), shown, explain, own)
    rungs = rungs_for(config.align, config.check.rungs)
    if config.report.few_shot or config.method == "few_shot":
        few = [
            writer.label(
                r, rungs[0], Template(tuple(demos[: config.align.demonstrations]), config.align.demonstrations), []
            )
            for r in sample(dataset.pool)
        ]
        line("few-shot baseline", len(dataset.pool), len(dataset.pool), few, own)
    if config.method == "few_shot":
        return lines, dataset
    templates = config.check.rounds if config.check.student else 1  # each round may try one refined template
    for position, rung in enumerate(rungs):
        if rung.senior and config.teacher.senior is None:
            continue
        if recorded and not isinstance(config.teacher.answers, dict) and position:
            continue
        senior = config.teacher.senior if rung.senior else None
        price = (senior.price_input, senior.price_output) if senior else own
        pool = [r for r in dataset.pool if rung.name != "detail" or r.id in answers_detail]
        judged = [r for r in fence.calibration if rung.applies_to(r)]
        prompts = [writer.label(r, rung, template, demos[fixed : fixed + rung.neighbours]) for r in sample(pool)]
        high = len(pool) + len(judged) * templates
        low = len(pool) + len(judged) if position == 0 else 0
        line(f"rung {rung.name}", low, high, prompts, price)
    return lines, dataset
