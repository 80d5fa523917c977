"""Methods of labelling a pool, each a short file that reads like its source."""

from dualchecker.methods.dualchecker import Distilled, Round, distill_with_dualchecker
from dualchecker.methods.few_shot import label_few_shot

__all__ = ["Distilled", "Round", "distill_with_dualchecker", "label_few_shot"]
