"""Asking by batch files gives what asking one by one gives, sends nothing twice and loses nothing."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dualchecker.asking import Asker, Outcome, Silent
from dualchecker.config import LimitsConfig, SeniorConfig
from dualchecker.errors import BatchPending, BudgetError, RequestFailed, TeacherError
from dualchecker.ledger import BatchBook, Ledger
from dualchecker.prompts import Prompt
from dualchecker.runs.batches import import_results
from dualchecker.teachers import OpenAITeacher
from dualchecker.teachers.batch_files import BatchFiles
from dualchecker.teachers.connection import Connection
from servers import Behaviour, Call, LoopbackServer, Step, answer, completion, error, say, slow_down

MakePrompts = Callable[..., list[Prompt]]
COUNT = 9


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []
        self.last: tuple[int, int, int] = (0, 0, 0)

    def note(self, text: str) -> None:
        self.said.append(text)

    def stage(self, name: str, detail: str = "") -> None:
        self.said.append(f"{name} {detail}")

    def asking(self, done: int, total: int, *, fresh: int, failed: int, cost: float) -> None:
        self.last = (done, total, failed)


def config(server: LoopbackServer, **more: object) -> SeniorConfig:
    given = {"kind": "openai", "model": "tiny", "base_url": server.base_url, "timeout": 20, "batch": "api", **more}
    return SeniorConfig.model_validate(given)


def ask(
    ledger: Ledger, server: LoopbackServer, prompts: list[Prompt], *, notes: Notes | None = None, **more: Any
) -> list[Outcome]:
    """One process's worth of a run; keys of ``limits`` and of ``teacher`` may be given."""
    limits = {name: more.pop(name) for name in list(more) if name in LimitsConfig.model_fields}
    limits = {"batch_poll": 0.0005, "batch_least": 0, "retries": 2} | limits
    with Asker(ledger, LimitsConfig.model_validate(limits), notes, backoff=0.001) as asker:
        return asker.ask(OpenAITeacher(config(server, **more)), prompts)


