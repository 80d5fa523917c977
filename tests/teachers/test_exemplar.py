"""The embedded teacher, on a deterministic embedder with vectors that can be checked by hand."""

import asyncio
import inspect
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.embedding import NgramEmbedder
from dualchecker.errors import RequestFailed
from dualchecker.prompts import Prompt, Shown
from dualchecker.records import Answer, Demonstration, Record, Reply
from dualchecker.tasks import Classification
from dualchecker.teachers import ExemplarTeacher, exemplar

MakePrompts = Callable[..., list[Prompt]]

LABELS = ("green", "not_green", "unclear")


class PlaneEmbedder:
    """A text ``"30"`` is the unit vector at 30 degrees: cosines are those of the angles between."""

    name = "plane"

    def fit(self, texts: Sequence[str]) -> None:
        return None

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        angles = np.radians([float(text.split("\n")[-1]) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def demo(name: str, angle: float, label: str, detail: str | None = None) -> Demonstration:
    return Demonstration(Record(name, str(angle), detail, label), label)


def prompt(angle: float, *demos: Demonstration, previous: tuple[Answer, ...] = (), long: bool = False) -> Prompt:
    shown = Shown(str(angle), LABELS, demos, previous=previous, long=long)
    messages = ({"role": "user", "content": f"{angle} {[(d.record.text, d.label) for d in demos]}"},)
    return Prompt("r0", "brief", messages, shown)


async def ask(of: Prompt, teacher: ExemplarTeacher | None = None) -> Reply:
    teacher = teacher or ExemplarTeacher(PlaneEmbedder())
    return await teacher.ask(of, teacher.payload(of))


DEMOS = (demo("a", 0, "green"), demo("b", 45, "not_green"), demo("c", 90, "unclear"))


def test_it_says_that_it_is_no_language_model() -> None:
    assert "no language model" in (inspect.getdoc(exemplar) or "").lower()


@pytest.mark.parametrize(("angle", "label"), [(5, "green"), (40, "not_green"), (80, "unclear"), (-60, "green")])
async def test_the_nearest_label_wins(angle: float, label: str) -> None:
    reply = await ask(prompt(angle, *DEMOS))
    body = json.loads(reply.text)
    assert body["label"] == label
    assert f"is {label};" in body["rationale"]


async def test_the_weights_are_those_of_the_docs() -> None:
    """A lead of 0.1 in cosine is worth about a factor of five; one pseudo-vote is spread over the labels."""
    reply = await ask(prompt(0, demo("a", 0, "green"), demo("b", np.degrees(np.arccos(0.9)), "not_green")))
    votes = np.array([1 + 1 / 6, np.exp(-0.1 / 0.06) + 1 / 6, 1 / 6])
    wanted = dict(zip(LABELS, votes / votes.sum(), strict=True))
    assert reply.label_probabilities == pytest.approx(wanted, rel=1e-5)
    assert json.loads(reply.text)["confidence"] == pytest.approx(wanted["green"], abs=1e-4)


@given(
    st.floats(-180, 180),
    st.lists(st.tuples(st.floats(-180, 180), st.sampled_from(LABELS)), min_size=1, max_size=8),
)
def test_confidence_is_a_probability_and_names_the_label(angle: float, demos: list[tuple[float, str]]) -> None:
    shown = [demo(f"d{i}", a, label) for i, (a, label) in enumerate(demos)]
    reply = asyncio.run(ask(prompt(angle, *shown)))
    parsed = Classification("?", dict.fromkeys(LABELS, "")).parse(reply.text)
    assert parsed.outcome == "ok" and parsed.stated is not None and 0 <= parsed.stated <= 1
    probabilities = reply.label_probabilities
    assert probabilities is not None and list(probabilities) == list(LABELS)
    assert sum(probabilities.values()) == pytest.approx(1)
    assert all(0 < p < 1 for p in probabilities.values()), "the pseudo-vote leaves every label a chance"
    assert probabilities[parsed.label or ""] == max(probabilities.values())
    assert parsed.stated == pytest.approx(probabilities[parsed.label or ""], abs=1e-4)


async def test_more_agreement_means_more_confidence() -> None:
    alone = await ask(prompt(0, demo("a", 10, "green")))
    together = await ask(prompt(0, demo("a", 10, "green"), demo("b", 12, "green")))
    divided = await ask(prompt(0, demo("a", 10, "green"), demo("b", 12, "not_green")))
    shares = [(reply.label_probabilities or {})["green"] for reply in (divided, alone, together)]
    assert shares == sorted(shares) and len(set(shares)) == 3


async def test_the_order_of_the_demonstrations_does_not_matter() -> None:
    """Not for the label, the shares (to the last digit), nor the reason; even with two that are equally near."""
    demos = [*DEMOS, demo("d", 45, "green"), demo("e", 45, "not_green"), demo("f", 13, "not_green")]
    for angle in (44, 45, 20):
        replies = [await ask(prompt(angle, *order)) for order in itertools.permutations(demos)]
        assert {reply.text for reply in replies} == {replies[0].text}
        assert all(reply.label_probabilities == replies[0].label_probabilities for reply in replies)


async def test_no_demonstrations_is_a_clear_end() -> None:
    with pytest.raises(RequestFailed, match=r"no demonstration.*align\.demonstrations") as caught:
        await ask(prompt(0))
    assert (caught.value.kind, caught.value.fatal, caught.value.retryable) == ("no_demonstrations", True, False)


async def test_the_long_forms_are_compared_where_they_are_shown() -> None:
    demos = (demo("a", 0, "green", detail="90"), demo("b", 90, "not_green", detail="0"))
    assert json.loads((await ask(prompt(0, *demos))).text)["label"] == "green"
    assert json.loads((await ask(prompt(0, *demos, long=True))).text)["label"] == "not_green"


async def test_its_earlier_answers_count_when_it_decides_between_them() -> None:
    demos = (demo("a", 20, "green"), demo("b", 25, "not_green"))
    sure = Answer("r0", "not_green", "ok", "wide", label_probabilities={"green": 0.05, "not_green": 0.95})
    mute = Answer("r0", None, "unparsed", "wide")
    alone, mixed, unheard = [await ask(prompt(0, *demos, previous=previous)) for previous in ((), (sure,), (mute,))]
    assert [json.loads(reply.text)["label"] for reply in (alone, mixed, unheard)] == ["green", "not_green", "green"]


def test_all_that_changes_an_answer_is_in_the_payload() -> None:
    teacher = ExemplarTeacher(PlaneEmbedder())
    base = prompt(0, *DEMOS)
    sure = Answer("r0", "green", "ok", "wide", label_probabilities={"green": 0.951, "not_green": 0.049})
    surer = replace(sure, label_probabilities={"green": 0.954, "not_green": 0.046})
    other = ExemplarTeacher(NgramEmbedder())
    payloads = [
        teacher.payload(base),
        other.payload(base),
        teacher.payload(prompt(1, *DEMOS)),
        teacher.payload(prompt(0, *DEMOS, previous=(sure,))),
        teacher.payload(prompt(0, *DEMOS, previous=(surer,))),  # the messages round both to 0.95
    ]
    assert len({json.dumps(payload, sort_keys=True) for payload in payloads}) == 5
    assert teacher.payload(base) == ExemplarTeacher(PlaneEmbedder()).payload(prompt(0, *DEMOS))


async def test_it_gives_a_reason_for_the_human_label(explain_prompt: Prompt, task: Classification) -> None:
    reply = await ask(explain_prompt, ExemplarTeacher(NgramEmbedder()))
    rationale = task.parse(reply.text).rationale
    assert "green" in rationale and "stove" in rationale and "wood" in rationale
    assert reply.label_probabilities is None
    wordless = replace(explain_prompt, shown=replace(explain_prompt.shown, text="12 + 7"))
    assert "none" in task.parse((await ask(wordless, ExemplarTeacher(NgramEmbedder()))).text).rationale


async def test_with_real_vectors_it_tells_two_fields_apart(make_prompts: MakePrompts, task: Classification) -> None:
    [prompt] = make_prompts(1)
    teacher = ExemplarTeacher(NgramEmbedder())
    for text, label in (
        ("A pump that halves the power needed to heat water.", "green"),
        ("A trumpet for children with a mouthpiece.", "not_green"),
    ):
        asked = replace(prompt, shown=replace(prompt.shown, text=text))
        assert task.parse((await ask(asked, teacher)).text).label == label


async def test_without_demonstrations_the_nearest_description_wins() -> None:
    class Meanings(PlaneEmbedder):
        def embed(self, texts: Sequence[str]) -> np.ndarray:
            return super().embed([text.rpartition(" ")[2] for text in texts])

    guide = dict(zip(LABELS, ("0", "45", "90"), strict=True))
    messages = ({"role": "user", "content": "which?"},)
    asked = Prompt("r0", "brief", messages, Shown("50", LABELS, by_guide=True, descriptions=tuple(guide.values())))
    reply = await ask(asked, ExemplarTeacher(Meanings()))
    body = json.loads(reply.text)
    assert body["label"] == "not_green" and "no labelled text was shown" in body["rationale"]
    assert sum((reply.label_probabilities or {}).values()) == pytest.approx(1)
    assert body["confidence"] == pytest.approx((reply.label_probabilities or {})["not_green"], abs=1e-4)


async def test_samples_come_from_resampled_demonstrations_and_the_usual_answer_stays() -> None:
    demos = [demo(f"d{i}", 10 * i, LABELS[i % 2]) for i in range(5)]
    usual = prompt(20, *demos)
    teacher = ExemplarTeacher(PlaneEmbedder())
    assert "sample" not in teacher.payload(usual), "the keys of earlier runs stay"
    samples = [replace(usual, sample=n) for n in range(1, 9)]
    assert len({json.dumps(teacher.payload(one)) for one in (usual, *samples)}) == 9
    first = [await ask(one) for one in samples]
    assert first == [await ask(one) for one in samples], "the same draw each time"
    assert len({reply.text for reply in first}) > 2
    assert {json.loads(reply.text)["label"] for reply in first} == {"green", "not_green"}
