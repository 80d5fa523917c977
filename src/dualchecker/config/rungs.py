"""The names of the ladder's rungs, from the cheapest up."""

from typing import Literal

RungName = Literal["brief", "detail", "wide", "reconsider", "senior"]
RUNGS: tuple[RungName, ...] = ("brief", "detail", "wide", "reconsider", "senior")
