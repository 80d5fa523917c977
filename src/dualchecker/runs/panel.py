"""From the members in a run file to a panel."""

from collections.abc import Callable, Sequence

from dualchecker.checking import Ladder, Member, PanelChecker
from dualchecker.config import RunConfig, RungName, SeniorConfig
from dualchecker.data import Fence
from dualchecker.errors import ConfigError
from dualchecker.prompts import rungs_for
from dualchecker.runs.prices import build_prices
from dualchecker.tasks import Task
from dualchecker.teachers import Prices, Teacher


def build_panel(
    config: RunConfig, teachers: Sequence[Teacher], fence: Fence, task: Task, ladder: Callable[..., Ladder]
) -> PanelChecker:
    """A panel of these teachers, which stand in the order of ``config.teacher.voices``.

    Args:
        config: The run.
        teachers: The members, and the senior if there is one.
        fence: Gold.
        task: Labels.
        ladder: From a teacher, its rungs and whether it is the senior to its ladder.

    Raises:
        ConfigError: A member has no answers at the rung that it is asked at.
    """
    prices, members = build_prices(config), []
    for position, (voice, teacher) in enumerate(zip(config.teacher.voices, teachers, strict=True)):
        senior = position == len(config.teacher.members)
        # Records without a long form are asked about briefly where the long form is the point.
        names: tuple[RungName, ...] = ("senior",) if senior else (voice.rung, *_instead(voice.rung))
        by_name = {rung.name: rung for rung in rungs_for(config.align, names)}
        own = ladder(teacher, tuple(by_name.values()), senior=senior)
        rungs = tuple(by_name[name] for name in names if by_name[name] in own.rungs)
        if not rungs or rungs[0].name != names[0]:
            raise ConfigError(
                f"The member {teacher.name!r} of the panel has no answers at the rung {names[0]}.",
                why=f"It has answers at {', '.join(sorted(teacher.rungs)) or 'none'}.",
                fix="Give it another rung under teacher.members, or record these answers.",
            )
        members.append(Member(teacher.name, own, answer_price(voice, prices), rungs))
    return PanelChecker(task, members, fence, config.check.threshold, config.check.panel)


def _instead(rung: RungName) -> tuple[RungName, ...]:
    return ("brief",) if rung == "detail" else ()


def answer_price(teacher: SeniorConfig, prices: Prices | None = None) -> float:
    """The price of one answer: as given, or of a prompt of 1,000 tokens and a reply of 80."""
    if teacher.price is not None:
        return teacher.price
    return (prices or Prices.packaged()).of(teacher).cost(1000, 0, 80)
