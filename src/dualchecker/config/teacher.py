"""The ``teacher`` section: whom to ask, and how."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from dualchecker.config.rungs import RungName
from dualchecker.config.section import Section


class FlawsConfig(Section):
    """How often the teacher that is a program errs, each a share in 0..1.

    ``operator``, ``misread`` and ``slip`` are of the steps of its chains, ``habit`` of its wrong answers to a question
    (those that are the same error each time). The others are of its self-evaluations: ``missed`` of wrong chains that
    it calls correct, ``false_alarm`` of right ones that it calls wrong, ``uncertain`` of all, on which it does not
    decide.
    """

    operator: float = Field(default=0.08, ge=0, le=1)
    misread: float = Field(default=0.08, ge=0, le=1)
    slip: float = Field(default=0.05, ge=0, le=1)
    habit: float = Field(default=0.6, ge=0, le=1)
    missed: float = Field(default=0.25, ge=0, le=1)
    false_alarm: float = Field(default=0.1, ge=0, le=1)
    uncertain: float = Field(default=0.1, ge=0, le=1)


class EndpointConfig(Section):
    """One more address of a teacher, or the same one with another key."""

    base_url: str = Field(min_length=1)
    key_env: str | None = None


class SeniorConfig(Section):
    """A teacher: how one model is reached and how it is asked.

    ``key_env`` is the *name* of the environment variable that holds the key; the key itself never stands in a file.
    Requests are spread over ``base_url`` and ``endpoints``.
    """

    kind: Literal["openai", "decisions", "transformers", "exemplar", "recorded", "program", "panel"] = "exemplar"
    model: str | None = None
    base_url: str | None = None
    key_env: str | None = None
    endpoints: tuple[EndpointConfig, ...] = ()
    temperature: float | None = Field(default=0.0, ge=0, le=2)
    max_tokens: int = Field(default=400, ge=16)
    structured: bool = True
    logprobs: bool = True
    extra: dict[str, Any] = Field(default_factory=dict)
    timeout: float = Field(default=60, gt=0)
    price_input: float | None = Field(default=None, ge=0, description="per million tokens; None: as listed")
    price_cached: float | None = Field(default=None, ge=0, description="of prompt tokens in the server's cache")
    price_output: float | None = Field(default=None, ge=0, description="per million tokens; None: as listed")
    price: float | None = Field(default=None, ge=0, description="of one answer, for a panel's choice")
    rung: Literal["brief", "detail", "wide"] = "brief"
    answers: str | dict[RungName, str] | None = None
    embedder: str | None = None
    tokenizer: str | None = None
    wire: Literal["systemone", "decisions"] = "systemone"
    binary: Literal["choice", "yes_no"] = "choice"
    orders: Annotated[int, Field(ge=1, le=24)] | Literal["auto"] = "auto"
    max_options: int = Field(default=255, ge=3)
    max_questions: int = Field(default=32, ge=1)
    none_of_these: bool = False
    batch: Literal["off", "api", "file"] = "off"
    flaws: FlawsConfig | None = None
    answer: Literal["auto", "score", "reasons", "generate"] = "auto"
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    batch_tokens: int = Field(default=8192, ge=256)

    @field_validator("batch", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: Any) -> Any:
        return "off" if value is False else value  # YAML reads a bare off as false

    @field_validator("extra")
    @classmethod
    def _extra_can_be_sent(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"extra holds what no JSON can: {error}; put dates and the like in quotes") from error
        return value

    @model_validator(mode="after")
    def _each_kind_has_what_it_needs(self) -> "SeniorConfig":
        if self.kind in ("openai", "decisions") and not (self.model and self.addresses):
            raise ValueError(f"a teacher of kind {self.kind} needs both model and base_url")
        self._check_endpoints()
        if self.none_of_these and self.binary == "yes_no":
            raise ValueError("none_of_these is an option of a choice; binary: yes_no offers none")
        if self.kind == "recorded" and not self.answers:
            raise ValueError("a teacher of kind recorded needs answers: FILE.jsonl (or one file a rung)")
        if self.kind == "exemplar" and (self.model or self.base_url):
            raise ValueError("a teacher of kind exemplar has neither model nor base_url; is kind: openai meant?")
        if self.kind == "transformers" and not self.model:
            raise ValueError("a teacher of kind transformers needs model: a folder, or a name on the hub")
        if self.kind == "transformers" and self.base_url:
            raise ValueError("a teacher of kind transformers has no base_url; is kind: openai meant?")
        for name in ("answer", "device", "dtype", "batch_tokens"):
            default = type(self).model_fields[name].default
            if self.kind not in ("transformers", "panel") and getattr(self, name) != default:
                raise ValueError(f"{name} belongs to a teacher of kind transformers, and this one is {self.kind}")
        if self.answer == "reasons" and not self.structured:
            raise ValueError("answer: reasons imposes the form of a reply, which structured: false forbids")
        if self.batch != "off" and self.kind != "openai":
            raise ValueError(f"batch is for a teacher of kind openai, and this one is of kind {self.kind}")
        if self.flaws is not None and self.kind != "program":
            raise ValueError(f"flaws belong to a teacher of kind program, and this one is of kind {self.kind}")
        return self

    def _check_endpoints(self) -> None:
        if self.endpoints and self.kind not in ("openai", "decisions"):
            raise ValueError(f"endpoints belong to a teacher of kind openai or decisions, and this one is {self.kind}")
        if self.endpoints and self.key_env and not self.base_url:
            raise ValueError("key_env belongs to base_url, and there is none: give each of the endpoints its key_env")
        places = [(place.base_url.strip().rstrip("/"), place.key_env) for place in self.addresses]
        if twice := next((place for place in places if places.count(place) > 1), None):
            raise ValueError(f"the endpoint {twice[0]} stands there twice with the same key")

    @property
    def addresses(self) -> tuple[EndpointConfig, ...]:
        """All addresses with their keys: ``base_url`` first, then ``endpoints``."""
        first = EndpointConfig.model_construct(base_url=self.base_url, key_env=self.key_env)
        return (first, *self.endpoints) if self.base_url else self.endpoints

    @property
    def label(self) -> str:
        """The teacher's name for people: its model, or its kind where it has none."""
        if self.kind == "transformers" and self.model:
            return re.split(r"[\\/]", self.model.rstrip("\\/"))[-1]
        return self.model or self.kind


class TeacherConfig(SeniorConfig):
    """The teacher, and the stronger one that the ``senior`` rung asks, if any; or a panel of several.

    A senior of the teacher's kind without an address is on the teacher's servers, with their keys and their wire.
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
        own = isinstance(senior, dict) and (senior.get("base_url") or senior.get("endpoints"))
        if not isinstance(senior, dict) or own or senior.get("kind") != value.get("kind"):
            return value
        shared = {name: value[name] for name in ("base_url", "key_env", "endpoints", "wire") if value.get(name)}
        return {**value, "senior": {**senior, **shared, **{k: v for k, v in senior.items() if v is not None}}}
