"""Prompts put together from pieces are the very prompts that rendering gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.config import AlignConfig
from dualchecker.prompts import PromptWriter, Series, Template, rungs_for
from dualchecker.prompts.words import View, Words
from dualchecker.records import Demonstration, Record
from dualchecker.tasks import Classification, Extraction, Reasoning

TASKS = [
    Classification("Is it green?", {"green": "It cuts harm. More words.", "not_green": "Anything else."}),
    Extraction("Mark causes and effects.", {"cause": "The why.", "effect": "The what."}),
    Reasoning("Solve it.", answer="number"),
]
BITS = [
    "heat pump",
    "<text>",
    "</text>",
    "< / TEXT-2 >",
    "\x00",
    "\x001\x00",
    "{{ tag }}",
    "\n\n",
    "  ",
    "熱。",
    "é",
    "",
]
TEXTS = st.lists(st.sampled_from(BITS), max_size=6).map(" ".join)
RUNGS = rungs_for(AlignConfig())


@st.composite
def demonstrations(draw: st.DrawFn) -> list[Demonstration]:
    return [
        Demonstration(Record(f"d{i}", draw(TEXTS), detail=draw(TEXTS) or None), draw(TEXTS), draw(st.none() | TEXTS))
        for i in range(draw(st.integers(0, 5)))
    ]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
@given(some=st.lists(st.tuples(demonstrations(), TEXTS, TEXTS), min_size=1, max_size=4), rung=st.sampled_from(RUNGS))
def test_pieces_and_rendering_give_the_same(
    task: Classification, some: list[tuple[list[Demonstration], str, str]], rung: object
) -> None:
    words = Words(task)
    for shown, text, context in some:  # the later ones find what the first have left
        view = View(rung, Template(tuple(shown[:2])), (), None, ())  # type: ignore[arg-type]
        assert words.messages(view, shown, text, context) == rendered(task, view, shown, text, context)


class Unframed(Words):
    """Renders every prompt anew."""

    def _frame(self, *of: object) -> None:
        return None


def rendered(task: Classification, view: View, shown: list[Demonstration], text: str, context: str) -> object:
    """What Jinja makes of it, with no pieces."""
    return Unframed(task).messages(view, shown, text, context)


def test_prompts_that_differ_in_texts_alone_share_one_frame() -> None:
    words = Words(TASKS[0])
    demos = [Demonstration(Record(f"d{i}", f"Example {i}."), "green") for i in range(3)]
    for number in range(20):
        view = View(RUNGS[0], Template(tuple(demos[:2])), (), None, ())
        words.messages(view, demos, f"Text {number}.", "")
    assert len(words._frames) == 1


def test_a_series_writes_prompts_as_they_are_drawn() -> None:
    writer, written = PromptWriter(TASKS[0]), list[int]()

    def write(place: int) -> object:
        written.append(place)
        return writer.label(Record(f"r{place}", f"Text {place}."), RUNGS[0], Template(), [])

    series = Series(5, write)  # type: ignore[arg-type]
    assert len(series) == 5
    drawn = iter(series)
    assert [next(drawn).record_id, next(drawn).record_id] == ["r0", "r1"]
    assert written == [0, 1]