def seen(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    """What a run sees of outcomes: text of the reply, or kind of the failure."""
    return [("ok", o.reply.text) if o.reply else (o.failure.kind, "") if o.failure else ("?", "") for o in outcomes]


@pytest.fixture
def expected(serve: Callable[..., LoopbackServer], tmp_path: Path) -> Callable[..., list[tuple[str, str]]]:
    """The same prompts asked one by one."""

    def run(prompts: list[Prompt], behaviour: Behaviour | None = None) -> list[tuple[str, str]]:
        with Ledger.open(tmp_path / "online.sqlite") as ledger:
            return seen(ask(ledger, serve(behaviour), prompts, batch="off"))

    return run


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses before another try are of no interest here."""
    monkeypatch.setattr("dualchecker.asking.batch_calls._LONGEST_PAUSE", 0.001)


def test_the_same_outcomes_as_one_by_one(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts, expected: Any
) -> None:
    server, notes = provider(), Notes()
    prompts = make_prompts(COUNT)
    outcomes = ask(ledger, server, [*prompts, prompts[0]], notes=notes)
    assert seen(outcomes) == expected([*prompts, prompts[0]])
    assert len(server.calls) == 1, "the first request is asked alone, to see that anything can be asked"
    assert server.sizes == [COUNT - 1]
    assert set(server.done.values()) == {1}
    assert notes.last == (COUNT + 1, COUNT + 1, 0)
    assert not list((ledger.path.parent / "batch").iterdir()), "files of requests and results are taken away"
    (batch,) = BatchBook(ledger).all()
    assert (batch.state, batch.ended, batch.done, batch.total) == ("completed", True, COUNT - 1, COUNT - 1)


def test_too_little_for_a_file_is_asked_one_by_one(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts, expected: Any
) -> None:
    server, prompts = provider(), make_prompts(COUNT)
    assert seen(ask(ledger, server, prompts[:4], batch_least=4)) == expected(prompts[:4])
    assert not server.seen and len(server.calls) == 4, "the first, and three more"
    with pytest.raises(BatchPending):
        ask(ledger, server, prompts, batch_least=4, batch_wait=0)
    ask(ledger, server, prompts[:6], batch_least=4)  # brings results for the others, too
    assert seen(ask(ledger, server, prompts, batch_least=40)) == expected(prompts)
    assert len(server.calls) == 5 and server.sizes == [4] and set(server.done.values()) == {1}


def test_too_little_for_a_file_must_be_within_the_budget(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts
) -> None:
    """One by one costs twice as much: there is money for the first, and for one more by batch."""
    server = provider()
    prices = {"price_input": 0.0, "price_output": 1000.0, "max_tokens": 400}
    with pytest.raises(BudgetError):
        ask(ledger, server, make_prompts(2), max_cost=0.42, batch_least=4, **prices)
    assert len(server.calls) == 1 and not server.seen
    assert [kind for kind, _ in seen(ask(ledger, server, make_prompts(2), max_cost=0.44, **prices))] == ["ok"] * 2


def test_half_price(ledger: Ledger, provider: Any, make_prompts: MakePrompts, serve: Any, tmp_path: Path) -> None:
    prices = {"price_input": 3.0, "price_output": 7.0}
    ask(ledger, provider(), make_prompts(COUNT), **prices)
    with Ledger.open(tmp_path / "online.sqlite") as online:
        outcomes = ask(online, serve(), make_prompts(COUNT), batch="off", **prices)
        whole = online.totals().cost
    first = outcomes[0].reply
    assert first is not None
    alone = (3.0 * first.prompt_tokens + 7.0 * first.completion_tokens) / 1e6
    assert ledger.totals().cost == pytest.approx((whole - alone) / 2 + alone)


def test_label_probabilities_arrive_as_ever(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    def certain(call: Call) -> Step:
        text = '{"label": "green", "confidence": 0.9}'
        tokens = [
            {"token": '{"label": "', "logprob": 0.0},
            {"token": "green", "logprob": -0.1, "top_logprobs": [{"token": "not", "logprob": -2.4}]},
            {"token": '", "confidence": 0.9}', "logprob": 0.0, "top_logprobs": []},
        ]
        return say(text, logprobs=tokens)

    outcomes = ask(ledger, provider(certain), make_prompts(4))
    given = [o.reply.label_probabilities for o in outcomes if o.reply]
    assert len(given) == 4 and all(one and one["green"] > 0.8 for one in given)
    assert [o.reply.batch for o in outcomes if o.reply] == [False, True, True, True]


def test_failures_of_lines(ledger: Ledger, provider: Any, make_prompts: MakePrompts, expected: Any) -> None:
    """Those that last are settled, those that may pass are sent again, in files of their own."""

    def behave(call: Call) -> Step:
        if "number 3" in call.text:
            return error(400, "flagged by our content policy", code="content_policy_violation")
        if "number 4" in call.text:
            return error(400, "context length exceeded")
        if "number 5" in call.text and call.attempt < 3:
            return error(500) if call.attempt == 1 else slow_down()
        if "number 6" in call.text:
            return error(500)
        return answer(call)

    server, prompts = provider(behave), make_prompts(COUNT)
    outcomes = ask(ledger, server, prompts)
    assert seen(outcomes) == expected(prompts, behave)
    assert [o.failure.kind for o in outcomes if o.failure] == ["refused", "too_long", "server_error"]
    assert server.sizes == [COUNT - 1, 2, 2]
    assert ledger.outcomes()["server_error"] == 4 and ledger.outcomes()["rate_limited"] == 1
    again = ask(ledger, server, prompts)
    assert server.sizes == [COUNT - 1, 2, 2]
    assert len(server.calls) == 4, "the next run asks only what may have passed: one request, alone"
    assert seen(again) == seen(outcomes)


def test_requests_that_no_line_mentions_are_sent_again(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts
) -> None:
    def behave(call: Call) -> Step:
        return Step(drop=True) if "number 2" in call.text and call.attempt == 1 else answer(call)

    server = provider(behave)
    assert [kind for kind, _ in seen(ask(ledger, server, make_prompts(4)))] == ["ok"] * 4
    assert server.sizes == [3, 1] and ledger.outcomes()["no_line"] == 1


def test_an_expired_batch(ledger: Ledger, provider: Any, make_prompts: MakePrompts, expected: Any) -> None:
    server, prompts = provider(), make_prompts(COUNT)
    server.ends = lambda batch: "expired" if batch["id"] == "batch_0" else "completed"
    assert seen(ask(ledger, server, prompts)) == expected(prompts)
    assert server.sizes == [8, 4]
    assert set(server.done.values()) == {1}, "what was done is used, and not sent again"


def test_refused_parameters_are_left_out_of_the_next_file(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts
) -> None:
    bodies: list[dict[str, Any]] = []

    def behave(call: Call) -> Step:
        bodies.append(call.body)
        if call.number == 0 and "logprobs" in call.body:  # only in batches: the first request of all cannot know
            return error(400, "Unsupported parameter: 'logprobs'", param="logprobs")
        return answer(call)

    server = provider(behave)
    assert [kind for kind, _ in seen(ask(ledger, server, make_prompts(4)))] == ["ok"] * 4
    assert server.sizes == [3, 3] and "logprobs" not in bodies[-1] and "top_logprobs" not in bodies[-1]


# Days and processes.


def test_a_run_that_may_not_wait_goes_on_later(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts, expected: Any
) -> None:
    server, prompts = provider(), make_prompts(COUNT)
    runs = 0
    while True:
        runs += 1
        try:
            outcomes = ask(ledger, server, prompts, batch_wait=0)
            break
        except BatchPending as pending:
            assert pending.exit_code == 8 and "batch_0" in pending.what and "8 requests" in pending.what
    assert runs == 4, "one look each"
    assert seen(outcomes) == expected(prompts)
    assert len(server.calls) == 1 and server.sizes == [COUNT - 1] and set(server.done.values()) == {1}


class Killed(BaseException):
    pass


class Fuse:
    """Ends the process, as it were, at a given moment; from then on nothing reaches ledger or server any more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self.left, fuse = after, self
        transaction, send = Ledger.transaction, Connection.send

        @contextlib.contextmanager
        def fused_transaction(ledger: Ledger) -> Iterator[Any]:
            fuse.step()
            with transaction(ledger) as db:
                yield db
            fuse.step()

        async def fused_send(connection: Connection, *given: Any, **more: Any) -> Any:
            fuse.step()
            result = await send(connection, *given, **more)
            fuse.step()
            return result

        monkeypatch.setattr(Ledger, "transaction", fused_transaction)
        monkeypatch.setattr(Connection, "send", fused_send)

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


@pytest.mark.parametrize("marks", [True, False], ids=["metadata kept", "no metadata"])
def test_killed_at_every_step(
    tmp_path: Path,
    provider: Any,
    make_prompts: MakePrompts,
    monkeypatch: pytest.MonkeyPatch,
    expected: Any,
    marks: bool,
) -> None:
    """Nothing is paid twice, nothing is lost, whichever step is the last of a process."""
    prompts = make_prompts(5)
    wanted = expected(prompts)

    def behave(call: Call) -> Step:
        return error(500) if "number 2" in call.text and call.attempt == 1 else answer(call)

    moment, whole = 0, False
    while not whole:
        path = tmp_path / f"{moment}" / "ledger.sqlite"
        server = provider(behave)
        server.keep_marks = marks
        with Ledger.open(path) as ledger:
            ask(ledger, server, prompts[:1])  # the teacher is known to answer
            with monkeypatch.context() as patch:
                Fuse(patch, moment)
                try:
                    outcomes = ask(ledger, server, prompts)
                    whole = True
                except Killed:
                    pass
        with Ledger.open(path) as ledger:
            outcomes = ask(ledger, server, prompts)
            assert seen(outcomes) == wanted, moment
            assert all(batch.ended for batch in BatchBook(ledger).all()), moment
        server.finish()
        assert set(server.done.values()) == {1}, moment
        assert len(server.done) + len({call.key for call in server.calls}) == len(prompts), moment
        moment += 1
        server.stop()
    assert moment > 30


def test_a_creation_that_nobody_heard_of_is_found(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    server = provider()
    server.lost["POST /batches"] = [error(502), Step(drop=True)]
    assert [kind for kind, _ in seen(ask(ledger, server, make_prompts(4)))] == ["ok"] * 4
    assert len(server.batches) == 1 and set(server.done.values()) == {1}


def test_killed_at_every_step_after_results_were_brought_in_by_hand(
    tmp_path: Path, provider: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch, expected: Any
) -> None:
    prompts, server = make_prompts(5), provider()
    wanted = expected(prompts)
    moment, whole = 0, False
    while not whole:
        path = tmp_path / f"{moment}" / "ledger.sqlite"
        with Ledger.open(path) as ledger:
            with pytest.raises(BatchPending):
                ask(ledger, server, prompts, batch="file")
            (file,) = (path.parent / "batch").glob("requests-*.jsonl")
            results = server.by_hand(file)
            assert import_results(ledger, results).answers == 5
            with monkeypatch.context() as patch:
                Fuse(patch, moment)
                try:
                    ask(ledger, server, prompts, batch="file")
                    whole = True
                except Killed:
                    pass
        with Ledger.open(path) as ledger:
            assert seen(ask(ledger, server, prompts, batch="file")) == wanted, moment
            assert import_results(ledger, results).again == 5, moment
            # The next step of the run goes by hand, too; what was left over from this one is cleared away.
            with pytest.raises(BatchPending):
                ask(ledger, server, make_prompts(2, first=50), batch="file")
            assert [batch.ended for batch in BatchBook(ledger).all()] == [True, False], moment
            assert not ledger.rows("SELECT 1 FROM batch_lines WHERE NOT used"), moment
        moment += 1
    assert moment >= 5 and not server.seen and not server.calls


def test_a_creation_is_found_on_a_later_page(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    server = provider()

    def crowd(batch: dict[str, Any]) -> None:
        server.batches.update({f"other_{i}": {**batch, "id": f"other_{i}", "metadata": {}} for i in range(250)})
        for row in list(server.batches.values())[1:]:
            row["input_file_id"] = "file-of-others"

    server.lost["POST /batches"] = [error(502)]
    kept = server._create

    def create(body: dict[str, Any]) -> Any:
        found = kept(body)
        crowd(server.batches["batch_0"])
        return found

    server._create = create
    assert [kind for kind, _ in seen(ask(ledger, server, make_prompts(4)))] == ["ok"] * 4
    assert server.seen.count("GET /batches") == 3 and server.seen.count("POST /batches") == 1


def test_faults_of_the_provider_pass(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    server = provider()
    server.faults = {
        "POST /files": [error(500), slow_down()],
        "POST /batches": [Step(drop=True)],
        "GET /batches/*": [error(503), Step("<html>", headers={}), Step(drop=True)],
        "GET /files/*/content": [Step("x" * 5000, cut=True), error(500)],
    }
    assert [kind for kind, _ in seen(ask(ledger, server, make_prompts(6)))] == ["ok"] * 6
    assert not any(server.faults.values()) and server.sizes == [5]


def test_no_news_for_a_while_does_not_end_the_wait(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    server, notes = provider(), Notes()
    server.faults["GET /batches/*"] = [error(503)] * 7  # more than the tries of one look
    assert [kind for kind, _ in seen(ask(ledger, server, make_prompts(3), notes=notes))] == ["ok"] * 3
    assert sum("No news" in text for text in notes.said) == 2
    server.faults["GET /batches/*"] = [error(503)] * 100
    with pytest.raises(RequestFailed, match="server failed"):
        ask(ledger, server, make_prompts(6))


def test_a_batch_that_the_provider_has_forgotten(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    server, prompts = provider(), make_prompts(4)
    with pytest.raises(BatchPending):
        ask(ledger, server, prompts, batch_wait=0)
    forgotten = server.batches.pop("batch_0")
    for _ in range(2):  # nothing is paid again before somebody has said so
        with pytest.raises(RequestFailed, match=r"knows no batches/batch_0.*batch forget"):
            ask(ledger, server, prompts)
    server.batches["batch_0"] = forgotten
    assert [kind for kind, _ in seen(ask(ledger, server, prompts))] == ["ok"] * 4


def test_a_server_without_batches(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    server = provider()
    server.faults["POST /files"] = [error(404)]
    with pytest.raises(TeacherError, match="takes no batch files"):
        ask(ledger, server, make_prompts(3))


def test_a_redirect_is_not_followed_with_the_key(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "sk-very-secret-key")
    server, other = provider(), provider()
    server.faults["POST /files"] = [Step("", status=307, headers={"Location": f"{other.base_url}/files"})]
    with pytest.raises(RequestFailed) as caught:
        ask(ledger, server, make_prompts(3), key_env="THE_KEY")
    assert caught.value.kind == "redirect" and not other.seen
    assert server.keys == ["Bearer sk-very-secret-key"]


def test_the_key_does_not_reach_the_ledger(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "sk-very-secret-key")

    def behave(call: Call) -> Step:
        return answer(call) if call.number else error(400, "bad key sk-very-secret-key in your request")

    outcomes = ask(ledger, provider(behave), make_prompts(3), key_env="THE_KEY")
    assert outcomes[1].failure is not None and "[key]" in str(outcomes[1].failure)
    rows = ledger.rows("SELECT message FROM attempts") + ledger.rows("SELECT message FROM batches")
    assert rows and not any("secret" in text for (text,) in rows)


def test_a_cancelled_batch_is_not_sent_again_by_itself(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts, expected: Any
) -> None:
    server, prompts = provider(), make_prompts(COUNT)
    with pytest.raises(BatchPending):
        ask(ledger, server, prompts, batch_wait=0)
    server.batches["batch_0"]["step"] = 1
    server.batches["batch_0"]["status"] = "cancelling"
    with pytest.raises(TeacherError, match="was cancelled"):
        ask(ledger, server, prompts)
    assert server.sizes == [COUNT - 1]
    assert seen(ask(ledger, server, prompts)) == expected(prompts)
    assert server.sizes == [COUNT - 1, 3] and len(server.calls) == 2 and set(server.done.values()) == {1}


def test_a_refused_batch_says_why(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    server, prompts = provider(), make_prompts(3)
    server.ends = lambda batch: "failed"
    with pytest.raises(TeacherError, match=r"refused the batch batch_0.*line 1: No such model"):
        ask(ledger, server, prompts)
    server.ends = lambda batch: "completed"
    assert [kind for kind, _ in seen(ask(ledger, server, prompts))] == ["ok"] * 3, "its requests are free again"


def test_a_provider_that_takes_only_so_much_at_once(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts, expected: Any
) -> None:
    server, prompts, notes = provider(), make_prompts(12), Notes()
    server.room = 4
    assert seen(ask(ledger, server, prompts, notes=notes)) == expected(prompts)
    assert max(server.sizes) <= 4 and sum(server.sizes) == 11 and set(server.done.values()) == {1}
    assert any("takes no more at once" in text for text in notes.said)


# Money.


def test_a_budget_ends_the_sending_before_it_is_crossed(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts, expected: Any
) -> None:
    """What estimates let in is asked; no more is where the rest of the money might not do."""

    def behave(call: Call) -> Step:
        return say("words", usage={"prompt_tokens": 1, "completion_tokens": 350})

    server, prompts = provider(behave), make_prompts(COUNT)
    prices = {"price_input": 0.0, "price_output": 1000.0, "max_tokens": 400}
    with pytest.raises(BudgetError, match="max_cost"):  # 0.35 are spent on the first; 0.2 are estimated by batch
        ask(ledger, server, prompts, max_cost=1.0, **prices)
    assert server.sizes == [3] and ledger.totals().cost == pytest.approx(0.35 + 3 * 0.175)
    assert seen(ask(ledger, server, prompts, max_cost=5, **prices)) == expected(prompts, behave)
    assert server.sizes == [3, 4] and set(server.done.values()) == {1}


def test_no_crumbs_near_the_limit(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    """Each batch may take a day, and leaves less: where it would be smaller than ``batch_least``, none is sent."""

    def behave(call: Call) -> Step:
        return say("words", usage={"prompt_tokens": 1, "completion_tokens": 200})

    server, prompts = provider(behave), make_prompts(30)
    prices = {"price_input": 0.0, "price_output": 1000.0, "max_tokens": 400}
    with pytest.raises(BudgetError, match=r"leaves room for 2 of the 14 .*batch_least is 4") as caught:
        ask(ledger, server, prompts, max_cost=2.2, batch_least=4, **prices)  # 0.2 alone, then 0.1 for one of 0.2
    assert caught.value.exit_code == 6
    assert server.sizes == [10, 5], "without a least size it would go on with 2, 1, 1"
    assert len(list((ledger.path.parent / "batch").iterdir())) == 0 and not BatchBook(ledger).open()
    with pytest.raises(BudgetError):
        ask(ledger, server, prompts, max_cost=2.2, batch_least=4, **prices)
    assert server.sizes == [10, 5]
    ask(ledger, server, prompts, max_cost=99, batch_least=4, **prices)
    assert server.sizes == [10, 5, 12] and len(server.calls) == 3 and set(server.done.values()) == {1}


def test_what_is_left_at_the_end_may_be_few(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    """Requests that failed for the time being are sent again, however few, where there is money for all of it."""

    def behave(call: Call) -> Step:
        return error(500) if "number 3" in call.text and call.attempt == 1 else answer(call)

    server = provider(behave)
    prices = {"price_input": 0.0, "price_output": 1000.0, "max_tokens": 400}
    ask(ledger, server, make_prompts(COUNT), max_cost=9, batch_least=4, **prices)
    assert server.sizes == [COUNT - 1, 1]


def test_failures_that_took_tokens_are_paid_for(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that last, and those that are sent again; at the price of batches."""
    usage = {"prompt_tokens": 10, "completion_tokens": 100}

    def behave(call: Call) -> Step:
        if "number 1" in call.text:
            return say(None, refusal="I will not.", usage=usage)
        return say("half" if "number 2" in call.text and call.attempt == 1 else "words", usage=usage)

    read = BatchFiles.read

    def read_whole(files: BatchFiles, *given: Any) -> Any:
        reply = read(files, *given)
        if reply.text == "half":
            raise RequestFailed("Half of it.", kind="bad_body", retryable=True, tokens=(10, 100))
        return reply

    monkeypatch.setattr(BatchFiles, "read", read_whole)
    server = provider(behave)
    outcomes = ask(ledger, server, make_prompts(4), max_cost=9, price_input=0.0, price_output=1000.0, max_tokens=400)
    kinds = [kind for kind, _ in seen(outcomes)]
    assert kinds == ["ok", "refused", "ok", "ok"] and server.sizes == [3, 1]
    totals = ledger.totals()
    assert totals.completion_tokens == 500, "five requests, of which three were answered"
    assert totals.cost == pytest.approx(0.1 + 4 * 0.05)
    assert ledger.outcomes()["bad_body"] == 1


def test_a_fatal_error_ends_what_is_asked_one_by_one(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    """No credit after the first answer: none of the others is sent that were not under way."""

    def behave(call: Call) -> Step:
        return answer(call) if call.number == 1 else error(402, "Insufficient credit.")

    server = provider(behave)
    with pytest.raises(RequestFailed) as caught:
        ask(ledger, server, make_prompts(COUNT), batch_least=40, concurrency=1)
    assert caught.value.fatal and caught.value.status == 402
    assert len(server.calls) == 2 and not server.seen
    assert ledger.totals().requests == 1


def test_batches_with_the_same_requests_have_different_names(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts
) -> None:
    server, prompts = provider(), make_prompts(3)
    for _ in range(3):
        with pytest.raises(BatchPending):
            ask(ledger, server, prompts, batch="file")
        (batch,) = BatchBook(ledger).open()
        assert (ledger.path.parent / "batch" / batch.file).is_file()
        BatchBook(ledger).note(batch, state="forgotten", ended=True)
    first, second, third = (batch.file.removesuffix(".jsonl") for batch in BatchBook(ledger).all())
    assert (second, third) == (f"{first}-2", f"{first}-3")


def test_what_earlier_runs_have_sent_counts_against_the_budget(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts
) -> None:
    server, prompts = provider(), make_prompts(COUNT)
    prices = {"price_input": 0.0, "price_output": 1000.0, "max_tokens": 400}
    with pytest.raises(BatchPending):
        ask(ledger, server, prompts[:4], max_cost=5, batch_wait=0, **prices)
    with pytest.raises(BatchPending):  # 3 x 0.2 are under way, and 0.03 are spent
        ask(ledger, server, prompts, max_cost=0.7, batch_wait=0, **prices)
    assert sum(server.sizes) == 3


def test_no_request_in_a_batch_is_asked_one_by_one(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    server, prompts = provider(), make_prompts(4)
    with pytest.raises(BatchPending):
        ask(ledger, server, prompts, batch_wait=0)
    with pytest.raises(TeacherError, match="pay for them twice"):
        ask(ledger, server, prompts, batch="off")
    with pytest.raises(TeacherError, match="pay for them twice"):
        ask(ledger, server, prompts, batch="file")
    other = provider()
    with pytest.raises(TeacherError, match="pay for them twice"):
        ask(ledger, other, prompts)
    assert len(server.calls) == 1 and not other.seen


def test_results_for_another_part_of_the_run_are_kept_for_it(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts, expected: Any
) -> None:
    server, prompts = provider(), make_prompts(COUNT)
    with pytest.raises(BatchPending):
        ask(ledger, server, prompts, batch_wait=0)
    ask(ledger, server, prompts[2:4])
    (batch,) = BatchBook(ledger).all()
    assert batch.ended and len(ledger.rows("SELECT 1 FROM batch_lines WHERE NOT used")) == 6
    assert seen(ask(ledger, server, prompts)) == expected(prompts)
    assert server.sizes == [COUNT - 1] and not ledger.rows("SELECT 1 FROM batch_lines WHERE NOT used")


def test_lines_that_are_no_results_are_counted_and_skipped(
    ledger: Ledger, provider: Any, make_prompts: MakePrompts
) -> None:
    server, notes = provider(), Notes()
    kept = server._end

    def end(batch: dict[str, Any], status: str) -> None:
        kept(batch, status)
        path = server.file(batch["output_file_id"])
        strange = ['{"custom_id": "nobody"}', "no json", "[]", json.dumps({"custom_id": 7}), ""]
        path.write_text("\n".join([*strange, path.read_text(encoding="utf-8")]), encoding="utf-8")

    server._end = end
    assert [kind for kind, _ in seen(ask(ledger, server, make_prompts(4), notes=notes))] == ["ok"] * 4
    assert any("4 lines" in text for text in notes.said)


def test_bodies_that_are_no_completion(ledger: Ledger, provider: Any, make_prompts: MakePrompts) -> None:
    def behave(call: Call) -> Step:
        if call.number or "number 1" not in call.text:
            return answer(call)
        return Step({"choices": []}) if call.attempt == 1 else Step(completion("late"))

    server = provider(behave)
    outcomes = ask(ledger, server, make_prompts(3))
    assert outcomes[1].reply is not None and outcomes[1].reply.text == "late"
