"""ContextAligner: the most similar human-labelled examples, with the reason for the label the human gave."""

from dualchecker.alignment.aligner import ContextAligner
from dualchecker.alignment.index import GoldIndex

__all__ = ["ContextAligner", "GoldIndex"]
