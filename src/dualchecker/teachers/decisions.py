"""A decision endpoint as teacher: a probability for every label, and no text."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from dualchecker.config import SeniorConfig
from dualchecker.errors import RequestFailed
from dualchecker.ledger import content_hash
from dualchecker.prompts import Prompt
from dualchecker.prompts.prompt import estimate_tokens
from dualchecker.records import Reply
from dualchecker.teachers.decision_questions import (
    Ballot,
    Group,
    Mixed,
    compose,
    instructions_of,
    mix,
    none_option,
    other_order,
    questions_by_label,
    state_of,
    yes_first,
)
from dualchecker.teachers.decision_wires import WIRES, Decision, Decisions, Option, Question, bad_body
from dualchecker.teachers.endpoints import Endpoint, Endpoints
from dualchecker.teachers.failures import read_error, read_failure
from dualchecker.teachers.prices import Price, Prices

_ORDERS_IN_DOUBT = 3
"""Orders that ``orders: auto`` asks for at the rungs above the first, where only texts in doubt arrive."""

_REPLY_TOKENS = 32
"""A question's share of a reply, at most: some servers count the numbers that they send."""

_OPTIONS = re.compile(
    r"at most (\d+)\W+(?:options|choices|labels)|(?:criteria|choices)\b.{0,60}?at most (\d+) items"
    r"|(?:maximum|limit) (?:of |is )?(\d+)\W+(?:options|choices|labels)"
    r"|(?:options|choices|labels)\b.{0,40}?(?:maximum|at most|limit|up to)\D{0,20}(\d+)",
    re.I | re.S,
)
_QUESTIONS = re.compile(r"questions\b.{0,60}?at most (\d+) items|(?:at most|maximum of|up to) (\d+) questions", re.I)


