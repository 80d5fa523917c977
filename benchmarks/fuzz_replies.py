"""Well-formed replies to small tasks of every kind: what mutations start from."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dualchecker.tasks import Classification, Extraction, MultiLabel
from dualchecker.tasks.base import Task
from dualchecker.tasks.reasoning import Reasoning
from dualchecker.teachers.decision_wires import Question

TEXT = (
    "Heavy rain in the hills — “the worst in 40 years” — caused the river Saône to burst its banks, and 12,000 people "
    "left their homes. The café's owner lost everything; trains did not run for 3 days because tracks were washed away."
)
JAPANESE = "大雨のため川が氾濫し、1万2千人が避難した。鉄道は３日間運休した。"


@dataclass(frozen=True)
class Case:
    """A task, the record's text and choices, and replies that answer it well."""

    name: str
    task: Task
    replies: tuple[str, ...]
    text: str = ""
    choices: tuple[str, ...] = ()


def dump(value: Any, ascii_only: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ascii_only)


def said(**fields: Any) -> tuple[str, str]:
    return dump(fields), json.dumps(fields, indent=2)


def one_label(name: str, labels: dict[str, str]) -> Case:
    replies: list[str] = []
    for place, (label, told) in enumerate(labels.items()):
        replies += said(rationale=f"Not {told} but that.", label=label, confidence=0.5 + place / 10)
        replies += [f"label: {label}\nconfidence: 90%", label, f"The text is about {told}. Label: {label}."]
    return Case(name, Classification("Which one is it?", labels), tuple(replies))


def several_labels() -> Case:
    labels = {"politics": "Elections, laws", "sport": "Games", "none": "No other one", "not sport": "Anything else"}
    replies = [
        *said(rationale="Both.", labels={"politics": 0.9, "sport": 0.8, "none": 0.0, "not sport": 0.1}),
        *said(rationale="One.", labels={"politics": "yes", "sport": {"applies": False, "confidence": 0.7}}),
        *said(labels=["politics", "none"], confidence={"politics": 0.7}),
        *said(labels=[{"label": "not sport", "confidence": 0.6}]),
        '["politics", "sport"]',
        "politics; sport",
        "labels: none",
    ]
    return Case("several labels", MultiLabel("Which apply?", labels), tuple(replies))


def spans(name: str, text: str, quotes: Sequence[tuple[str, str]], least: float) -> Case:
    task = Extraction("What caused what?", {"cause": "Why", "effect": "What came of it"}, least_fit=least)
    listed = [{"label": label, "quote": quote, "confidence": 0.8} for label, quote in quotes]
    by_label = {label: [quote for other, quote in quotes if other == label] for label in task.labels}
    cut = quotes[0][1]
    gap = f"{cut[: len(cut) // 3]} ... {cut[2 * len(cut) // 3 :]}"
    replies = (
        *said(rationale="Words like “because”.", spans=listed),
        *said(spans=[*listed, {"label": "effect", "quote": "words that are nowhere in it", "confidence": 0.9}]),
        *said(spans=[{"label": "cause", "quote": gap, "start": 4}]),
        dump(by_label),
        dump(listed),
        dump(listed, ascii_only=True),
        '{"spans": []}',
    )
    return Case(name, task, replies, text)


def reasoning() -> list[Case]:
    chain = "She has 40 apples and buys 2 more, so 40 + 2 = 42."
    numbers = (
        *said(rationale=chain, answer="42", confidence=0.9),
        f"{chain} The answer is 42.",
        f"{chain}\n#### 42",
        "Forty and two is forty-two. So the answer is forty-two.",
        *said(rationale="Half of it.", answer="84 / 2"),
        *said(answer="$1,250.50"),
        *said(answer="3 1/2 hours"),
    )
    choices = ("yes", "no", "a vet's office", "Not enough is known", "B")
    chosen = (
        *said(rationale="It says so.", answer="(c) a vet's office", confidence=0.7),
        *said(answer="d"),
        "It is at a vet's office. So the answer is (c).",
        "The answer is yes.",
        "Not (a), because of the rain. The answer is (b) no.",
    )
    words = (*said(rationale="Known.", answer="the river Saône", confidence=0.8), "So the answer is the river Saône.")
    return [
        Case("reasoning, numbers", Reasoning("Solve it.", "number"), numbers),
        Case("reasoning, choices", Reasoning("Choose.", "choice"), chosen, choices=choices),
        Case("reasoning, words", Reasoning("Answer.", "text"), words),
    ]


