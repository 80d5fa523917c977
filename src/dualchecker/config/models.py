"""The sections of the run file as pydantic models."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, PrivateAttr, field_validator, model_validator

from dualchecker.config.section import Section
from dualchecker.config.task import TaskConfig

MethodName = Literal[
    "dualchecker", "gold_only", "zero_shot", "few_shot", "cot", "dtot", "self_consistency", "evokd", "freeal"
]
RungName = Literal["brief", "detail", "wide", "reconsider", "senior"]
RUNGS: tuple[RungName, ...] = ("brief", "detail", "wide", "reconsider", "senior")


class Columns(Section):
    """Which column of the data files holds what.

    ``spans: inline`` says that no column holds the spans: tags in the texts mark them.
    """

    id: str = "id"
    text: str = "text"
    detail: str | None = "detail"
    label: str = "label"
    spans: str = "spans"


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


class SeniorConfig(Section):
    """A teacher: how one model is reached and how it is asked.

    ``key_env`` is the *name* of the environment variable that holds the key; the key itself never stands in a file.
    """

    kind: Literal["openai", "decisions", "exemplar", "recorded", "panel"] = "exemplar"
    model: str | None = None
    base_url: str | None = None
    key_env: str | None = None
    temperature: float | None = Field(default=0.0, ge=0, le=2)
    max_tokens: int = Field(default=400, ge=16)
    structured: bool = True
    logprobs: bool = True
    extra: dict[str, Any] = Field(default_factory=dict)
    timeout: float = Field(default=60, gt=0)
    price_input: float = Field(default=0, ge=0, description="per million tokens")
    price_output: float = Field(default=0, ge=0, description="per million tokens")
    price: float | None = Field(default=None, ge=0, description="of one answer, for a panel's choice")
    rung: Literal["brief", "detail", "wide"] = "brief"
    answers: str | dict[RungName, str] | None = None
    embedder: str | None = None
    wire: Literal["systemone", "decisions"] = "systemone"
    binary: Literal["choice", "yes_no"] = "choice"
    orders: Annotated[int, Field(ge=1, le=24)] | Literal["auto"] = "auto"
    max_options: int = Field(default=255, ge=3)
    max_questions: int = Field(default=32, ge=1)
    none_of_these: bool = False

    @model_validator(mode="after")
    def _each_kind_has_what_it_needs(self) -> "SeniorConfig":
        if self.kind in ("openai", "decisions") and not (self.model and self.base_url):
            raise ValueError(f"a teacher of kind {self.kind} needs both model and base_url")
        if self.none_of_these and self.binary == "yes_no":
            raise ValueError("none_of_these is an option of a choice; binary: yes_no offers none")
        if self.kind == "recorded" and not self.answers:
            raise ValueError("a teacher of kind recorded needs answers: FILE.jsonl (or one file a rung)")
        if self.kind == "exemplar" and (self.model or self.base_url):
            raise ValueError("a teacher of kind exemplar has neither model nor base_url; is kind: openai meant?")
        return self

    @property
    def label(self) -> str:
        """The teacher's name for people: its model, or its kind where it has none."""
        return self.model or self.kind


class TeacherConfig(SeniorConfig):
    """The teacher, and the stronger one that the ``senior`` rung asks, if any; or a panel of several.

    A senior of the teacher's kind without a ``base_url`` is on the teacher's server, with its key and its wire.
    """

    senior: SeniorConfig | None = None
    members: tuple[SeniorConfig, ...] = ()

    @property
    def voices(self) -> tuple[SeniorConfig, ...]:
        """Every teacher that is asked: the members of a panel, or the teacher itself; and the senior, if any."""
        senior = (self.senior,) if self.senior is not None else ()
        return (*(self.members if self.kind == "panel" else (self,)), *senior)

    @model_validator(mode="after")
    def _a_panel_has_members(self) -> "TeacherConfig":
        if self.kind != "panel":
            if self.members:
                raise ValueError(f"members belong to a teacher of kind panel, and this one is of kind {self.kind}")
            return self
        plain = TeacherConfig.model_construct()
        for name in type(self).model_fields.keys() - {"kind", "members", "senior"}:
            if getattr(self, name) != getattr(plain, name):
                raise ValueError(f"a panel has no {name} of its own: give it to its members")
        if any(voice.kind == "panel" for voice in self.voices):
            raise ValueError("a panel cannot be a member of a panel: list its members one by one")
        if len(self.members) < 2:
            raise ValueError(f"a panel needs at least two members, and has {len(self.members)}")
        names = [voice.label for voice in self.voices]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two members of the panel are called '{twice}': give each a model (a name) of its own")
        return self

    @model_validator(mode="before")
    @classmethod
    def _senior_is_on_the_same_server(cls, value: Any) -> Any:
        senior = value.get("senior") if isinstance(value, dict) else None
        if not isinstance(senior, dict) or senior.get("base_url") or senior.get("kind") != value.get("kind"):
            return value
        shared = {name: value[name] for name in ("base_url", "key_env", "wire") if value.get(name)}
        return {**value, "senior": {**senior, **shared, **{k: v for k, v in senior.items() if v is not None}}}


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


