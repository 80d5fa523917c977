"""The ``task`` section: what is asked of every text."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from dualchecker.config.section import Section

Occurrence = Literal["any", "at_most_one", "at_least_one", "exactly_one"]
"""How many spans of a label a text may have."""


Form = Literal["labels", "label_sets", "spans", "reasoning"]
"""What an answer about a text is: one label, several, spans of it, or what a chain of thought arrives at."""

AnswerKind = Literal["number", "choice", "text"]
"""What the answer to a question is where reasoning is asked for."""

_OWN_KEYS = {"extraction": ("occurrence", "least_fit"), "reasoning": ("answer", "tolerance")}
"""Keys that one kind of task alone has."""


class TaskConfig(Section):
    """What is asked of every text.

    With ``kind: reasoning`` every text is a question; ``answer`` says what its answer is. Choices stand in a column
    (``data.columns.choices``), or under ``labels`` where all questions have the same.
    """

    kind: Literal["classification", "extraction", "reasoning"] = "classification"
    multiple: bool = False
    question: str = Field(min_length=1)
    labels: dict[str, str] = Field(default_factory=dict)
    occurrence: Occurrence | dict[str, Occurrence] = "any"
    least_fit: float = Field(default=0.85, ge=0.5, le=1)
    answer: AnswerKind = "number"
    tolerance: float = Field(default=1e-6, ge=0, lt=1)

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> "TaskConfig":
        for kind, names in _OWN_KEYS.items():
            for name in names:
                if self.kind != kind and getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} belongs to a task of kind {kind}, and this one is a {self.kind}")
        if self.kind == "reasoning":
            if self.multiple:
                raise ValueError("multiple belongs to classification: a question has one answer")
            if self.labels and self.answer != "choice":
                raise ValueError(f"labels are choices: set answer: choice, or leave them out (answer is {self.answer})")
            if len(self.labels) == 1:
                raise ValueError("a question with fixed choices needs at least two")
            return self
        if not self.labels:
            raise ValueError("labels are missing: list them, each with a description")
        if self.kind == "extraction":
            if self.multiple:
                raise ValueError("multiple belongs to classification: in extraction every label may occur by itself")
            strange = sorted(set(self.occurs) - set(self.labels))
            if strange:
                raise ValueError(f"occurrence names {', '.join(map(repr, strange))}, which is not among the labels")
            return self
        if len(self.labels) < 2:
            raise ValueError("a classification task needs at least two labels")
        return self

    @property
    def form(self) -> Form:
        """What an answer is."""
        if self.kind == "classification":
            return "label_sets" if self.multiple else "labels"
        return "spans" if self.kind == "extraction" else "reasoning"

    @property
    def occurs(self) -> dict[str, Occurrence]:
        """How many spans a text may have, by label."""
        if isinstance(self.occurrence, dict):
            return self.occurrence
        return dict.fromkeys(self.labels, self.occurrence)

    @field_validator("labels", mode="before")
    @classmethod
    def _labels_may_be_a_list(cls, value: Any) -> Any:
        if isinstance(value, list):
            names = [str(name).lower() if isinstance(name, bool) else str(name) for name in value]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"the label '{twice}' is given twice")
            return dict.fromkeys(names, "")
        if isinstance(value, dict):
            return {name: "" if text is None else text for name, text in value.items()}
        return value