class DecisionTeacher:
    """A server with ``/v1/systemone`` or ``/v1/decisions``.

    The distribution is the signal; the server's ``confidence`` is kept in the reply and never read as a probability.
    Several orders of the options are several questions of one request, whose answers are averaged. More labels than
    ``max_options`` are decided as a tournament: further requests within one ask. Where several labels may apply to a
    text, each is a yes/no question of the same request.

    Args:
        config: Model, address, name of the key's environment variable, wire, orders, limits, prices.
        seed: Draws orders and groups, together with the text.
        concurrency: Connections to keep.
        price: What the model costs; by default as its section or the packaged table says.
    """

    rungs = frozenset({"brief", "detail", "wide", "senior"})

    def __init__(
        self, config: SeniorConfig, *, seed: int = 0, concurrency: int = 32, price: Price | None = None
    ) -> None:
        self._config, self._seed, self._price = config, seed, price or Prices.packaged().of(config)
        self._wire = WIRES[config.wire]
        whole = tuple(wire.path for wire in WIRES.values())
        self._endpoints = Endpoints(config, self._wire.path, whole=whole, concurrency=concurrency)
        self._arrived: dict[str, dict[str, Decisions]] = {}

    @property
    def remarks(self) -> list[str]:
        """Which addresses were left out, as it was found."""
        return self._endpoints.remarks

    @property
    def endpoints(self) -> Endpoints:
        """The addresses, and how they have been doing."""
        return self._endpoints

    @property
    def name(self) -> str:
        return self._config.model or "decisions"

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        """What is asked. Options are lists: the order of a map's keys would not enter the request's key.

        A sample that asks the very same questions is the same request: an endpoint does not draw its answers.
        """
        config, ballot = self._config, self._ballot(prompt)
        groups = ballot.round(ballot.labels)
        first = questions_by_label(prompt.shown) if prompt.shown.multiple else _all(groups)
        body: dict[str, Any] = {
            "wire": config.wire,
            "model": config.model,
            "state": state_of(prompt.shown),
            "questions": [
                {"kind": q.kind, "instructions": q.instructions, "options": [list(option) for option in q.options]}
                for q in first
            ],
        }
        if config.extra:
            body["extra"] = dict(config.extra)
        if len(groups) > 1 and not prompt.shown.multiple:  # the later rounds depend on these as well
            body["tournament"] = {"max_options": config.max_options, "orders": ballot.orders, "seed": ballot.seed}
        return body

    def size(self, prompt: Prompt) -> tuple[int, int]:
        """Number of questions, and their estimated input tokens if each counts the state anew, as some servers do."""
        questions = questions_by_label(prompt.shown) if prompt.shown.multiple else self._ballot(prompt).likely()
        state = estimate_tokens(json.dumps(state_of(prompt.shown), ensure_ascii=False))
        told = sum(estimate_tokens(json.dumps(asdict(question), ensure_ascii=False)) for question in questions)
        return len(questions), len(questions) * state + told

    def estimate(self, prompt: Prompt) -> float:
        questions, tokens = self.size(prompt)
        return self._price.cost(tokens, 0, questions * _REPLY_TOKENS)

    def cost(self, reply: Reply) -> float:
        return self._price.cost(reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens)

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        return await self._endpoints.use(lambda endpoint: self._ask_at(endpoint, prompt, payload))

    async def _ask_at(self, endpoint: Endpoint, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        key = content_hash(payload)
        # What has come back before a later request failed is paid for: it is not asked again.
        arrived = self._arrived.pop(key, {})
        try:
            if prompt.shown.multiple:
                questions = questions_by_label(prompt.shown)
                decisions = await self._decide(endpoint, payload, questions, arrived)
                reply = _reply_by_label(decisions, prompt.shown.labels)
            else:
                ballot = self._ballot(prompt)
                reply = _reply(await self._elect(endpoint, payload, ballot, arrived), ballot)
        except RequestFailed:
            if kept := {body: part for body, part in arrived.items() if part.readable}:
                self._arrived[key] = kept
            raise
        parts = list(arrived.values())
        tokens = sum(part.prompt_tokens for part in parts), sum(part.completion_tokens for part in parts)
        if reply.finish == "refusal":  # no answer, but paid for
            raise RequestFailed(
                "The teacher declines to answer about this text.", kind="refused", status=200, tokens=tokens
            )
        return replace(reply, prompt_tokens=tokens[0], completion_tokens=tokens[1], model=parts[-1].model)

    async def _elect(
        self, endpoint: Endpoint, payload: Mapping[str, Any], ballot: Ballot, arrived: dict[str, Decisions]
    ) -> list[list[Mixed]]:
        """Rounds of groups, until one group is left or a group brings nothing."""
        labels: Sequence[Option] = ballot.labels
        rounds: list[list[Mixed]] = []
        while True:
            groups = ballot.round(labels)
            answers = iter(await self._decide(endpoint, payload, _all(groups), arrived))
            rounds.append([mix([next(answers) for _ in group.questions], group.options) for group in groups])
            if len(groups) == 1 or any(group.verdict != "ok" for group in rounds[-1]):
                return rounds
            labels = ballot.winners(labels, [group.probabilities for group in rounds[-1]])

    async def aclose(self) -> None:
        await self._endpoints.aclose()

    def _ballot(self, prompt: Prompt) -> Ballot:
        config, shown = self._config, prompt.shown
        labels = shown.described
        yes_no = config.binary == "yes_no" and len(labels) == 2
        seed = f"{self._seed}/{content_hash(shown.text)}"
        if prompt.sample:  # its way of answering anew: the options in another order
            seed = f"{seed}/{prompt.sample}"
            labels = other_order(labels, seed)
        orders = config.orders if config.orders != "auto" else 1 if prompt.rung == "brief" else _ORDERS_IN_DOUBT
        return Ballot(
            kind="yes_no" if yes_no else "choice",
            instructions=instructions_of(shown),
            labels=yes_first(labels) if yes_no else labels,
            none=none_option(shown.labels) if config.none_of_these else None,
            orders=orders,
            most=config.max_options,
            seed=seed,
        )

    async def _decide(
        self,
        endpoint: Endpoint,
        payload: Mapping[str, Any],
        questions: Sequence[Question],
        arrived: dict[str, Decisions],
    ) -> list[Decision]:
        """The answers to all questions, in as many requests as it takes; each is noted in ``arrived``."""
        most, decisions = self._config.max_questions, list[Decision]()
        for start in range(0, len(questions), most):
            part = questions[start : start + most]
            body = self._wire.body(payload["model"], payload["state"], part) | payload.get("extra", {})
            key = json.dumps(body)
            if key not in arrived:
                arrived[key] = await self._post(endpoint, body, part)
            decisions += arrived[key].decisions
        return decisions

    async def _post(self, endpoint: Endpoint, body: Mapping[str, Any], questions: Sequence[Question]) -> Decisions:
        status, headers, text = await endpoint.connection.post(body)
        if status != 200:
            raise self._failure(endpoint, status, headers, text, questions)
        reply = self._wire.read(text, questions)
        if all(decision.verdict == "unreadable" for decision in reply.decisions):
            raise bad_body("It gives no probabilities of the options that can be used.")
        return reply

    def _failure(
        self, endpoint: Endpoint, status: int, headers: Mapping[str, str], text: str, questions: Sequence[Question]
    ) -> RequestFailed:
        """What a status other than 200 means: what is particular to decisions, or what it means everywhere."""
        config, address = self._config, endpoint.connection.address
        message = read_error(text).message
        why = f"HTTP {status}: {message}"
        if status in (404, 405):
            return RequestFailed(
                f"The teacher at {address} knows no model {config.model!r}, or no decisions on the wire {config.wire}.",
                kind="not_found",
                why=why,
                status=status,
                fatal=True,
                fix=f"Check teacher.model and teacher.base_url (it usually ends in /v1); if the server has "
                f"{WIRES[self._wire.other].path}, set teacher.wire: {self._wire.other}.",
            )
        if status == 501:
            return RequestFailed(
                f"The teacher's server makes no decisions with the model {config.model!r}.",
                kind="bad_request",
                why=why,
                status=status,
                fatal=True,
                fix="Choose a model that it makes decisions with, or set teacher.kind: openai.",
            )
        if status in (400, 413, 422):
            limits = (
                (_OPTIONS, max(len(question.options) for question in questions), "options", "max_options"),
                (_QUESTIONS, len(questions), "questions", "max_questions"),
            )
            for pattern, sent, things, name in limits:
                most = _limit(pattern, message)
                if most is not None and most < sent:  # else the number is about something else
                    return RequestFailed(
                        f"The teacher's server takes at most {most} {things}; it was sent {sent}.",
                        kind="bad_request",
                        why=why,
                        status=status,
                        fatal=True,
                        fix=f"Set teacher.{name}: {most}.",
                    )
        failure = read_failure(
            status,
            headers,
            text,
            address=address,
            model=config.model,
            key_env=endpoint.key_env,
            answered=bool(endpoint.answered),
        )
        if failure.kind != "bad_request":
            return failure
        return RequestFailed(
            failure.what,
            kind=failure.kind,
            why=why,
            status=status,
            fix="Check teacher.model, teacher.extra, teacher.max_options and the label names against what it takes.",
        )


def _all(groups: Sequence[Group]) -> list[Question]:
    return [question for group in groups for question in group.questions]


def _limit(pattern: re.Pattern[str], message: str) -> int | None:
    found = pattern.search(message)
    return next((int(number) for number in found.groups() if number), None) if found else None


def _reply(rounds: Sequence[Sequence[Mixed]], ballot: Ballot) -> Reply:
    """The outcome of all rounds; what could not be decided has a name and no label.

    Raises:
        RequestFailed: A question that all depends on has no readable answer (``bad_body``).
    """
    verdicts = {group.verdict for group in rounds[-1]}
    if "refused" in verdicts:
        return Reply("", finish="refusal")
    if "unreadable" in verdicts:
        raise bad_body("It gives no probabilities of the options that can be used.")
    if "unanswered" in verdicts:
        return Reply("", finish="unanswered")
    [final] = rounds[-1]
    none = ballot.none[0] if ballot.none else ""
    # Only the last round may say that none fits: a group may well lack the label.
    mass = final.probabilities.get(none, 0.0)
    shares = compose([[_without(none, group.probabilities) for group in groups] for groups in rounds])
    labels = {name: shares[name] for name in sorted(shares, key=[name for name, _ in ballot.labels].index)}
    groups = [group for groups in rounds for group in groups]
    spreads = [group.spread for group in groups if group.spread is not None]
    body: dict[str, Any] = {"label": None if final.chosen == none else final.chosen}
    if final.confidence is not None:
        body["server_confidence"] = round(final.confidence, 4)
    if ballot.none:
        body["none_of_these"] = round(mass, 4)
    return Reply(
        json.dumps(body, ensure_ascii=False),
        label_probabilities=labels or None,
        finish="none_of_these" if ballot.none and final.chosen == none else "stop",
        outside_mass=1 - (1 - final.outside_mass) * (1 - mass),
        order_spread=math.fsum(spreads) / len(spreads) if spreads else None,
        notes=tuple(sorted({note for group in groups for note in group.notes})),
    )


def _reply_by_label(decisions: Sequence[Decision], labels: Sequence[str]) -> Reply:
    """Whether each label applies; one that was not decided is null, has no probability, and is noted."""
    by_label = dict(zip(labels, decisions, strict=True))
    chances = {label: one.probabilities[label] for label, one in by_label.items() if one.verdict == "ok"}
    if not chances:
        return Reply("", finish="refusal" if any(one.verdict == "refused" for one in decisions) else "unanswered")
    applies = {label: ("yes" if chances[label] >= 0.5 else "no") if label in chances else None for label in labels}
    return Reply(
        json.dumps({"labels": applies}, ensure_ascii=False),
        label_probabilities=chances,
        notes=("labels_undecided",) if len(chances) < len(labels) else (),
    )


def _without(none: str, probabilities: Mapping[str, float]) -> dict[str, float]:
    """The distribution over labels alone; empty where all lay on the option that no label fits."""
    left = {name: share for name, share in probabilities.items() if name != none or not none}
    total = math.fsum(left.values())
    return {name: share / total for name, share in left.items()} if total else {}
