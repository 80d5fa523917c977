"""No teacher at all: the student learns from human labels alone. What every other method has to beat."""

from dualchecker.methods.base import Distilled, Method, Setting
from dualchecker.prompts import Template
from dualchecker.records import Confidence, Labelled

NOT_ASKED = "not_asked"
"""Reason of a record that no teacher was asked about."""


def _run(setting: Setting) -> Distilled:
    labels = [Labelled(record, None, Confidence(0.0), "abstained", reason=NOT_ASKED) for record in setting.pool]
    return Distilled(labels, Template(size=0))


GOLD_ONLY = Method(_run, needs=frozenset(), shows="none")
