"""The seam between a prompt and whatever answers it."""

from typing import Any, Protocol

from dualchecker.config import RUNGS
from dualchecker.prompts import Prompt
from dualchecker.records import Reply

ALL_RUNGS: frozenset[str] = frozenset(RUNGS)


class Teacher(Protocol):
    """Answers prompts. Implementations keep no state that changes an answer.

    One may also have ``remarks``, a sequence of sentences: what whoever watches the run should know about it, as it was
    found out by asking. Each is told once.
    """

    @property
    def name(self) -> str:
        """Short, for the trail and the report (``gpt-5-mini``, ``exemplar``)."""
        ...

    @property
    def rungs(self) -> frozenset[str]:
        """Rungs that bring something new from this teacher.

        ``explain`` in it says that it can give reasons, ``generate`` that it can write labelled texts, ``correct``
        that it can be shown a reply of its own that could not be read, and asked to put it right.
        """
        ...

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        """Everything that changes the output, as plain values; its hash is the request's key.

        It holds no key, no address, no timeout.
        """
        ...

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        """Answer one prompt.

        Raises:
            RequestFailed: With a kind, and whether trying again can help.
        """
        ...

    def cost(self, reply: Reply) -> float:
        """What the reply cost, in the currency of the configured prices."""
        ...

    def estimate(self, prompt: Prompt) -> float:
        """An upper estimate of what asking will cost, for the budget."""
        ...

    async def aclose(self) -> None:
        """Free connections. May be called twice."""
        ...


class FreeTeacher:
    """What teachers that cost nothing and hold no connection have in common."""

    def cost(self, reply: Reply) -> float:
        return 0.0

    def estimate(self, prompt: Prompt) -> float:
        return 0.0

    async def aclose(self) -> None:
        return None