def cases() -> list[Case]:
    """One for each kind of task, some with names of labels that are easily mistaken."""
    english = (("cause", "Heavy rain in the hills"), ("effect", "12,000 people left their homes"))
    far = (*english, ("cause", "“the worst in 40 years”"), ("effect", "trains did not run for 3 days"))
    return [
        one_label("two labels", {"green": "Saves energy or waste", "not_green": "Anything else"}),
        one_label(
            "odd labels",
            {
                "none": "No topic",
                "true": "Right",
                "1": "First",
                "nan": "Bread",
                "inf": "News",
                "C++": "Code",
                "Ⅻ": "12",
            },
        ),
        one_label("labels in Japanese", {"環境": "エネルギーの節約", "環境以外": "その他", "ｶﾞｽ": "気体"}),
        several_labels(),
        spans("spans, word for word", TEXT, far, 1.0),
        spans("spans", TEXT, far, 0.85),
        spans("spans in Japanese", JAPANESE, (("cause", "大雨のため"), ("effect", "1万2千人が避難した")), 0.85),
        *reasoning(),
    ]


def bodies(rng: random.Random, contents: Sequence[str]) -> list[str]:
    """Whole responses of a server: completions with and without extras, refusals, errors, streams."""
    found = []
    for content in contents:
        message: dict[str, Any] = {"role": "assistant", "content": content}
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": rng.choice(("stop", "length"))}
        kind = rng.choice(("plain", "logprobs", "parts", "refusal", "stream", "error", "object"))
        if kind == "logprobs":
            choice["logprobs"] = {"content": tokens(rng, content)}
        elif kind == "parts":
            message["content"] = [{"type": "text", "text": content[:9]}, {"type": "text", "text": content[9:]}]
        elif kind == "refusal":
            message["refusal"] = "I cannot help with that."
        elif kind == "object":
            message["content"] = {"label": "green", "confidence": 0.9}
        usage = {"prompt_tokens": 512, "completion_tokens": 33, "prompt_tokens_details": {"cached_tokens": 256}}
        body: dict[str, Any] = {"model": "tiny", "choices": [choice], "usage": usage}
        if kind == "stream":
            events = [{"choices": [{"delta": {"content": part}}]} for part in (content[:7], content[7:])]
            last = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage}
            found.append("".join(f"data: {dump(event)}\n\n" for event in (*events, last)) + "data: [DONE]\n\n")
        elif kind == "error":
            found.append(dump({"error": {"message": content, "type": "server_error", "code": 502}}))
        else:
            found.append(dump(body, ascii_only=rng.random() < 0.5))
    return found


QUESTIONS = (
    Question("choice", "Which?", (("green", "Saves energy"), ("not_green", ""), ("other", ""))),
    Question("yes_no", "Is it green?", (("green", ""), ("not green", ""))),
)


def decisions(rng: random.Random, wire: str) -> str:
    """A whole response of a decision endpoint to ``QUESTIONS``."""
    share = round(rng.random(), 2)
    shares = {"green": share, "not_green": round(1 - share, 2), "other": 0.0}
    if wire == "systemone":
        answers: Any = {
            "q1": {"type": "choice", "choice": "green", "confidence": 0.4, "probabilities": shares, "label_mass": 0.9},
            "q2": {"type": "noul", "noul": share},
        }
    else:
        listed = [{"value": name, "probability": number} for name, number in shares.items()]
        answers = [
            {"name": "q1", "type": "choice", "choice": "green", "probabilities": listed},
            {"name": "q2", "type": "predicate", "probability": share},
        ]
    return dump({"model": "tiny", "answers": answers, "usage": {"input_tokens": 100, "output_tokens": 2}})


def tokens(rng: random.Random, content: str) -> list[dict[str, Any]]:
    """Log-probabilities for each few characters of a message."""
    pieces = [content[at : at + 4] for at in range(0, len(content), 4)]
    return [
        {
            "token": piece,
            "bytes": list(piece.encode()),
            "logprob": -rng.random(),
            "top_logprobs": [{"token": other, "logprob": -3 * rng.random()} for other in (piece, piece[:1], "not")],
        }
        for piece in pieces
    ]
