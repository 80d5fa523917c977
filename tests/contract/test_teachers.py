"""The contract of the seam ``Teacher``: what every implementation has to keep."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decision_servers import Endpoint
from dualchecker.asking import Asker
from dualchecker.config import RUNGS, LimitsConfig, SeniorConfig
from dualchecker.ledger import Ledger, content_hash
from dualchecker.prompts import Prompt, PromptWriter, Rung, Template
from dualchecker.records import Demonstration, Record, Reply, Span
from dualchecker.tasks import Classification, Extraction
from dualchecker.teachers import (
    DecisionTeacher,
    ExemplarTeacher,
    LedgerTeacher,
    LocalTeacher,
    OpenAITeacher,
    RecordedTeacher,
    Teacher,
)
from servers import LoopbackServer

MakePrompts = Callable[..., list[Prompt]]

KEY = "sk-contract-secret-0123456789"
KINDS = ("openai", "systemone", "decisions", "exemplar", "recorded", "ledger", "local")
WITHOUT_STATED_CONFIDENCE = ("systemone", "decisions", "local")


class LetterEmbedder:
    """Shares of the letters of a text: tiny, deterministic, needs nothing."""

    name = "letters"

    def fit(self, texts: Sequence[str]) -> None:
        return None

    def embed(self, texts: Sequence[str]) -> Any:
        rows = [[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
        counts = np.array(rows, dtype=np.float32).reshape(len(texts), 26)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def make_teacher(
    kind: str,
    serve: Callable[..., LoopbackServer],
    settings: Callable[..., SeniorConfig],
    make_prompts: MakePrompts,
    explain_prompt: Prompt,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Callable[[], Teacher]]:
    """Makes equal teachers of one kind that can answer ``make_prompts(3)``; closes them in the end."""
    monkeypatch.setenv("TEST_TEACHER_KEY", KEY)
    made: list[Teacher] = []
    server = serve() if kind in ("openai", "ledger") else None
    endpoint = serve(Endpoint()) if kind in ("systemone", "decisions") else None
    model = str(request.getfixturevalue("tiny_causal")) if kind == "local" else ""
    answers, recording = tmp_path / "answers.jsonl", tmp_path / "recording.sqlite"
    if kind == "recorded":
        rows = [{"id": f"r{i}", "label": "green", "confidence": 0.7, "rationale": "Because."} for i in range(3)]
        answers.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    if kind == "ledger":
        assert server is not None
        with Ledger.open(recording) as ledger, Asker(ledger, LimitsConfig()) as asker:
            asker.ask(OpenAITeacher(settings(server)), [*make_prompts(3), explain_prompt])

    def make() -> Teacher:
        teacher: Teacher
        if kind == "openai":
            assert server is not None
            teacher = OpenAITeacher(settings(server, key_env="TEST_TEACHER_KEY"))
        elif endpoint is not None:
            asked = {"kind": "decisions", "wire": kind, "orders": 2, "price_input": 1, "price_output": 1}
            teacher = DecisionTeacher(settings(endpoint, key_env="TEST_TEACHER_KEY", **asked))
        elif model:
            teacher = LocalTeacher(SeniorConfig(kind="transformers", model=model, device="cpu", max_tokens=32))
        elif kind == "exemplar":
            teacher = ExemplarTeacher(LetterEmbedder())
        elif kind == "recorded":
            teacher = RecordedTeacher(answers)
        else:
            teacher = LedgerTeacher(recording)
        made.append(teacher)
        return teacher

    yield make
    for teacher in made:
        await teacher.aclose()


@pytest.fixture
def teacher(make_teacher: Callable[[], Teacher]) -> Teacher:
    return make_teacher()


async def ask(teacher: Teacher, prompt: Prompt) -> Reply:
    return await teacher.ask(prompt, teacher.payload(prompt))


def test_it_has_a_short_name(teacher: Teacher) -> None:
    assert teacher.name and len(teacher.name) < 80
    assert teacher.name == teacher.name.strip() and "\n" not in teacher.name


def test_it_says_which_rungs_it_can_answer(teacher: Teacher) -> None:
    assert "brief" in teacher.rungs, "every ladder begins there"
    assert teacher.rungs <= {*RUNGS, "explain", "generate", "evaluate", "correct"}


def test_the_payload_is_plain_json(teacher: Teacher, make_prompts: MakePrompts) -> None:
    for prompt in make_prompts(2):
        payload = teacher.payload(prompt)
        assert json.loads(json.dumps(payload, allow_nan=False)) == payload


def test_equal_prompts_have_equal_payloads(make_teacher: Callable[[], Teacher], make_prompts: MakePrompts) -> None:
    """From one teacher or two, in whatever order: the request's key is a pure function of the prompt."""
    one, other = make_teacher(), make_teacher()
    first, second = make_prompts(2), list(reversed(make_prompts(2)))
    assert [one.payload(p) for p in first] == [other.payload(p) for p in reversed(second)]
    assert one.payload(first[0]) == one.payload(first[0])