_TOKENS_LEARNING_RATE = 5e-4  # tags are learnt slower than labels: 1e-4 is too little for the usual epochs


class StudentConfig(Section):
    """The small model."""

    kind: Literal["linear", "encoder", "tokens"] = "encoder"
    base: str = "offline"
    interim: Literal["linear"] = "linear"
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


class LimitsConfig(Section):
    """What a run may use. ``max_cost`` is in the currency of the teacher's prices."""

    max_cost: float | None = Field(default=None, ge=0)
    max_requests: int | None = Field(default=None, ge=1)
    concurrency: int = Field(default=32, ge=1, le=2048)
    requests_per_minute: int | None = Field(default=None, ge=1)
    retries: int = Field(default=5, ge=0, le=50)
    max_prompt_tokens: int = Field(default=8000, ge=200)


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
    evolve: EvolveConfig = EvolveConfig()
    student: StudentConfig = StudentConfig()
    limits: LimitsConfig = LimitsConfig()
    report: ReportConfig = ReportConfig()
    output: str = "runs/run"
    _root: Path = PrivateAttr(default=Path())

    @model_validator(mode="before")
    @classmethod
    def _the_student_fits_the_task(cls, value: Any) -> Any:
        """Where no kind of student or learning rate is named, the task decides."""
        task = value.get("task") if isinstance(value, dict) else None
        if not isinstance(task, dict) or task.get("kind") != "extraction":
            return value
        student = value.get("student") or {}
        if not isinstance(student, dict):
            return value
        student = {"kind": "tokens", **student}
        if student["kind"] == "tokens":
            student = {"learning_rate": _TOKENS_LEARNING_RATE, **student}
        return {**value, "student": student}

    @model_validator(mode="after")
    def _spans_fit(self) -> "RunConfig":
        if self.task.kind != "extraction":
            if self.student.kind == "tokens":
                raise ValueError("a tokens student learns spans: choose student.kind encoder, or task.kind extraction")
            return self
        if self.student.kind == "encoder":
            raise ValueError("an encoder student labels whole texts: for extraction, student.kind is tokens or linear")
        strange = next((t.kind for t in self.teacher.voices if t.kind in ("decisions", "panel")), None)
        strange = "panel" if self.teacher.kind == "panel" else strange
        if strange:
            raise ValueError(f"a teacher of kind {strange} labels whole texts: extraction needs one that quotes")
        if self.check.calibration not in ("logistic", "none"):
            raise ValueError(
                f"check.calibration is {self.check.calibration}, but for spans only logistic (and none) is there"
            )
        return self

    @model_validator(mode="after")
    def _several_labels_fit(self) -> "RunConfig":
        if self.task.multiple and self.check.calibration != "logistic":
            raise ValueError(
                f"check.calibration is {self.check.calibration}, but with task.multiple only logistic is there"
            )
        if self.teacher.kind == "panel" and self.check.calibration != "logistic":
            raise ValueError(
                f"check.calibration is {self.check.calibration}, but a panel's opinions are pooled by logistic alone"
            )
        if self.task.multiple and self.teacher.kind == "panel":
            raise ValueError("a panel decides on one label a text: with task.multiple, name one teacher")
        needed = 80 + 10 * len(self.task.labels)  # a reason, and a number for each label
        for teacher in (self.teacher, self.teacher.senior):
            if self.task.multiple and teacher and teacher.kind == "openai" and teacher.max_tokens < needed:
                raise ValueError(
                    f"teacher.max_tokens is {teacher.max_tokens}, but a reply that judges "
                    f"{len(self.task.labels)} labels takes about {needed}: set it to that or more"
                )
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
        return self.model_copy(
            update={
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
