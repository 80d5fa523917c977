"""The decision teacher against loopback endpoints on both wires."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from decision_servers import Endpoint, choice, decisions, invalid, listed, system_one
from dualchecker.asking import Asker
from dualchecker.config import LimitsConfig, SeniorConfig
from dualchecker.errors import RequestFailed
from dualchecker.ledger import Ledger, content_hash
from dualchecker.prompts import Prompt, PromptWriter, Rung, Template
from dualchecker.records import Demonstration, Record, Reply
from dualchecker.tasks import Classification, MultiLabel
from dualchecker.teachers import DecisionTeacher
from servers import Call, LoopbackServer, Step, error, slow_down

KEY = "sk-decisions-secret-0123456789"
MANY = {f"topic{number:02}": f"About {number}." for number in range(30)}

Serve = Callable[..., LoopbackServer]
MakePrompts = Callable[..., list[Prompt]]


@pytest.fixture(params=["systemone", "decisions"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def teach(settings: Callable[..., SeniorConfig], wire: str) -> AsyncIterator[Callable[..., DecisionTeacher]]:
    """``teach(server, orders=2)``: a teacher on the server and the wire, closed when the test ends."""
    made: list[DecisionTeacher] = []

    def make(server: LoopbackServer, *, seed: int = 0, **more: object) -> DecisionTeacher:
        made.append(DecisionTeacher(settings(server, **{"kind": "decisions", "wire": wire, **more}), seed=seed))
        return made[-1]

    yield make
    for teacher in made:
        await teacher.aclose()


async def ask(teacher: DecisionTeacher, prompt: Prompt) -> Reply:
    return await teacher.ask(prompt, teacher.payload(prompt))


async def failure(teacher: DecisionTeacher, prompt: Prompt) -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        await ask(teacher, prompt)
    return caught.value


def prompt_about(labels: dict[str, str], text: str = "A kettle of topic07.", rung: str = "brief") -> Prompt:
    demonstrations = [Demonstration(Record(name, f"Words of {name}."), name) for name in list(labels)[:3]]
    writer = PromptWriter(Classification("Which topic?", labels))
    return writer.label(Record("r", text), Rung(rung), Template(size=3), demonstrations)  # type: ignore[arg-type]


def answering(wire: str, *shares: dict[str, float] | str, **more: Any) -> Step:
    """One answer a question: shares of a choice, or the name of another type."""
    if wire == "systemone":
        answers = {f"q{n}": {"type": s} if isinstance(s, str) else choice(s) for n, s in enumerate(shares, 1)}
        return system_one(answers, **more)
    return decisions(
        [{"type": s, "name": f"q{n}"} if isinstance(s, str) else listed(s, f"q{n}") for n, s in enumerate(shares, 1)],
        **more,
    )


# What is sent


async def test_one_request_a_text_at_the_wires_own_path(
    serve: Serve, teach: Any, make_prompts: MakePrompts, wire: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    server = serve(Endpoint())
    reply = await ask(teach(server, key_env="TEST_KEY", orders=1), make_prompts(1)[0])
    [call] = server.calls
    assert call.path == f"/v1/{wire}"
    assert call.headers["Authorization"] == f"Bearer {KEY}"
    assert set(call.body) == {"model", "questions", "state" if wire == "systemone" else "input"}
    state = call.body.get("state") or json.loads(call.body["input"])
    assert state["text"] == "Device number 0 that saves water."
    assert len(state["examples"]) == 4 and {e["label"] for e in state["examples"]} == {"green", "not_green"}
    [question] = call.body["questions"].values() if wire == "systemone" else call.body["questions"]
    assert question["instructions"].startswith("Does this invention belong to green innovation?")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.model) == (
        100,
        1,
        "one-2026" if wire == "systemone" else "luna-2026",
    )


@pytest.mark.parametrize("ending", ["", "/", "/systemone", "/decisions", "?v=1"])
async def test_a_whole_address_is_taken_as_it_is(
    serve: Serve, teach: Any, make_prompts: MakePrompts, wire: str, ending: str
) -> None:
    """Some servers take either body at one path."""
    server = serve(lambda call: answering(wire, {"green": 0.6, "not_green": 0.4}))
    await ask(teach(server, base_url=server.base_url + ending, orders=1), make_prompts(1)[0])
    path = ending if ending in ("/systemone", "/decisions") else f"/{wire}{ending.strip('/')}"
    assert server.calls[0].path == f"/v1{path}"


async def test_extra_fields_enter_the_body_and_the_key(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    server = serve(lambda call: answering("x", {"green": 1.0}) if "safety_identifier" in call.body else error(400))
    teacher = teach(server, extra={"safety_identifier": "a"}, wire="decisions", orders=1)
    [prompt] = make_prompts(1)
    assert (await ask(teacher, prompt)).finish == "stop"
    assert content_hash(teacher.payload(prompt)) != content_hash(teach(server, orders=1).payload(prompt))


def test_the_order_of_the_options_enters_the_key(make_prompts: MakePrompts, wire: str) -> None:
    """The ledger's hash sorts the keys of a map, and System One's options are one."""
    config = SeniorConfig(kind="decisions", model="m", base_url="http://x/v1", wire=wire, orders=1)  # type: ignore[arg-type]
    one, other = prompt_about({"a": "", "b": ""}), prompt_about({"b": "", "a": ""})
    other = replace(other, shown=replace(other.shown, demonstrations=one.shown.demonstrations))
    teacher = DecisionTeacher(config)
    assert content_hash(teacher.payload(one)) != content_hash(teacher.payload(other))


def test_settings_that_change_nothing_keep_the_key(make_prompts: MakePrompts) -> None:
    [prompt] = make_prompts(1)
    base = {"kind": "decisions", "model": "m", "base_url": "http://x/v1", "orders": 1}
    payload = DecisionTeacher(SeniorConfig.model_validate(base)).payload(prompt)
    for change in ({"max_options": 10}, {"max_questions": 1}, {"base_url": "http://y/v1"}, {"temperature": 1}):
        assert DecisionTeacher(SeniorConfig.model_validate(base | change), seed=9).payload(prompt) == payload
    for change in ({"wire": "decisions"}, {"orders": 2}, {"none_of_these": True}, {"binary": "yes_no"}):
        assert DecisionTeacher(SeniorConfig.model_validate(base | change)).payload(prompt) != payload


# What is kept


async def test_the_distribution_is_kept_and_the_servers_confidence_is_no_probability(
    serve: Serve, teach: Any, make_prompts: MakePrompts, task: Classification, wire: str
) -> None:
    server = serve(lambda call: answering(wire, {"green": 0.62, "not_green": 0.37}))
    reply = await ask(teach(server, orders=1), make_prompts(1)[0])
    assert reply.label_probabilities == pytest.approx({"green": 62 / 99, "not_green": 37 / 99})
    assert (reply.outside_mass, reply.order_spread, reply.notes) == (0, None, ())
    parsed = task.parse(reply.text)
    assert (parsed.label, parsed.stated) == ("green", None)
    assert json.loads(reply.text)["server_confidence"] == pytest.approx(0.24 if wire == "systemone" else 0.5)


async def test_a_binary_task_may_be_asked_by_yes_or_no(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    endpoint = Endpoint()
    server = serve(endpoint)
    first = await ask(teach(server, binary="yes_no", orders=1), make_prompts(1)[0])
    assert endpoint.asked == [], "no choice was asked"
    assert first.label_probabilities is not None and set(first.label_probabilities) == {"green", "not_green"}
    assert first.outside_mass == 0 and "server_confidence" not in json.loads(first.text)
    await ask(teach(server, binary="yes_no", orders=1), prompt_about({"a": "", "b": "", "c": ""}))
    assert endpoint.asked == [["a", "b", "c"]], "more labels than two are a choice"


@pytest.mark.parametrize("binary", ["choice", "yes_no"])
async def test_two_orders_cancel_what_the_place_brings(
    serve: Serve, teach: Any, make_prompts: MakePrompts, binary: str
) -> None:
    [prompt] = make_prompts(1)
    fair = await ask(teach(serve(Endpoint()), binary=binary, orders=1), prompt)
    biased = serve(Endpoint(bias=3.0))
    one = await ask(teach(biased, binary=binary, orders=1), prompt)
    two = await ask(teach(biased, binary=binary, orders=2), prompt)
    assert fair.label_probabilities and one.label_probabilities and two.label_probabilities
    assert len(biased.calls) == 2, "both orders are questions of one request"
    assert one.label_probabilities["green"] > 0.8, "what stands first is preferred"
    assert abs(two.label_probabilities["green"] - 0.5) < 0.1
    assert two.order_spread is not None and two.order_spread > 0.6
    assert two.notes == ("order_decides",)


async def test_orders_are_drawn_by_seed_and_text(serve: Serve, teach: Any) -> None:
    endpoint = Endpoint()
    server = serve(endpoint)
    for seed, text in ((0, "one"), (0, "one"), (1, "one"), (0, "two")):
        await ask(teach(server, seed=seed, orders=3), prompt_about(MANY, text))
    drawn = [endpoint.asked[start : start + 3] for start in range(0, 12, 3)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2] and drawn[0] != drawn[3]


def test_auto_asks_in_several_orders_where_only_doubt_arrives(settings: Callable[..., SeniorConfig]) -> None:
    teacher = DecisionTeacher(SeniorConfig(kind="decisions", model="m", base_url="http://x/v1"))
    asked = {rung: len(teacher.payload(prompt_about(MANY, rung=rung))["questions"]) for rung in teacher.rungs}
    assert asked == {"brief": 1, "detail": 3, "wide": 3, "senior": 3}
    assert len(teacher.payload(prompt_about({"a": "", "b": ""}, rung="wide"))["questions"]) == 2


async def test_questions_that_do_not_fit_into_a_request_go_into_the_next(serve: Serve, teach: Any) -> None:
    whole, parts = serve(Endpoint()), serve(Endpoint(most_questions=2))
    prompt = prompt_about(MANY)
    together = await ask(teach(whole, orders=5), prompt)
    apart = await ask(teach(parts, orders=5, max_questions=2), prompt)
    assert (len(whole.calls), len(parts.calls)) == (1, 3)
    assert together.label_probabilities == apart.label_probabilities
    assert (together.prompt_tokens, apart.prompt_tokens) == (100, 300)


async def test_none_of_these_is_an_outcome_and_its_mass_is_told(
    serve: Serve, teach: Any, make_prompts: MakePrompts, wire: str
) -> None:
    [prompt] = make_prompts(1)
    none = serve(lambda call: answering(wire, {"green": 0.2, "not_green": 0.1, "none of these": 0.7}))
    reply = await ask(teach(none, none_of_these=True, orders=1), prompt)
    assert reply.finish == "none_of_these" and json.loads(reply.text)["label"] is None
    assert reply.outside_mass == pytest.approx(0.7)
    assert reply.label_probabilities == pytest.approx({"green": 2 / 3, "not_green": 1 / 3})
    some = serve(lambda call: answering(wire, {"green": 0.5, "not_green": 0.1, "none of these": 0.4}))
    reply = await ask(teach(some, none_of_these=True, orders=1), prompt)
    assert (reply.finish, json.loads(reply.text)["label"]) == ("stop", "green")
    assert reply.outside_mass == pytest.approx(0.4)
    only = serve(lambda call: answering(wire, {"none of these": 1.0}))
    reply = await ask(teach(only, none_of_these=True, orders=1), prompt)
    assert reply.finish == "none_of_these" and reply.label_probabilities is None


# Tournaments


async def test_more_labels_than_a_question_takes_are_a_tournament(serve: Serve, teach: Any) -> None:
    endpoint = Endpoint(most=8)
    server = serve(endpoint)
    prompt = prompt_about(MANY, "More words of topic01 here.")
    reply = await ask(teach(server, max_options=8, orders=2), prompt)
    assert len(server.calls) == 2, "four groups of thirty labels, then their winners"
    assert [len(options) for options in endpoint.asked] == [8, 8, 8, 8, 7, 7, 7, 7, 8, 8]
    shares = reply.label_probabilities
    assert shares is not None and list(shares) == list(MANY) and sum(shares.values()) == pytest.approx(1)
    assert json.loads(reply.text)["label"] == "topic01" == max(shares, key=lambda name: shares[name])
    assert reply.prompt_tokens == 200 and reply.order_spread is not None
    assert reply == await ask(teach(server, max_options=8, orders=2), prompt)


async def test_a_tournament_that_breaks_off_goes_on_where_it_was(
    serve: Serve, teach: Any, settings: Callable[..., SeniorConfig], ledger: Ledger
) -> None:
    endpoint = Endpoint(most=8)
    server = serve(lambda call: error(500) if call.number == 2 else endpoint(call))
    teacher = teach(server, max_options=8)
    with Asker(ledger, LimitsConfig(), backoff=0.001) as asker:
        [outcome] = asker.ask(teacher, [prompt_about(MANY)])
    assert outcome.reply is not None and outcome.reply.prompt_tokens == 200
    assert len(server.calls) == 3, "the groups once, the final twice"
    assert ledger.outcomes() == {"server_error": 1, "ok": 1}


async def test_what_could_not_be_read_is_asked_again_and_nothing_else(
    serve: Serve, teach: Any, wire: str, ledger: Ledger
) -> None:
    """Four groups in two requests; one group of the second is nonsense at first."""
    endpoint = Endpoint(most=8)

    def behave(call: Call) -> Step:
        step = endpoint(call)
        if call.number == 2:
            answers = step.body["answers"]
            answers["q2" if wire == "systemone" else 1]["probabilities"] = []
        return step

    server = serve(behave)
    with Asker(ledger, LimitsConfig(), backoff=0.001) as asker:
        [outcome] = asker.ask(teach(server, max_options=8, max_questions=2), [prompt_about(MANY)])
    assert outcome.reply is not None and ledger.outcomes() == {"bad_body": 1, "ok": 1}
    assert len(server.calls) == 4, "two requests, the second again, the final"
    assert server.calls[1].body == server.calls[2].body != server.calls[0].body


async def test_none_may_win_a_group_and_not_the_tournament(serve: Serve, teach: Any, wire: str) -> None:
    """A group may well lack the right label; only the final may say that none fits."""

    def behave(call: Call) -> Step:
        questions = call.body["questions"]
        sent = list(questions.values()) if isinstance(questions, dict) else questions
        names = [list(q["criteria"]) if "criteria" in q else [c["value"] for c in q["choices"]] for q in sent]
        shares = []
        for group in names:
            first, *others = [name for name in group if name != "none of these"]
            none = 0.8 if len(names) > 1 else 0.1
            shares.append({first: 0.9 - none, "none of these": none, **dict.fromkeys(others, 0.1 / len(others))})
        return answering(wire, *shares)

    server = serve(behave)
    reply = await ask(teach(server, max_options=12, none_of_these=True), prompt_about(MANY))
    assert len(server.calls) == 2 and reply.finish == "stop"
    assert reply.outside_mass == pytest.approx(0.1)
    assert reply.label_probabilities is not None and "none of these" not in reply.label_probabilities


@pytest.mark.parametrize("verdict", ["refusal", "box"])
async def test_a_group_without_an_answer_is_no_tournament(serve: Serve, teach: Any, wire: str, verdict: str) -> None:
    shares = dict.fromkeys(MANY, 1 / 30)
    server = serve(lambda call: answering(wire, shares, verdict, shares, shares))
    teacher, prompt = teach(server, max_options=8), prompt_about(MANY)
    if verdict == "refusal":
        found = await failure(teacher, prompt)
        assert (found.kind, found.tokens[0]) == ("refused", 100)
    else:
        reply = await ask(teacher, prompt)
        assert (reply.finish, reply.label_probabilities, reply.prompt_tokens) == ("unanswered", None, 100)
    assert len(server.calls) == 1


# Several labels


async def test_every_label_is_a_question_of_one_request_where_several_may_apply(
    serve: Serve, teach: Any, wire: str
) -> None:
    server = serve(Endpoint())
    teacher = teach(server, orders=3, max_options=4)
    prompt = prompt_about({f"label{n}": f"About {n}." for n in range(6)}, "More words of label1 here.")
    several = replace(prompt, shown=replace(prompt.shown, multiple=True))
    reply = await ask(teacher, several)
    assert len(server.calls) == 1 and len(server.calls[0].body["questions"]) == 6
    assert content_hash(teacher.payload(several)) != content_hash(teacher.payload(prompt))
    assert teacher.size(several)[0] == 6
    chances = reply.label_probabilities
    assert chances is not None and list(chances) == list(prompt.shown.labels)
    assert sum(chances.values()) != pytest.approx(1), "each is a probability of its own"
    said = json.loads(reply.text)["labels"]
    assert said == {label: "yes" if chance >= 0.5 else "no" for label, chance in chances.items()}
    assert said["label1"] == "yes" and "no" in said.values()


async def test_a_label_that_is_not_decided_is_left_open_and_noted(serve: Serve, teach: Any, wire: str) -> None:
    yes = {"type": "noul", "noul": 0.9} if wire == "systemone" else {"type": "predicate", "probability": 0.9}
    no = {"type": "refusal"}
    step = system_one({"q1": yes, "q2": no}) if wire == "systemone" else decisions([yes, no])
    prompt = prompt_about({"a": "", "b": "", "c": ""})
    several = replace(prompt, shown=replace(prompt.shown, multiple=True))
    reply = await ask(teach(serve(lambda call: step)), several)
    assert json.loads(reply.text) == {"labels": {"a": "yes", "b": None, "c": None}}
    assert (reply.label_probabilities, reply.notes) == ({"a": 0.9}, ("labels_undecided",))
    refused = await failure(teach(serve(lambda call: answering(wire, "refusal", "box", "box"))), several)
    assert refused.kind == "refused"


# What goes wrong


async def test_a_refused_and_a_missing_answer_have_their_names(
    serve: Serve, teach: Any, make_prompts: MakePrompts, wire: str
) -> None:
    [prompt] = make_prompts(1)
    refused = await failure(teach(serve(lambda call: answering(wire, "refusal")), orders=1), prompt)
    assert (refused.kind, refused.retryable, refused.tokens[0]) == ("refused", False, 100)
    missing = await ask(teach(serve(lambda call: answering(wire)), orders=1), prompt)
    assert (missing.finish, missing.text) == ("unanswered", "")
    one = serve(lambda call: answering(wire, "refusal", {"green": 0.3, "not_green": 0.7}))
    some = await ask(teach(one, orders=2), prompt)
    assert (some.finish, some.notes) == ("stop", ("orders_incomplete",))


async def test_probabilities_that_are_none_are_asked_once_more(
    serve: Serve, teach: Any, make_prompts: MakePrompts, wire: str, ledger: Ledger
) -> None:
    server = serve(lambda call: answering(wire, {"green": float("nan"), "not_green": 0.5}))
    with Asker(ledger, LimitsConfig(), backoff=0.001) as asker:
        [outcome] = asker.ask(teach(server, orders=1), make_prompts(1))
    assert outcome.failure is not None and outcome.failure.kind == "bad_body"
    assert len(server.calls) == 2


async def test_several_addresses_share_the_work_and_one_that_fails_is_left_out(
    settings: Callable[..., SeniorConfig], serve: Serve, make_prompts: MakePrompts, wire: str, ledger: Ledger
) -> None:
    failing = serve(lambda call: Step({"error": "no"}, status=500))
    able = serve(lambda call: answering(wire, {"green": 0.7, "not_green": 0.3}))
    places = [{"base_url": failing.base_url}, {"base_url": able.base_url}]
    teacher = DecisionTeacher(settings(able, kind="decisions", wire=wire, orders=1, base_url=None, endpoints=places))
    with Asker(ledger, LimitsConfig(concurrency=3), backoff=0.001) as asker:
        outcomes = asker.ask(teacher, make_prompts(20))
    assert [outcome.failure for outcome in outcomes] == [None] * 20
    assert teacher.endpoints.all[0].out and any(failing.base_url in remark for remark in teacher.remarks)
    assert len(failing.calls) < 12


@pytest.mark.parametrize("status", [404, 405])
async def test_an_unknown_path_names_the_other_wire(
    serve: Serve, teach: Any, make_prompts: MakePrompts, wire: str, status: int
) -> None:
    server = serve(lambda call: Step({"detail": "Not Found"}, status=status))
    found = await failure(teach(server), make_prompts(1)[0])
    other = "decisions" if wire == "systemone" else "systemone"
    assert (found.kind, found.fatal, found.status) == ("not_found", True, status)
    assert f"teacher.wire: {other}" in found.fix and "Not Found" in found.why


async def test_a_reply_in_the_other_wires_shape_ends_the_run(
    serve: Serve, teach: Any, make_prompts: MakePrompts, wire: str
) -> None:
    other = "decisions" if wire == "systemone" else "systemone"
    server = serve(lambda call: answering(other, {"green": 1.0}))
    found = await failure(teach(server, orders=1), make_prompts(1)[0])
    assert (found.kind, found.fatal) == ("wrong_wire", True) and other in found.fix


async def test_too_many_options_name_the_key_and_the_number(serve: Serve, teach: Any, wire: str) -> None:
    found = await failure(teach(serve(Endpoint(most=16))), prompt_about(MANY))
    assert (found.fatal, found.fix) == (True, "Set teacher.max_options: 16.")
    assert "30" in found.what and found.status == 422


@pytest.mark.parametrize(
    "message",
    [
        "this model reads at most 26 options for a choice question, got 30",
        "Question 'q1': at most 26 choices",
        "Too many options: the maximum is 26.",
        "List should have at most 26 items; questions.0.choices",
        "a choice takes a maximum of 26 labels",
    ],
)
async def test_limits_in_other_words(serve: Serve, teach: Any, message: str) -> None:
    if message.startswith("List"):
        step = invalid((["questions", "0", "choices"], "List should have at most 26 items after validation, not 30"))
    else:
        step = Step({"detail": message}, status=400)
    assert (await failure(teach(serve(lambda call: step)), prompt_about(MANY))).fix == "Set teacher.max_options: 26."


async def test_too_many_questions_name_the_key(serve: Serve, teach: Any) -> None:
    found = await failure(teach(serve(Endpoint(most_questions=2)), orders=4), prompt_about(MANY))
    assert (found.fatal, found.fix) == (True, "Set teacher.max_questions: 2.")


async def test_a_number_about_something_else_is_no_limit(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    server = serve(lambda call: error(400, "A text that speaks of at most 99 options is not for us."))
    found = await failure(teach(server), make_prompts(1)[0])
    assert (found.kind, found.fatal) == ("bad_request", False)


@pytest.mark.parametrize(
    ("step", "kind", "fatal", "retryable"),
    [
        (Step({"detail": "max_tokens_exceeded"}, status=400), "too_long", False, False),
        (Step("max_tokens_exceeded", status=400), "too_long", False, False),
        (Step({"error": {"code": "max_tokens_exceeded"}}, status=400), "too_long", False, False),
        (Step({"detail": "too large"}, status=413), "too_long", False, False),
        (Step({"detail": "no key"}, status=403), "unauthorized", True, False),
        (Step({"detail": "wrong key"}, status=401), "unauthorized", True, False),
        (invalid((["state"], "Input should be an object")), "bad_request", False, False),
        (Step({"detail": "no strategy"}, status=501), "bad_request", True, False),
        (Step({"detail": "busy"}, status=529), "server_error", False, True),
        (Step("", status=503), "server_error", False, True),
    ],
)
async def test_statuses(
    serve: Serve, teach: Any, make_prompts: MakePrompts, step: Step, kind: str, fatal: bool, retryable: bool
) -> None:
    found = await failure(teach(serve(lambda call: step)), make_prompts(1)[0])
    assert (found.kind, found.fatal, found.retryable) == (kind, fatal, retryable)
    assert found.fix


async def test_a_pause_in_milliseconds_is_kept(serve: Serve, teach: Any, make_prompts: MakePrompts) -> None:
    found = await failure(teach(serve(lambda call: slow_down("retry-after-ms", "1500"))), make_prompts(1)[0])
    assert (found.kind, found.retry_after) == ("rate_limited", 1.5)


def test_a_server_that_counts_no_tokens_is_charged_the_estimate(
    serve: Serve, teach: Any, make_prompts: MakePrompts, ledger: Ledger
) -> None:
    teacher = teach(serve(Endpoint(tokens=False)), price_input=2.0)
    prompts = make_prompts(2)
    with Asker(ledger, LimitsConfig()) as asker:
        asker.ask(teacher, prompts)
    assert ledger.totals().cost == pytest.approx(sum(teacher.estimate(prompt) for prompt in prompts))
    assert ledger.totals().cost > 0


def test_the_estimate_grows_with_orders_and_rounds(settings: Callable[..., SeniorConfig]) -> None:
    def size(**more: object) -> tuple[int, int]:
        base = {"kind": "decisions", "model": "m", "base_url": "http://x/v1", "orders": 1}
        return DecisionTeacher(SeniorConfig.model_validate(base | more)).size(prompt_about(MANY))

    questions, tokens = size()
    assert questions == 1 and tokens > 200
    assert size(orders=3)[0] == 3 and size(orders=3)[1] == pytest.approx(3 * tokens, rel=0.02)
    assert size(max_options=8)[0] == 5 and size(max_options=8)[1] > tokens


def test_a_sample_is_another_order_or_no_request_of_its_own(
    teach: Callable[..., DecisionTeacher], serve: Serve
) -> None:
    teacher = teach(serve([]))

    def keys(prompt: Prompt, who: DecisionTeacher = teacher) -> list[str]:
        return [content_hash(who.payload(replace(prompt, sample=n))) for n in range(6)]

    usual, *others = keys(prompt_about({"warm": "Heat.", "cold": "Frost."}))
    assert usual not in others and len(set(others)) == 1, "two labels have two orders"
    assert len(set(keys(prompt_about(dict(list(MANY.items())[:8]))))) == 6
    yes_no = teach(serve([]), binary="yes_no")
    assert len(set(keys(prompt_about({"green": "", "not_green": ""}), yes_no))) == 1
    several = PromptWriter(MultiLabel("Which topics?", MANY))
    [about] = [several.label(Record("r", "A kettle."), Rung("brief"), Template(size=0), [])]
    assert len(set(keys(about))) == 1, "one question a label, always the same"