def test_different_prompts_have_different_payloads(teacher: Teacher, make_prompts: MakePrompts) -> None:
    prompts = [*make_prompts(3), *make_prompts(1, rung=Rung("wide", full_guide=True))]
    assert len({content_hash(teacher.payload(prompt)) for prompt in prompts}) == 4


def test_a_sample_is_a_request_of_its_own_or_the_usual_one(
    kind: str, teacher: Teacher, make_prompts: MakePrompts
) -> None:
    """A teacher that draws anew gets a key a draw; one that can only repeat itself is asked once."""
    [prompt] = make_prompts(1)
    draws = [prompt, *(replace(prompt, sample=n, temperature=0.7) for n in (1, 2))]
    keys = {content_hash(teacher.payload(one)) for one in draws}
    # A decision endpoint answers anew with its options in another order, and two labels have two.
    assert len(keys) == {"recorded": 1, "systemone": 2, "decisions": 2}.get(kind, 3)


async def test_asking_leaves_the_payload_as_it_was(teacher: Teacher, make_prompts: MakePrompts) -> None:
    [prompt] = make_prompts(1)
    payload = teacher.payload(prompt)
    before = content_hash(payload)
    await teacher.ask(prompt, payload)
    assert content_hash(payload) == before
    assert content_hash(teacher.payload(prompt)) == before


async def test_the_payload_holds_no_secret(teacher: Teacher, make_prompts: MakePrompts, tmp_path: Path) -> None:
    [prompt] = make_prompts(1)
    await ask(teacher, prompt)
    text = json.dumps(teacher.payload(prompt))
    for secret in (KEY, "TEST_TEACHER_KEY", "127.0.0.1", str(tmp_path)):
        assert secret not in text


async def test_the_reply_is_one_that_the_task_understands(
    teacher: Teacher, kind: str, make_prompts: MakePrompts, task: Classification
) -> None:
    for prompt in make_prompts(3):
        reply = await ask(teacher, prompt)
        assert isinstance(reply, Reply)
        parsed = task.parse(reply.text)
        assert parsed.outcome == "ok" and parsed.label in task.labels
        if kind in WITHOUT_STATED_CONFIDENCE:
            assert parsed.stated is None and reply.label_probabilities is not None
        else:
            assert parsed.stated is not None and 0 <= parsed.stated <= 1
        assert reply.finish == "stop"
        if reply.label_probabilities is not None:
            assert set(reply.label_probabilities) <= set(task.labels)
            assert sum(reply.label_probabilities.values()) == pytest.approx(1)


async def test_equal_prompts_get_equal_replies(make_teacher: Callable[[], Teacher], make_prompts: MakePrompts) -> None:
    one, other = make_teacher(), make_teacher()
    assert await ask(one, make_prompts(1)[0]) == await ask(other, make_prompts(1)[0])


