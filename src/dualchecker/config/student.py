"""The ``student`` section: the small model that a run trains."""

from typing import Literal

from pydantic import Field

from dualchecker.config.section import Section

TOKENS_LEARNING_RATE = 5e-4  # tags are learnt slower than labels: 1e-4 is too little for the usual epochs

REASONER_LEARNING_RATE = 3e-4
"""For pretrained sequence-to-sequence models of the T5 family."""

SCRATCH_LEARNING_RATE = 5e-3
"""For a reasoner with random weights."""


class StudentConfig(Section):
    """The small model.

    The keys from ``alpha`` on are for a ``reasoner``: what part of the loss is the answer's (the rest is the chain's),
    whether it learns self-evaluations before chains or both together, the rank of LoRA matrices, how many chains it
    draws for an answer, and how many chains of a question it learns in a step.
    """

    kind: Literal["linear", "encoder", "tokens", "reasoner"] = "encoder"
    base: str = "offline"
    interim: Literal["linear", "reasoner"] = "linear"
    seed: int = 42
    text: Literal["text", "detail", "both"] = "both"
    epochs: float = Field(default=4, gt=0)
    min_steps: int = Field(default=60, ge=0)
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    max_length: int = Field(default=256, ge=8)
    freeze: int = Field(default=0, ge=0)
    soft_targets: bool = False
    calibrate: bool = True
    alpha: float = Field(default=0.5, ge=0, le=1)
    stages: Literal["evaluation_first", "mixed"] = "mixed"
    lora: int | None = Field(default=None, ge=1, le=512)
    samples: int = Field(default=5, ge=1, le=64)
    chains_per_step: int | None = Field(default=None, ge=1, le=64)
