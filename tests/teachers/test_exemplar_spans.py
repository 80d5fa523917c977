"""The embedded teacher on spans: what it carries over, in scripts with and without blanks, and what it admits."""

import asyncio
import inspect
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.embedding import CachedEmbedder, NgramEmbedder
from dualchecker.embedding.transformer import TransformerEmbedder
from dualchecker.errors import RequestFailed
from dualchecker.prompts import Prompt, PromptWriter, Rung, Shown
from dualchecker.records import Answer, Demonstration, Found, Record, Span
from dualchecker.tasks import Extraction
from dualchecker.teachers import ExemplarTeacher, exemplar_spans
from dualchecker.teachers.word_likeness import words_of

TASK = Extraction("What leads to what?", {"cause": "What brings it about.", "effect": "What comes of it."})


def marked(name: str, text: str, *quotes: tuple[str, str]) -> Demonstration:
    """A demonstration whose spans are given by label and quote."""
    spans = tuple(sorted(Span(text.index(q), text.index(q) + len(q), label) for label, q in quotes))
    record = Record(name, text, spans=spans, label=TASK.write(text, spans))
    return Demonstration(record, record.label or "")


ENGLISH = (
    marked(
        "a",
        "The pump stopped because the filter was full.",
        ("effect", "The pump stopped"),
        ("cause", "the filter was full"),
    ),
    marked("b", "The train was late because a tree fell.", ("effect", "The train was late"), ("cause", "a tree fell")),
    marked("c", "Nothing happened at the mill today."),
)
JAPANESE = (
    marked(
        "a", "羽根を薄くすることにより、騒音が下がる。", ("cause", "羽根を薄くすること"), ("effect", "騒音が下がる")
    ),
    marked("b", "熱を戻すことにより、燃料が減る。", ("cause", "熱を戻すこと"), ("effect", "燃料が減る")),
)


def prompt(text: str, *demos: Demonstration, **more: Any) -> Prompt:
    shown = Shown(text, TASK.names, demos, spans=True, **more)
    messages = ({"role": "user", "content": f"{text} {[(d.record.text, d.label) for d in demos]}"},)
    return Prompt("r0", "brief", messages, shown)


def said(of: Prompt, embedder: Any = None) -> dict[str, Any]:
    teacher = ExemplarTeacher(embedder or NgramEmbedder(features=2**12))
    reply = asyncio.run(teacher.ask(of, teacher.payload(of)))
    assert reply.label_probabilities is None
    body = json.loads(reply.text)
    assert isinstance(body, dict)
    return body


def quotes(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(span["label"], span["quote"]) for span in body["spans"]]


def test_it_says_that_it_is_no_language_model() -> None:
    assert "no language model" in (inspect.getdoc(exemplar_spans) or "").lower()
    assert "Not a language model" in said(prompt("The lamp went out because a wire broke.", *ENGLISH))["rationale"]


def test_spans_are_carried_over_to_a_text_with_the_same_turn_of_phrase() -> None:
    body = said(prompt("The lamp went out because a wire broke.", *ENGLISH))
    assert quotes(body) == [("effect", "The lamp went out"), ("cause", "a wire broke")]
    assert all(0 < span["confidence"] < 1 for span in body["spans"])


def test_it_works_where_words_have_no_blanks_between_them() -> None:
    body = said(prompt("蓋を閉めることにより、湯が冷めない。", *JAPANESE))
    assert quotes(body) == [("cause", "蓋を閉めること"), ("effect", "湯が冷めない")]


def test_words_of_many_scripts_have_offsets_that_fit() -> None:
    text = "Ünï’s co-op: 太陽光パネルの発電量 é مرحبا 👍🏽 ok\r\nเย็น"
    found = [text[start:end] for start, end in words_of(text)]
    assert {"Ünï’s", "co-op", ":", "太陽光", "パネル", "の", "発電量", "مرحبا"} <= set(found)
    assert "".join(found) == "".join(text.split()), "nothing but blanks is left out"