async def test_it_explains_if_it_says_so(teacher: Teacher, explain_prompt: Prompt, task: Classification) -> None:
    if "explain" in teacher.rungs:
        assert task.parse((await ask(teacher, explain_prompt)).text).rationale


async def test_costs_are_not_above_their_estimate(teacher: Teacher, make_prompts: MakePrompts) -> None:
    [prompt] = make_prompts(1)
    assert 0 <= teacher.cost(await ask(teacher, prompt)) <= teacher.estimate(prompt)


def test_replies_live_in_the_ledger(
    make_teacher: Callable[[], Teacher], make_prompts: MakePrompts, ledger: Ledger
) -> None:
    """Asked through a ledger once, any equal teacher's prompt is answered from it."""
    prompts = make_prompts(3)
    with Asker(ledger, LimitsConfig()) as asker:
        first = asker.ask(make_teacher(), prompts)
    attempts = ledger.totals().attempts
    with Asker(ledger, LimitsConfig()) as asker:
        again = asker.ask(make_teacher(), [replace(prompt) for prompt in prompts])
    assert [outcome.reply for outcome in again] == [outcome.reply for outcome in first]
    assert all(outcome.reply is not None for outcome in first)
    assert ledger.totals().attempts == attempts == 3


async def test_it_can_be_closed_twice_used_or_not(
    make_teacher: Callable[[], Teacher], make_prompts: MakePrompts
) -> None:
    unused, used = make_teacher(), make_teacher()
    await ask(used, make_prompts(1)[0])
    for teacher in (unused, used):
        await teacher.aclose()
        await teacher.aclose()


# Where spans are asked for

SPANS = Extraction("What leads to what?", {"cause": "What brings it about.", "effect": "What comes of it."})
SPAN_KINDS = ("exemplar", "recorded")  # the wire of the others is the same whatever is asked


def span_prompts(count: int) -> list[Prompt]:
    spans = (Span(0, 11, "cause"), Span(16, 31, "effect"))
    told = Record("d1", "A pipe froze so the house was dry.", spans=spans)
    shown = [Demonstration(told, SPANS.write(told.text, spans))]
    records = [Record(f"r{i}", f"A wire broke so lamp {i} was dark.") for i in range(count)]
    return [PromptWriter(SPANS).label(record, Rung("brief"), Template(size=1), shown) for record in records]


@pytest.fixture(params=SPAN_KINDS)
def make_marker(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Teacher]:
    """Makes equal teachers of one kind that can answer ``span_prompts(3)``."""
    answers = tmp_path / "spans.jsonl"
    rows = [{"id": f"r{i}", "spans": [{"label": "cause", "quote": "A wire broke"}]} for i in range(3)]
    answers.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return lambda: ExemplarTeacher(LetterEmbedder()) if request.param == "exemplar" else RecordedTeacher(answers)


async def test_quotes_are_words_of_the_text(make_marker: Callable[[], Teacher]) -> None:
    for prompt in span_prompts(3):
        reply = await ask(make_marker(), prompt)
        parsed = SPANS.parse(reply.text, prompt.shown.text)
        assert parsed.outcome == "ok" and parsed.spans and not parsed.hallucinated and not parsed.notes
        assert all(found.stated is None or 0 <= found.stated <= 1 for found in parsed.spans)
        assert reply.label_probabilities is None and reply.finish == "stop"


async def test_equal_prompts_for_spans_get_equal_payloads_and_replies(make_marker: Callable[[], Teacher]) -> None:
    one, other = make_marker(), make_marker()
    first, second = span_prompts(2), span_prompts(2)
    assert [one.payload(p) for p in first] == [other.payload(p) for p in second]
    assert await ask(one, first[0]) == await ask(other, second[0])
    payload = one.payload(first[0])
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload
    assert len({content_hash(one.payload(p)) for p in first}) == 2
