"""The wire against a server nobody here wrote: ``transformers serve`` on a tiny model with random weights."""

from collections.abc import Callable

import pytest

from dualchecker.asking import Asker
from dualchecker.config import LimitsConfig, SeniorConfig
from dualchecker.errors import TeacherError
from dualchecker.ledger import Ledger
from dualchecker.prompts import Prompt
from dualchecker.tasks import Classification
from dualchecker.teachers import OpenAITeacher
from serving import MARKS

pytestmark = MARKS


@pytest.fixture
def server(served: tuple[str, str]) -> SeniorConfig:
    model, address = served
    return SeniorConfig(kind="openai", model=model, base_url=address, max_tokens=16, timeout=120)


@pytest.fixture
def prompts(make_prompts: Callable[..., list[Prompt]]) -> list[Prompt]:
    return make_prompts(3)


def test_a_random_model_s_prose_is_a_named_outcome_and_never_a_label(
    server: SeniorConfig, prompts: list[Prompt], task: Classification, ledger: Ledger
) -> None:
    """The request with all it holds (schema, logprobs) is taken, the reply has the shape that we read."""
    with Asker(ledger, LimitsConfig(concurrency=2)) as asker:
        outcomes = asker.ask(OpenAITeacher(server), prompts)
        totals = ledger.totals()
        assert [outcome.failure for outcome in outcomes] == [None] * 3
        for outcome in outcomes:
            reply = outcome.reply
            assert reply is not None
            size = sum(len(message["content"]) for message in outcome.prompt.messages)
            assert 100 < reply.prompt_tokens <= size + 50, "the server's own count"
            assert 0 < reply.completion_tokens <= 16
            assert reply.finish in ("length", "stop")
            assert reply.label_probabilities is None, "it ignores logprobs in silence: the signal is missing"
            parsed = task.parse(reply.text)
            assert parsed.label is None
            assert parsed.outcome in ("unparsed", "empty")
        assert totals.attempts == totals.requests == 3
        assert totals.completion_tokens == sum(o.reply.completion_tokens for o in outcomes if o.reply)

        again = asker.ask(OpenAITeacher(server), prompts)
    assert [outcome.reply for outcome in again] == [outcome.reply for outcome in outcomes]
    assert ledger.totals() == totals, "what is in the ledger is not asked again"


def test_a_reason_is_asked_for_on_the_same_wire(server: SeniorConfig, explain_prompt: Prompt, ledger: Ledger) -> None:
    with Asker(ledger, LimitsConfig()) as asker:
        [outcome] = asker.ask(OpenAITeacher(server), [explain_prompt], "explain")
    assert outcome.reply is not None and outcome.reply.completion_tokens > 0


def test_a_model_that_it_does_not_serve_ends_the_run(
    server: SeniorConfig, make_prompts: Callable[..., list[Prompt]], ledger: Ledger
) -> None:
    """It answers 400, not 404: a refusal of single requests, did it not refuse all of them from the first."""
    other = OpenAITeacher(server.model_copy(update={"model": "no-such-org/no-such-model"}))
    with (
        Asker(ledger, LimitsConfig(concurrency=1)) as asker,
        pytest.raises(TeacherError, match=r"20 requests in a row.*HTTP 400.*no-such-model.*Check teacher\.model"),
    ):
        asker.ask(other, make_prompts(30))
    assert ledger.outcomes() == {"bad_request": 20}