def test_where_no_similar_text_has_a_span_there_is_none() -> None:
    empty = marked("d", "Nothing much was said at the mill."), marked("e", "Nothing happened at the mall.")
    assert said(prompt("Nothing happened at the mill.", ENGLISH[2], *empty, ENGLISH[0]))["spans"] == []
    assert said(prompt("  ", *ENGLISH))["spans"] == []


def test_a_label_in_focus_is_answered_if_any_demonstration_has_it() -> None:
    demos = (marked("d", "Nothing happened at the mall."), ENGLISH[2], ENGLISH[0])
    text = "Nothing happened at the mill because it rained."
    assert quotes(said(prompt(text, *demos))) == []
    [(label, quote)] = quotes(said(prompt(text, *demos, focus=(("cause", "None was found."),))))
    assert label == "cause" and quote in text


def test_its_earlier_answers_count() -> None:
    text = "The lamp went out because a wire broke."
    start = text.index("lamp")
    found = Found(Span(start, start + len("lamp went out"), "effect"), 0.95)
    before = Answer("r0", "[]", "ok", "brief", spans=(found,))
    mute = Answer("r0", None, "unparsed", "brief")
    assert quotes(said(prompt(text, *ENGLISH, previous=(mute,)))) == quotes(said(prompt(text, *ENGLISH)))
    assert quotes(said(prompt(text, *ENGLISH, previous=(before, before))))[0] == ("effect", "lamp went out")


def test_the_order_of_the_demonstrations_does_not_matter() -> None:
    text = "The lamp went out because a wire broke."
    assert len({json.dumps(said(prompt(text, *order))) for order in itertools.permutations(ENGLISH)}) == 1


def test_samples_differ_and_each_stays_what_it_is() -> None:
    usual = prompt("The lamp at the mill went out because a wire broke.", *ENGLISH)
    samples = [said(replace(usual, sample=n)) for n in range(1, 9)]
    assert samples == [said(replace(usual, sample=n)) for n in range(1, 9)]
    assert len({json.dumps(one) for one in samples}) > 2


def test_all_that_changes_an_answer_is_in_the_payload() -> None:
    teacher = ExemplarTeacher(NgramEmbedder(features=2**12))
    base = prompt("A wire broke, and a wire glowed.", *ENGLISH)
    twice = marked("d", "It fell, and it broke.", ("cause", "it"))
    other = replace(twice, record=replace(twice.record, spans=(Span(0, 2, "cause"),)))  # the same quote elsewhere
    sure, surer = (Answer("r0", "[]", "ok", "wide", spans=(Found(Span(0, 6, "cause"), p),)) for p in (0.951, 0.954))
    asked = [
        base,
        prompt("A wire broke.", *ENGLISH),
        replace(base, shown=replace(base.shown, demonstrations=(twice,))),
        replace(base, shown=replace(base.shown, demonstrations=(other,))),
        replace(base, shown=replace(base.shown, previous=(sure,))),
        replace(base, shown=replace(base.shown, previous=(surer,))),
        replace(base, shown=replace(base.shown, focus=(("cause", "Why?"),))),
        replace(base, sample=1),
    ]
    payloads = [json.dumps(teacher.payload(one), sort_keys=True) for one in asked]
    assert len(set(payloads)) == len(asked)


def test_token_vectors_are_used_where_the_embedder_has_them_and_made_once_a_text(
    monkeypatch: pytest.MonkeyPatch, tiny_bert: str
) -> None:
    asked_for = []

    def capitals(embedder: object, texts: Sequence[str], depth: float) -> list[Any]:
        """Of every letter whether it is a capital, and nothing else."""
        [text] = texts
        asked_for.append(text)
        places = [(i, i + 1) for i, letter in enumerate(text) if not letter.isspace()]
        rows = [[float(text[i].isupper()), 1 - float(text[i].isupper())] for i, _ in places]
        return [(places, np.array(rows, dtype=np.float32).reshape(-1, 2))]

    monkeypatch.setattr(exemplar_spans, "token_vectors", capitals)
    demos = (marked("a", "one TWO three", ("cause", "TWO")), marked("b", "four five SIX seven", ("cause", "SIX")))
    teacher = ExemplarTeacher(CachedEmbedder(TransformerEmbedder(tiny_bert)))
    asked = prompt("eight nine TEN eleven", *demos)
    for _ in range(2):
        body = json.loads(asyncio.run(teacher.ask(asked, teacher.payload(asked))).text)
        assert quotes(body) == [("cause", "TEN")]
    assert len(asked_for) == 3


