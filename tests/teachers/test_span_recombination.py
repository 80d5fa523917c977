"""The embedded teacher's way to write texts with spans: no span is cut, and nothing is marked that is not there."""

import random

from hypothesis import given
from hypothesis import strategies as st

from dualchecker.embedding import NgramEmbedder
from dualchecker.prompts import Case, ask_for_texts, read_texts
from dualchecker.records import Demonstration, Record, Span
from dualchecker.tasks import Extraction
from dualchecker.teachers import ExemplarTeacher
from dualchecker.teachers.span_recombination import recombine_spans

TASK = Extraction("What leads to what?", {"cause": "", "effect": ""})


def marked(name: str, text: str, **quotes: str) -> Demonstration:
    spans = tuple(sorted(Span(text.index(q), text.index(q) + len(q), label) for label, q in quotes.items()))
    return Demonstration(Record(name, text, spans=spans, label=TASK.write(text, spans)), TASK.write(text, spans))


SHOWN = (
    marked("a", "The river rose, so the bridge was shut.", cause="The river rose", effect="the bridge was shut"),
    marked("b", "A fuse blew, so the hall went dark.", cause="A fuse blew", effect="the hall went dark"),
    marked("c", "All in all, a day, like any other."),
)


def test_a_text_has_the_beginning_of_one_and_the_end_of_another_with_their_spans() -> None:
    body = recombine_spans(SHOWN[0], SHOWN, random.Random(1))
    assert body["text"] == "The river rose, so the hall went dark."
    assert [(s["label"], s["quote"]) for s in body["spans"]] == [
        ("cause", "The river rose"),
        ("effect", "the hall went dark"),
    ]


def test_scripts_without_blanks_get_none() -> None:
    shown = (
        marked("a", "雨が降り、橋が閉じた。", cause="雨が降り", effect="橋が閉じた"),
        marked("b", "線が切れ、灯が消えた。", cause="線が切れ", effect="灯が消えた"),
    )
    assert recombine_spans(shown[0], shown, random.Random(1))["text"] == "雨が降り、灯が消えた。"


async def test_what_it_writes_can_be_read() -> None:
    teacher = ExemplarTeacher(NgramEmbedder(features=2**12))
    cases = [Case(demo.record, "[]", hard=demo.record.id == "a") for demo in SHOWN]
    texts = set()
    for number in range(6):
        prompt = ask_for_texts(TASK, cases, f"generated-{number}")
        reply = await teacher.ask(prompt, teacher.payload(prompt))
        for written in read_texts(TASK, reply.text, {demo.record.text for demo in SHOWN}):
            assert written.outcome == "ok"
            assert written.level == "easier" or written.text.startswith("The river rose")
            texts.add(written.text)
    assert len(texts) > 1


_pieces = st.lists(
    st.sampled_from(["rain fell, ", "it broke; ", "水が出た、", "灯が消えた。", "end. "]), min_size=1, max_size=5
)


@given(_pieces, _pieces, st.integers(0, 30), st.integers(1, 20), st.integers(0, 30), st.integers(1, 20), st.integers())
def test_spans_stay_whole(
    left: list[str], right: list[str], start: int, length: int, other: int, long: int, seed: int
) -> None:
    demos = []
    for name, pieces, at, size in (("a", left, start, length), ("b", right, other, long)):
        text = "".join(pieces).strip()
        spans = (Span(at, min(at + size, len(text)), "cause"),) if at < len(text) else ()
        demos.append(Demonstration(Record(name, text, spans=spans), ""))
    whole = {d.record.text[s.start : s.end] for d in demos for s in d.record.spans or ()}
    body = recombine_spans(demos[0], demos, random.Random(seed))
    for span in body["spans"]:
        assert span["quote"] in whole
        assert body["text"][span["start"] :].startswith(span["quote"])
