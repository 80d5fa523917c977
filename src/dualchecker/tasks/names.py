"""Label names: what makes two of them the same, and which one a reply means."""

import math
import re
import unicodedata
from collections.abc import Mapping
from functools import cached_property

from dualchecker.errors import ConfigError


def fold(label: str) -> str:
    """Case, width, accents' encoding, quotes and the kind of separator do not make another label."""
    folded = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold()))
    # Between words only: "-1" and "1", "A-" and "A" are different labels.
    bare = folded.strip(" \"'`*_.。:;,()[]「」“”„‘’«»")
    return re.sub(r"(?<=\w)[ _\-‐‒–—]+(?=\w)", " ", bare)


def _text(label: str | int | float) -> str:
    try:
        return str(label)
    except ValueError:  # more digits than Python writes
        return ""


class NamedLabels:
    """What tasks with labels have in common."""

    labels: Mapping[str, str]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(self.labels)

    @cached_property
    def _by_fold(self) -> dict[str, str]:
        return {fold(name): name for name in self.labels}

    def find(self, label: object) -> str | None:
        """The label that ``label`` means, or None. Exact names win over folded ones.

        JSON's null, lists and numbers without end mean none, whatever labels are called.
        """
        if not isinstance(label, str | int | float) or (isinstance(label, float) and not math.isfinite(label)):
            return None
        text = str(label).lower() if isinstance(label, bool) else _text(label)
        return text if text in self.labels else self._by_fold.get(fold(text))

    def _check_names(self) -> None:
        """Refuse names that a reply could not tell apart.

        Raises:
            ConfigError: An empty name, or two names that differ only in case or separators.
        """
        seen: dict[str, str] = {}
        for name in self.labels:
            folded = fold(name)
            if not folded:
                raise ConfigError(f"The label name {name!r} is empty.", fix="Give every label a name.")
            if folded in seen:
                raise ConfigError(
                    f"The labels {seen[folded]!r} and {name!r} differ only in case, width or separators.",
                    why="A teacher's reply could not be told apart.",
                    fix="Rename one of them.",
                )
            seen[folded] = name
