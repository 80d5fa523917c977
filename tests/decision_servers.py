"""Doubles of decision endpoints on both wires, strict about what they are sent, for ``LoopbackServer``.

The request types are those that are published for ``POST /v1/systemone`` and ``POST /v1/decisions``: an unknown field,
a missing one or too many options is a 422 with FastAPI's ``detail``. The answers are computed from the state alone, so
that the same request always gets the same reply::

    serve(decide)                      # either wire, by the path
    serve(Endpoint(bias=0.5))          # prefers what stands first
    serve(Endpoint(most=4))            # takes four options a question
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from servers import Call, Step

Content = str | dict[str, Any] | list[Any]


class _Type(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NoulCriteria(_Type):
    true: Content | None = None
    false: Content | None = None


class Noul(_Type):
    type: Literal["noul"]
    instructions: Content | None = None
    criteria: NoulCriteria | None = None


class Choice(_Type):
    type: Literal["choice"]
    instructions: Content | None = None
    criteria: dict[str, Content | None] = Field(min_length=1)


class SystemOneRequest(_Type):
    model: str
    state: Content
    questions: dict[str, Annotated[Noul | Choice, Field(discriminator="type")]] = Field(min_length=1)


class Predicate(_Type):
    type: Literal["predicate"]
    instructions: str
    name: str | None = None


class TypedChoice(_Type):
    value: StrictStr | StrictBool
    description: str | None = None


class ChoiceOf(_Type):
    type: Literal["choice"]
    instructions: str
    choices: list[TypedChoice] = Field(min_length=2)
    name: str | None = None


class DecisionsRequest(_Type):
    model: str
    input: str
    questions: list[Annotated[Predicate | ChoiceOf, Field(discriminator="type")]] = Field(min_length=1)


def invalid(*items: tuple[Sequence[str], str]) -> Step:
    """422 as FastAPI writes it."""
    return Step({"detail": [{"type": "x", "loc": ["body", *loc], "msg": text} for loc, text in items]}, status=422)


def system_one(answers: Mapping[str, Any], **more: Any) -> Step:
    """A reply on the System One wire."""
    body = {"model": "one-2026", "answers": dict(answers), "usage": {"input_tokens": 100, "output_tokens": 1}}
    return Step(body | more)


def decisions(answers: Sequence[Any], **more: Any) -> Step:
    """A reply on the OpenAI wire."""
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 1,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 101,
    }
    return Step({"model": "luna-2026", "answers": list(answers), "usage": usage} | more)


def choice(probabilities: Mapping[str, float], **more: Any) -> dict[str, Any]:
    """An answer to a System One choice; the confidence is not the highest probability."""
    best = max(probabilities, key=lambda name: probabilities[name])
    lead = max((probabilities[best] - 1 / len(probabilities)) / max(1 - 1 / len(probabilities), 0.01), 0)
    return {"type": "choice", "choice": best, "probabilities": dict(probabilities), "confidence": round(lead, 2)} | more


def listed(probabilities: Mapping[Any, float], name: str | None = None, **more: Any) -> dict[str, Any]:
    """An answer to a choice on the OpenAI wire."""
    best = max(probabilities, key=lambda value: probabilities[value])
    entries = [{"value": value, "probability": p} for value, p in probabilities.items()]
    return {"type": "choice", "name": name, "choice": best, "confidence": 0.5, "probabilities": entries} | more


@dataclass
class Endpoint:
    """Answers by words that the text shares with the examples of each label, rounded to two decimals.

    Args:
        most: Options that a question may have.
        most_questions: Questions that a request may have.
        bias: Weight that goes to the option in the first place, whatever it is.
        tokens: Whether it counts them.
    """

    most: int = 255
    most_questions: int = 400
    bias: float = 0.0
    tokens: bool = True
    asked: list[list[str]] = field(default_factory=list)
    """The options of every choice, in the order in which they came."""

    def __call__(self, call: Call) -> Step:
        one = call.path.partition("?")[0].endswith("/systemone")
        try:
            request = (SystemOneRequest if one else DecisionsRequest).model_validate(call.body)
        except ValidationError as error:
            return invalid(*(([str(part) for part in item["loc"]], item["msg"]) for item in error.errors()))
        if len(request.questions) > self.most_questions:
            message = f"Dictionary should have at most {self.most_questions} items after validation"
            return invalid((["questions"], message))
        step = self._one(request) if isinstance(request, SystemOneRequest) else self._listed(request)
        if step.status == 200 and not self.tokens:
            del step.body["usage"]
        return step

    def _one(self, request: SystemOneRequest) -> Step:
        answers: dict[str, Any] = {}
        for name, question in request.questions.items():
            if isinstance(question, Noul):
                answers[name] = {"type": "noul", "noul": self._yes(request.state, str(question.instructions))}
                continue
            if len(question.criteria) > self.most:
                message = f"Dictionary should have at most {self.most} items after validation"
                return invalid((["questions", name, "criteria"], message))
            answers[name] = choice(self._shares(request.state, list(question.criteria)))
        return system_one(answers)

    def _listed(self, request: DecisionsRequest) -> Step:
        state = json.loads(request.input)
        answers: list[Any] = []
        for question in request.questions:
            if isinstance(question, Predicate):
                yes = self._yes(state, question.instructions)
                answers.append({"type": "predicate", "name": question.name, "probability": yes})
                continue
            if len(question.choices) > self.most:
                return invalid((["questions", "0", "choices"], f"List should have at most {self.most} items"))
            values = [str(option.value) for option in question.choices]
            answers.append(listed(self._shares(state, values), question.name))
        return decisions(answers)

    def _shares(self, state: Any, names: list[str]) -> dict[str, float]:
        self.asked.append(names)
        weights = {name: weigh(state, name) + (self.bias if place == 0 else 0) for place, name in enumerate(names)}
        total = sum(weights.values())
        return {name: round(weight / total, 2) for name, weight in weights.items()}

    def _yes(self, state: Any, instructions: str) -> float:
        name = re.findall(r'Is "(.*)" a right label', instructions)[-1]
        others = {example["label"] for example in state.get("examples", [])} - {name}
        mine, theirs = weigh(state, name), max((weigh(state, other) for other in others), default=0.5)
        return round((mine + self.bias) / (mine + self.bias + theirs), 2)


def weigh(state: Any, name: str) -> float:
    """How much the text is like the examples of a label: always the same for the same state."""
    words = set(re.findall(r"\w{4,}", state["text"].lower()))
    digest = hashlib.sha256(f"{state['text']}/{name}".encode("utf-8", "replace")).digest()
    best = 0.02 + 0.05 * digest[0] / 255
    for example in state.get("examples", []):
        theirs = set(re.findall(r"\w{4,}", example["text"].lower()))
        if example["label"] == name:
            best = max(best, 0.02 + len(words & theirs) / max(len(words | theirs), 1))
    return best


decide = Endpoint()
