"""Methods on a task that asks for spans, with stand-ins for teacher and student."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from dualchecker.confidence.signals import believed
from dualchecker.config import CheckConfig, EvolveConfig, SamplingConfig
from dualchecker.data import Fence
from dualchecker.errors import ConfigError
from dualchecker.methods import METHODS, MINDS_MIRROR, Setting
from dualchecker.methods.evokd_spans import span_cases
from dualchecker.prompts import Prompt
from dualchecker.records import Answer, Example, Found, Record, Reply, Span
from dualchecker.students.spans import ScoredSpan
from dualchecker.students.tagger import LinearTagger
from dualchecker.students.token_features import TokenFeatures
from dualchecker.tasks import Extraction
from fakes import ScriptedTeacher, make_setting

TASK = Extraction("What leads to what?", {"cause": "What brings it about.", "effect": "What comes of it."})
CAUSES = ("rain fell", "a fuse blew", "ice formed", "the wind rose")


def sentence(name: str, cause: str, number: int, detail: str | None = None) -> Record:
    text = f"On day {number} {cause}, so unit {number} stopped."
    spans = (_span(text, cause, "cause"), _span(text, f"unit {number} stopped", "effect"))
    return Record(name, text, detail, label=TASK.write(text, spans), spans=spans)


def _span(text: str, quote: str, label: str) -> Span:
    return Span(text.index(quote), text.index(quote) + len(quote), label)


GOLD = [sentence(f"g{i}", CAUSES[i % 3], i) for i in range(18)]
ODD = sentence("odd", CAUSES[3], 99)
POOL = [sentence(f"p{i}", CAUSES[i % 4], 100 + i, detail=f"More of {i}.") for i in range(8)]
FENCE = Fence((*GOLD, ODD), (), "split")


class Quoting(ScriptedTeacher):
    """Says of a prompt what a function says: (label, quote, confidence) of each span, or None for no JSON."""

    def __init__(self, quoting: Callable[[Prompt], list[tuple[str, str, float | None]] | None], **more: Any) -> None:
        super().__init__(lambda prompt: (None, None), **more)
        self._quoting = quoting

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        if prompt.purpose != "label":
            return await super().ask(prompt, payload)
        self.asked.append(prompt)
        spans = self._quoting(prompt)
        if spans is None:
            return Reply("I would rather not say.")
        said = [{"label": label, "quote": quote, "confidence": sure} for label, quote, sure in spans]
        return Reply(json.dumps({"rationale": "r", "spans": said}))


class Parrot:
    """A student of spans that finds the words that it was taught and no others."""

    labels, kind = TASK.names, "parrot"

    def __init__(self) -> None:
        self.known: dict[str, set[str]] = {}

    def fit(self, examples: Sequence[Example], validation: Sequence[Example] = ()) -> "Parrot":
        for example in examples:
            for one in example.spans:
                words = example.record.text[one.span.start : one.span.end]
                self.known.setdefault(one.span.label, set()).add(words)
        return self

    def predict(self, records: Sequence[Record]) -> list[tuple[ScoredSpan, ...]]:
        return [
            tuple(
                ScoredSpan(_span(record.text, words, label), 0.9)
                for label, known in sorted(self.known.items())
                for words in sorted(known)
                if words in record.text
            )
            for record in records
        ]

    def probabilities(self, records: Sequence[Record], spans: Sequence[Sequence[Span]]) -> list[list[float]]:
        return [
            [0.9 if r.text[s.start : s.end] in self.known.get(s.label, ()) else 0.1 for s in some]
            for r, some in zip(records, spans, strict=True)
        ]

    def absence(self, records: Sequence[Record]) -> Any:
        return np.full((len(records), len(self.labels)), 0.5)


@contextmanager
def opened(tmp_path: Path, teacher: ScriptedTeacher, **more: Any) -> Iterator[Setting]:
    check = more.pop("check", CheckConfig(threshold=0.85, student=False))
    with make_setting(tmp_path, teacher, FENCE, POOL, task=cast(Any, TASK), check=check, **more) as setting:
        yield replace(setting, make_student=cast(Any, Parrot))


def true_quotes(prompt: Prompt, sure: float | None = 0.9) -> list[tuple[str, str, float | None]]:
    text = prompt.shown.text
    cause = next(words for words in CAUSES if words in text)
    return [("cause", cause, sure), ("effect", text[text.index("unit") :].rstrip("."), 0.95)]


@pytest.mark.parametrize("method", ["zero_shot", "few_shot", "cot"])
def test_plain_prompting_finds_spans(tmp_path: Path, method: str) -> None:
    with opened(tmp_path, Quoting(true_quotes)) as setting:
        outcome = METHODS[method](setting)  # type: ignore[index]
    for item, record in zip(outcome.labels, POOL, strict=True):
        assert item.answer is not None and item.status == "accepted"
        assert tuple(found.span for found in item.answer.spans) == record.spans


def test_methods_that_cannot_extract_say_which_can(tmp_path: Path) -> None:
    assert [name for name, method in METHODS.items() if "spans" not in method.does and name not in MINDS_MIRROR] == [
        "freeal"
    ]
    with opened(tmp_path, Quoting(true_quotes)) as setting:
        with pytest.raises(ConfigError, match=r"asks for spans.*few_shot.*evokd"):
            METHODS["freeal"](setting)
        assert setting.asker.ledger.totals().requests == 0


def test_an_answer_is_as_sure_as_its_least_sure_span() -> None:
    def answer(*stated: float | None) -> Answer:
        spans = tuple(Found(Span(i, i + 1, "cause"), sure) for i, sure in enumerate(stated))
        return Answer("r", "[]", "ok", "brief", spans=spans)

    assert believed(answer(0.9, None, 0.4)) == 0.4
    assert believed(answer(None)) is None and believed(answer()) is None


def test_dtot_asks_again_where_one_span_is_unsure(tmp_path: Path) -> None:
    def quoting(prompt: Prompt) -> list[tuple[str, str, float | None]] | None:
        if prompt.rung == "detail":
            return [("effect", "stopped", 0.2)]
        return (
            [] if prompt.record_id == "p2" else true_quotes(prompt, {"p0": 0.3, "p1": None}.get(prompt.record_id, 0.9))
        )

    teacher = Quoting(quoting)
    with opened(tmp_path, teacher) as setting:
        outcome = METHODS["dtot"](setting)
    again = {prompt.record_id for prompt in teacher.asked if prompt.rung == "detail"}
    assert again == {"p0", "p2"}, (
        "one unsure span, and an answer without any; a span without a confidence is passed over"
    )
    assert all(
        "More of" in p.shown.context and "More of" not in p.shown.text for p in teacher.asked if p.rung == "detail"
    )
    assert [item.answer is not None and len(item.answer.spans) for item in outcome.labels] == [1, 2, 1, *[2] * 5]


def test_samples_vote_span_by_span(tmp_path: Path) -> None:
    def quoting(prompt: Prompt) -> list[tuple[str, str, float | None]] | None:
        if prompt.sample == 5:
            return None
        cause, effect = true_quotes(prompt)
        return [cause] if prompt.sample == 1 else [effect] if prompt.sample == 2 else [cause, effect]

    with opened(tmp_path, Quoting(quoting), sampling=SamplingConfig()) as setting:
        outcome = METHODS["self_consistency"](setting)
    for item, record in zip(outcome.labels, POOL, strict=True):
        assert tuple(claim.span for claim in item.spans) == record.spans
        assert [claim.confidence.value for claim in item.spans] == [0.6, 0.6]
        assert len(item.trail) == 5


# EvoKD


def test_what_the_student_does_not_find_is_hard(tmp_path: Path) -> None:
    with opened(tmp_path, Quoting(true_quotes)) as setting:
        cases = span_cases(setting, [], least_hard=2)
    by_id = {case.record.id: case for case in cases}
    assert cases[0].record.id == "odd" and cases[0].hard, "its cause occurs nowhere else"
    assert by_id["odd"].said == "[]"
    assert by_id["g1"].said == TASK.write(GOLD[1].text, [GOLD[1].spans[0]]), "a unit's number occurs once"  # type: ignore[index]
    assert len(cases) == len(GOLD) + 1 and all(case.hard for case in cases), "each effect is missed"


def test_a_real_student_can_be_tested(tmp_path: Path) -> None:
    features = TokenFeatures()
    with opened(tmp_path, Quoting(true_quotes)) as setting:
        make = cast(Any, lambda: LinearTagger(TASK.names, features))
        cases = span_cases(replace(setting, make_student=make), [], least_hard=4)
    hard = [case.record.id for case in cases if case.hard]
    assert "odd" in hard and len(hard) < len(cases), "it learns turns of phrase, not words alone"
    assert all(TASK.parse(case.said, case.record.text).outcome == "ok" for case in cases)


def test_without_a_span_to_learn_from_every_text_is_as_hard(tmp_path: Path) -> None:
    bare = tuple(replace(record, spans=(), label="[]") for record in GOLD)
    with opened(tmp_path, Quoting(true_quotes)) as setting:
        cases = span_cases(replace(setting, fence=Fence(bare, (), "split")), [], least_hard=2)
    assert [case.record.id for case in cases] == [record.id for record in GOLD]
    assert [case.hard for case in cases] == [True] * 2 + [False] * (len(GOLD) - 2)


def test_written_texts_teach_their_spans(tmp_path: Path) -> None:
    asked: list[Prompt] = []

    def write(prompt: Prompt) -> str:
        asked.append(prompt)
        text = f"Snow fell on unit {len(asked)}, so it stopped."
        spans = [{"label": "cause", "quote": "Snow fell"}, {"label": "effect", "quote": "it stopped"}]
        wrong = {"text": f"{text} Again.", "spans": [{"label": "cause", "quote": "hail"}]}
        return json.dumps({"weakness": "w", "harder": {"text": text, "spans": spans}, "easier": wrong})

    teacher = Quoting(true_quotes, rungs=("brief", "explain", "generate"), writing=write)
    with opened(tmp_path, teacher, evolve=EvolveConfig(rounds=2, requests=2)) as setting:
        outcome = METHODS["evokd"](setting)
    assert outcome.written == {"ok": 4, "hallucinated_span": 4}
    assert any("odd" in prompt.shown.hard for prompt in asked)
    for example in outcome.generated:
        quotes = [(s.span.label, example.record.text[s.span.start : s.span.end]) for s in example.spans]
        assert quotes == [("cause", "Snow fell"), ("effect", "it stopped")]
        assert example.source == "generated" and all(s.target == s.weight == 1 for s in example.spans)