def test_with_a_transformer_any_text_gets_an_answer(tiny_bert: str) -> None:
    embedder = TransformerEmbedder(tiny_bert, max_length=16)
    for text in ("the cat " * 40, "水が出る。\r\n👍", "a"):
        parsed = TASK.parse(json.dumps(said(prompt(text, *ENGLISH, *JAPANESE), embedder)), text)
        assert parsed.outcome == "ok" and not parsed.hallucinated


def test_without_demonstrations_clauses_are_compared_with_the_descriptions() -> None:
    guide = ("a broken wire", "the lamp went out")
    text = "Yesterday, the old lamp went out; the wire was broken, they said."
    body = said(prompt(text, by_guide=True, descriptions=guide))
    assert sorted(quotes(body)) == [("cause", "the wire was broken"), ("effect", "the old lamp went out")]
    assert "no labelled text was shown" in body["rationale"]
    assert said(prompt("...", by_guide=True, descriptions=guide))["spans"] == []
    with pytest.raises(RequestFailed, match=r"align\.demonstrations"):
        said(prompt(text))


def test_it_gives_a_reason_for_human_spans() -> None:
    record = ENGLISH[0].record
    body = said(PromptWriter(TASK).explain(record, record.label or ""))
    assert 'the cause stands behind "stopped because" and before "."' in body["rationale"]
    assert "the effect stands at the beginning" in body["rationale"]
    nothing = said(PromptWriter(TASK).explain(ENGLISH[2].record, "[]"))["rationale"]
    assert nothing == "As people marked it, there is no cause; there is no effect."


def test_prompts_as_they_are_written_are_answered() -> None:
    writer, record = PromptWriter(TASK), Record("r", "The lamp went out because a wire broke.", "A long story.")
    for rung in (Rung("brief"), Rung("detail", long=True), Rung("wide", full_guide=True)):
        asked = writer.label(record, rung, _template(), ENGLISH)
        assert asked.shown.spans and asked.shown.text == record.text
        parsed = TASK.parse(json.dumps(said(asked)), record.text)
        assert parsed.outcome == "ok" and not parsed.hallucinated and len(parsed.spans) == 2


def _template() -> Any:
    from dualchecker.prompts import Template

    return Template(size=len(ENGLISH))


_texts = st.text(st.sampled_from("ab because. 水を、Ｘ\u0301👍\r\nעא"), max_size=40) | st.text(max_size=30)


@given(
    _texts,
    st.lists(
        st.tuples(_texts, st.integers(0, 40), st.integers(1, 9), st.sampled_from(TASK.names)), min_size=1, max_size=5
    ),
)
def test_every_quote_is_in_the_text(text: str, shown: Sequence[tuple[str, int, int, str]]) -> None:
    demos = []
    for number, (told, start, length, label) in enumerate(shown):
        spans = (Span(start, min(start + length, len(told)), label),) if start < len(told) else ()
        demos.append(Demonstration(Record(f"d{number}", told, spans=spans), TASK.write(told, spans)))
    body = said(prompt(text, *demos, focus=(("cause", "Why?"),)))
    parsed = TASK.parse(json.dumps(body), text)
    assert parsed.outcome == "ok" and not parsed.hallucinated
    assert all(span["quote"] in text and 0 <= span["confidence"] <= 1 for span in body["spans"])
