"""Methods of labelling a pool, each a short file that reads like its source, all with the same interface."""

from collections.abc import Mapping

from dualchecker.config import MethodName
from dualchecker.methods.ablations import ABLATIONS
from dualchecker.methods.base import Distilled, Method, Round, Setting, Step
from dualchecker.methods.cot import COT
from dualchecker.methods.dtot import DTOT
from dualchecker.methods.dualchecker import DUALCHECKER, distill_with_dualchecker
from dualchecker.methods.evokd import EVOKD
from dualchecker.methods.few_shot import FEW_SHOT, label_few_shot
from dualchecker.methods.freeal import FREEAL
from dualchecker.methods.gold_only import GOLD_ONLY
from dualchecker.methods.minds_mirror import MINDS_MIRROR
from dualchecker.methods.self_consistency import SELF_CONSISTENCY
from dualchecker.methods.zero_shot import ZERO_SHOT

METHODS: Mapping[MethodName, Method] = {
    "gold_only": GOLD_ONLY,
    "zero_shot": ZERO_SHOT,
    "few_shot": FEW_SHOT,
    "cot": COT,
    "self_consistency": SELF_CONSISTENCY,
    "dtot": DTOT,
    "evokd": EVOKD,
    "freeal": FREEAL,
    "standard_distillation": MINDS_MIRROR["standard_distillation"],
    "single_cot": MINDS_MIRROR["single_cot"],
    "multi_cot": MINDS_MIRROR["multi_cot"],
    "single_cot_self_eval": MINDS_MIRROR["single_cot_self_eval"],
    "minds_mirror": MINDS_MIRROR["minds_mirror"],
    "dualchecker": DUALCHECKER,
}
"""By the name that ``method`` has in the run file, from the plainest on."""

__all__ = [
    "ABLATIONS",
    "METHODS",
    "MINDS_MIRROR",
    "Distilled",
    "Method",
    "Round",
    "Setting",
    "Step",
    "distill_with_dualchecker",
    "label_few_shot",
]
