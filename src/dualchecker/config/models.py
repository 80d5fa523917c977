"""The sections of the run file as pydantic models."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, PrivateAttr, field_validator, model_validator

from dualchecker.config.fitting import CHECKS, with_defaults
from dualchecker.config.rungs import RUNGS, RungName
from dualchecker.config.section import Section
from dualchecker.config.student import StudentConfig
from dualchecker.config.task import TaskConfig
from dualchecker.config.teacher import TeacherConfig

MethodName = Literal[
    "dualchecker",
    "gold_only",
    "zero_shot",
    "few_shot",
    "cot",
    "dtot",
    "self_consistency",
    "evokd",
    "freeal",
    "standard_distillation",
    "single_cot",
    "multi_cot",
    "single_cot_self_eval",
    "minds_mirror",
]


class Columns(Section):
    """Which column of the data files holds what.

    ``spans: inline`` says that no column holds the spans: tags in the texts mark them. ``choices`` holds the answers
    that a question offers, where reasoning about choices is asked for.
    """

    id: str = "id"
    text: str = "text"
    detail: str | None = "detail"
    label: str = "label"
    spans: str = "spans"
    choices: str = "choices"


class DataConfig(Section):
    """Where the data is. Paths are relative to the run file.

    ``gold``, ``pool`` and ``test`` are files; or ``gold`` alone is a file and ``pool`` / ``test`` are fractions
    (0..1) of it, drawn stratified with ``seed``.
    """

    gold: str
    pool: str | Annotated[float, Field(gt=0, lt=1)]
    test: str | Annotated[float, Field(gt=0, lt=1)] | None = None
    columns: Columns = Columns()
    calibration: Literal["auto", "cross_fit"] | Annotated[float, Field(gt=0, lt=1)] = "auto"
    calibration_limit: int = Field(default=300, ge=10)
    seed: int = 42
    allow_leaks: bool = False

    @model_validator(mode="after")
    def _fractions_leave_gold(self) -> "DataConfig":
        taken = sum(part for part in (self.pool, self.test) if isinstance(part, float))
        if taken >= 1:
            raise ValueError(f"pool and test take {taken:.0%} of the file, which leaves no gold")
        return self


class AlignConfig(Section):
    """ContextAligner: which demonstrations stand in the prompt."""

    embedder: str = "offline"
    demonstrations: int = Field(default=5, ge=0, le=100)
    neighbours: int = Field(default=3, ge=0, le=100)
    wide_neighbours: int = Field(default=8, ge=1, le=200)
    rationales: bool = True
    nearest: bool = True

    @model_validator(mode="after")
    def _neighbours_fit(self) -> "AlignConfig":
        if self.neighbours > self.demonstrations:
            raise ValueError(
                f"neighbours ({self.neighbours}) cannot exceed demonstrations ({self.demonstrations}): "
                "demonstrations counts them together with the ones fixed in the template"
            )
        return self


class PrecisionThreshold(Section):
    """Accept from the lowest confidence at which accepted labels reach this precision on calibration gold.

    ``unproved`` says what decides where gold cannot prove it. With a ``budget``, that share of the records at a rung,
    the least sure, climbs to the next one, instead of all under the threshold.
    """

    precision: float = Field(default=0.95, gt=0.5, lt=1)
    unproved: Literal["bound", "estimate", "nothing"] = "bound"
    budget: float | None = Field(default=None, gt=0, lt=1)


class PanelConfig(Section):
    """How a panel of teachers decides, and when it asks one more of them."""

    vote: Literal["weighted", "majority"] = "weighted"
    gain: float = Field(default=0.05, ge=0, lt=1)
    budget: float | None = Field(default=None, ge=0, le=1)


class CheckConfig(Section):
    """Teacher checker and student checker."""

    threshold: Annotated[float, Field(gt=0, lt=1)] | PrecisionThreshold = PrecisionThreshold()
    calibration: Literal["logistic", "sigmoid", "isotonic", "temperature", "none"] = "logistic"
    rungs: tuple[RungName, ...] = RUNGS
    student: bool = True
    rounds: int = Field(default=3, ge=1, le=20)
    borderline: int = Field(default=2, ge=0, le=20)
    doubtful: Literal["drop", "weight"] = "weight"
    samples: int = Field(default=0, ge=0, le=50)
    variants: int = Field(default=0, ge=0, le=20)
    panel: PanelConfig = PanelConfig()

    @field_validator("rungs")
    @classmethod
    def _in_order(cls, value: tuple[RungName, ...]) -> tuple[RungName, ...]:
        if not value or value[0] != "brief":
            raise ValueError("rungs must begin with brief")
        if list(value) != [rung for rung in RUNGS if rung in value]:
            raise ValueError(f"rungs must keep the order {', '.join(RUNGS)}, each at most once")
        return value


class SamplingConfig(Section):
    """How the teacher is sampled, where a method or ``check.samples`` asks the same prompt several times."""

    count: int = Field(default=5, ge=2, le=50)
    temperature: float = Field(default=0.7, gt=0, le=2)


class EvolveConfig(Section):
    """Texts that the teacher writes (method ``evokd``)."""

    rounds: int = Field(default=3, ge=1, le=20)
    requests: int = Field(default=10, ge=1, le=1000)


class ReasoningConfig(Section):
    """How many different chains of thought the teacher writes about a question, and how often it evaluates each.

    ``more`` chains are added on the rung ``wide``, where the first ones leave doubt.
    """

    chains: int = Field(default=5, ge=1, le=64)
    more: int = Field(default=5, ge=0, le=64)
    evaluations: int = Field(default=1, ge=0, le=16)


class LimitsConfig(Section):
    """What a run may use. ``max_cost`` is in the currency of the teacher's prices.

    ``hedge``: a request that takes so many times the median is sent once more, and the first answer is taken.
    """

    max_cost: float | None = Field(default=None, ge=0)
    prices: str | None = None
    max_requests: int | None = Field(default=None, ge=1)
    concurrency: int = Field(default=32, ge=1, le=2048)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    hedge: float | None = Field(default=None, ge=1.5)
    retries: int = Field(default=5, ge=0, le=50)
    max_prompt_tokens: int = Field(default=8000, ge=200)
    batch_least: int = Field(default=20, ge=0)
    batch_wait: float | None = Field(default=None, ge=0)
    batch_poll: float = Field(default=30, gt=0)


class ReportConfig(Section):
    """What the report compares with and looks into; each costs extra requests or time."""

    few_shot: bool = True
    references: bool = True
    slices: Literal["auto", "none"] | tuple[str, ...] = "auto"
    noise: bool = True


class RunConfig(Section):
    """A whole run."""

    task: TaskConfig
    data: DataConfig
    teacher: TeacherConfig = TeacherConfig()
    method: MethodName = "dualchecker"
    align: AlignConfig = AlignConfig()
    check: CheckConfig = CheckConfig()
    sampling: SamplingConfig = SamplingConfig()
    reasoning: ReasoningConfig = ReasoningConfig()
    evolve: EvolveConfig = EvolveConfig()
    student: StudentConfig = StudentConfig()
    limits: LimitsConfig = LimitsConfig()
    report: ReportConfig = ReportConfig()
    output: str = "runs/run"
    _root: Path = PrivateAttr(default=Path())

    @model_validator(mode="before")
    @classmethod
    def _the_task_decides(cls, value: Any) -> Any:
        return with_defaults(value)

    @model_validator(mode="after")
    def _sections_fit(self) -> "RunConfig":
        for check in CHECKS:
            check(self)
        return self

    @property
    def root(self) -> Path:
        """The folder that relative paths start from."""
        return self._root

    def path(self, name: str) -> Path:
        """An absolute path; relative ones start at the run file."""
        return (self.root / Path(name).expanduser()).resolve()

    def model_name(self, name: str) -> str:
        """A model's name, or the absolute path of its folder if there is one of that name beside the run file."""
        return str(self.path(name)) if self.path(name).is_dir() else name

    def resolved(self) -> "RunConfig":
        """The same run with absolute paths, which can be run from anywhere."""

        def teacher(section: Any) -> dict[str, Any]:
            update: dict[str, Any] = {}
            if isinstance(section.answers, str):
                update["answers"] = str(self.path(section.answers))
            elif section.answers:
                update["answers"] = {rung: str(self.path(name)) for rung, name in section.answers.items()}
            if section.embedder:
                update["embedder"] = self.model_name(section.embedder)
            if section.tokenizer:
                update["tokenizer"] = str(self.path(section.tokenizer))
            if section.kind == "transformers":
                update["model"] = self.model_name(section.model)
            return update

        senior = self.teacher.senior
        own = teacher(self.teacher)
        if senior is not None:
            own["senior"] = senior.model_copy(update=teacher(senior))
        own["members"] = tuple(member.model_copy(update=teacher(member)) for member in self.teacher.members)
        files = {
            name: str(self.path(value))
            for name, value in (("gold", self.data.gold), ("pool", self.data.pool), ("test", self.data.test))
            if isinstance(value, str)
        }
        limits = {"prices": str(self.path(self.limits.prices))} if self.limits.prices else {}
        return self.model_copy(
            update={
                "limits": self.limits.model_copy(update=limits),
                "data": self.data.model_copy(update=files),
                "teacher": self.teacher.model_copy(update=own),
                "align": self.align.model_copy(update={"embedder": self.model_name(self.align.embedder)}),
                "student": self.student.model_copy(update={"base": self.model_name(self.student.base)}),
                "output": str(self.output_dir),
            }
        )

    @property
    def output_dir(self) -> Path:
        return self.path(self.output)

    def to_yaml(self) -> str:
        """The resolved configuration as a run file of its own, in the folder ``root``."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
