"""What the teachers of a run cost, and whether a limit on money can be kept at all."""

from collections.abc import Iterable

from dualchecker.config import RunConfig, SeniorConfig
from dualchecker.errors import ConfigError
from dualchecker.teachers import Price, Prices


def build_prices(config: RunConfig) -> Prices:
    """The packaged table, with the run's own file (``limits.prices``) over it.

    Raises:
        ConfigError: The file cannot be used.
    """
    packaged = Prices.packaged()
    return packaged.over(config.path(config.limits.prices)) if config.limits.prices else packaged


def prices_by_name(config: RunConfig) -> dict[str, Price]:
    """The price of every teacher that a run may ask, by the name that the teacher has in the ledger."""
    prices = build_prices(config)
    return {voice.label: prices.of(voice) for voice in config.teacher.voices}


def unpriced(config: RunConfig) -> list[SeniorConfig]:
    """The teachers of which nobody has said what they cost."""
    prices = build_prices(config)
    return [voice for voice in config.teacher.voices if not prices.of(voice).known]


def check_money(config: RunConfig) -> list[str]:
    """What the user should know of prices before anything is asked.

    Raises:
        ConfigError: ``limits.max_cost`` is set, and a teacher's price is unknown: the limit could not be kept.
    """
    nameless = unpriced(config)
    if not nameless:
        return []
    names = _listed(voice.label for voice in nameless)
    remedy = (
        f"Set price_input and price_output (per million tokens; 0 if it is free) of {names}, "
        "or name a price file in limits.prices."
    )
    if config.limits.max_cost is not None:
        raise ConfigError(
            f"limits.max_cost = {config.limits.max_cost:g} could not be kept: the price of {names} is not known.",
            why="It is not in the run file, not in a price file, and not in the table that comes with the package.",
            fix=f"{remedy} Or take max_cost out, and limit requests with limits.max_requests.",
        )
    return [f"the price of {names} is not known, so its cost is counted as 0. {remedy}"]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
