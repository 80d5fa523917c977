"""What a run tells whoever watches it."""

from typing import Protocol


class Progress(Protocol):
    """Receives events of a run; the command line draws them, scripts may ignore them."""

    def stage(self, name: str, detail: str = "") -> None:
        """A new part of the job begins."""
        ...

    def asking(self, done: int, total: int, *, fresh: int, failed: int, cost: float) -> None:
        """``done`` of ``total`` requests of this stage are there, ``fresh`` of them not from the ledger."""
        ...

    def training(self, step: int, total: int) -> None:
        """A student has made ``step`` of ``total`` optimiser steps."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should know."""
        ...


class Silent:
    """Says nothing."""

    def stage(self, name: str, detail: str = "") -> None:
        return None

    def asking(self, done: int, total: int, *, fresh: int, failed: int, cost: float) -> None:
        return None

    def training(self, step: int, total: int) -> None:
        return None

    def note(self, text: str) -> None:
        return None
