"""The prompt template: what every prompt of a round shares. Immutable, with its history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dualchecker.data import same_as
from dualchecker.records import Demonstration


@dataclass(frozen=True)
class Template:
    """The demonstrations that stand in every prompt; refined by the student checker's borderline cases.

    Attributes:
        fixed: Demonstrations that all prompts show, before the neighbours.
        size: How many demonstrations a prompt shows in all at the first rung.
        version: Counts the refinements that were kept.
        history: One entry a candidate: version, ids of the demonstrations, score on calibration gold, kept or not.
    """

    fixed: tuple[Demonstration, ...] = ()
    size: int = 5
    version: int = 0
    history: tuple[dict[str, Any], ...] = ()

    @property
    def identity(self) -> tuple[str, ...]:
        """Ids of the fixed demonstrations: templates that show the same are the same."""
        return tuple(demo.record.id for demo in self.fixed)

    def demonstrations(
        self, text: str, neighbours: Sequence[Demonstration], extra: int = 0
    ) -> tuple[Demonstration, ...]:
        """Fixed ones first, then neighbours with the nearest last; never the text itself, never one twice.

        Args:
            text: The text asked about; a demonstration with the same text is left out.
            neighbours: Nearest first.
            extra: How many demonstrations beyond ``size`` this rung may show.
        """
        own = same_as(text)
        fixed = [demo for demo in self.fixed if not own(demo.record.text)]
        taken = {demo.record.id for demo in fixed}
        near = []
        for demo in neighbours:
            if demo.record.id not in taken and not own(demo.record.text):
                taken.add(demo.record.id)
                near.append(demo)
        room = max(self.size + extra - len(fixed), 0)
        return (*fixed[: self.size + extra], *reversed(near[:room]))

    def refined(self, borderline: Sequence[Demonstration]) -> "Template":
        """A candidate whose fixed demonstrations begin with the borderline cases; as many as before stay."""
        ids = {demo.record.id for demo in borderline}
        kept = [demo for demo in self.fixed if demo.record.id not in ids]
        fixed = (*borderline, *kept)[: max(len(self.fixed), 0)]
        return replace(self, fixed=tuple(fixed), version=self.version + 1)

    def explained(self, rationales: dict[str, str]) -> "Template":
        """The same demonstrations with reasons, by record id."""
        fixed = tuple(replace(d, rationale=rationales.get(d.record.id, d.rationale)) for d in self.fixed)
        return replace(self, fixed=fixed)

    def noted(self, **entry: Any) -> "Template":
        return replace(self, history=(*self.history, entry))

    def to_dict(self) -> dict[str, Any]:
        """For ``template.yaml``."""
        return {
            "version": self.version,
            "demonstrations_per_prompt": self.size,
            "fixed": [
                {"id": d.record.id, "label": d.label, "rationale": d.rationale, "text": d.record.text}
                for d in self.fixed
            ],
            "history": list(self.history),
        }
