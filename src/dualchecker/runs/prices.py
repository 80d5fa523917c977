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


def in_process(config: RunConfig) -> list[str]:
    """Names of the teachers that run in this process, without a server."""
    return [voice.label for voice in config.teacher.voices if voice.kind == "transformers"]


def taken_as_free(config: RunConfig) -> list[SeniorConfig]:
    """The teachers that are free only because they are on the own network and nobody says otherwise."""
    prices = build_prices(config)
    return [
        voice
        for voice in config.teacher.voices
        if voice.kind in ("openai", "decisions")
        and voice.price_input is None
        and voice.price_output is None
        and prices.of(voice).known
        and not prices.lists(voice)
    ]


def _check_halves(config: RunConfig) -> None:
    """A price of prompts alone or of replies alone would count the other as free without a word.

    Raises:
        ConfigError: One is given, the other is not, and the table does not know it either.
    """
    prices = build_prices(config)
    for voice in config.teacher.voices:
        if voice.kind not in ("openai", "decisions") or prices.lists(voice):
            continue
        needed = ("price_input",) if voice.kind == "decisions" else ("price_input", "price_output")
        given = [n for n in ("price_input", "price_cached", "price_output") if getattr(voice, n) is not None]
        missing = [name for name in needed if getattr(voice, name) is None]
        if given and missing:
            raise ConfigError(
                f"teacher.{given[0]} of {voice.label} is given and {' and '.join(missing)} not.",
                why="The model is not in the price table, so the rest of its price is not known.",
                fix=f"Give {'both' if len(needed) == 2 else needed[0]}; 0 is free.",
            )


def check_money(config: RunConfig) -> list[str]:
    """What the user should know of prices before anything is asked.

    Raises:
        ConfigError: ``limits.max_cost`` is set, and a teacher's price is unknown: the limit could not be kept. Or a
            price is given by half.
    """
    _check_halves(config)
    return [*_unknown(config), *_free(config)]


def _free(config: RunConfig) -> list[str]:
    found = taken_as_free(config)
    if not found:
        return []
    limit = config.limits.max_cost
    vain = "" if limit is None else f" limits.max_cost = {limit:g} does not bound what it asks."
    return [
        f"{_listed(voice.label for voice in found)} is counted as free: local address, model not in the price table "
        f"(set teacher.price_input and teacher.price_output if it is paid).{vain}"
    ]


def _unknown(config: RunConfig) -> list[str]:
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
