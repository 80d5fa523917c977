"""Which of the choices that a question offers an answer means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.tasks.choices import find_choice, letter, match_choice

PLACES = ("park", "coloring book", "garden center", "math problem", "gravity")


def test_letters() -> None:
    assert [letter(place) for place in (0, 1, 25, 26, 27, 701, 702)] == ["a", "b", "z", "aa", "ab", "zz", "aaa"]


@pytest.mark.parametrize(
    ("said", "choices", "choice", "remark"),
    [
        ("math problem", PLACES, "math problem", ""), ("Math\u00a0Problem.", PLACES, "math problem", ""),
        ("**math-problem**", PLACES, "math problem", ""), ("(d)", PLACES, "math problem", ""),
        ("d.", PLACES, "math problem", ""),
        ("D", PLACES, "math problem", ""), ("choice d", PLACES, "math problem", ""),
        ("Option (D)", PLACES, "math problem", ""),
        ("D) math problem", PLACES, "math problem", ""), ("(d) math problem", PLACES, "math problem", ""),
        ("d. math problem.", PLACES, "math problem", ""), ("D - math problem", PLACES, "math problem", ""),
        ("(d) math problems", PLACES, "math problem", "choice_by_letter"),
        ("(d), as nothing falls", PLACES, "math problem", "choice_by_letter"),
        ("a math problem", PLACES, "math problem", "choice_in_words"),
        ("I take (d)", PLACES, "math problem", "choice_in_words"),
        ("A park", PLACES, "park", "choice_in_words"),
        ("(d) gravity", PLACES, None, "choice_contradictory"),
        ("(d) the gravity", PLACES, None, "choice_contradictory"),
        ("park or gravity", PLACES, None, "choices_several"),
        ("either (a) park or (e) gravity", PLACES, None, "choices_several"),
        ("(a) or (e)", PLACES, None, "choices_several"), ("not a park", PLACES, None, "choice_missing"),
        ("(z)", PLACES, None, "choice_missing"), ("parking", PLACES, None, "choice_missing"),
        ("", PLACES, None, "choice_missing"),
        # A choice that is itself a letter or a number.
        ("b", ("b", "a"), "b", ""), ("(a)", ("b", "a"), "a", ""), ("(a) b", ("b", "a"), "b", ""),
        ("2", ("1", "2", "3"), "2", ""), (2, ("1", "2", "3"), "2", ""), ("(b)", ("1", "2"), "2", ""),
        ("a", ("x", "a"), "a", ""),
        ("-1", ("-1", "1"), "-1", ""), ("1", ("-1", "1"), "1", ""),
        ("(a) 1", ("-1", "1"), None, "choice_contradictory"),
        # The same words twice are one choice, under either letter.
        ("bridge", ("bus", "bridge", "bridge"), "bridge", ""),
        ("(b) bridge", ("bus", "bridge", "bridge"), "bridge", ""),
        ("(c) bridge", ("bus", "bridge", "bridge"), "bridge", ""), ("(c)", ("bus", "bridge", "bridge"), "bridge", ""),
        # Two that differ in case alone.
        ("US", ("US", "us"), "US", ""), ("Us", ("US", "us"), None, "choices_several"),
        # One within another, and one that becomes another with its letter.
        ("in the river bed", ("bed", "river bed"), "river bed", "choice_in_words"),
        ("(b) mail", ("email", "mail"), "mail", ""),
        ("(e) mail", ("paper", "press", "x", "email", "mail"), "mail", ""),
        ("vet's office", ("vets office", "x"), "vets office", ""),
        (True, ("true", "false"), "true", ""), ("答えは公園", ("公園", "学校"), "公園", "choice_in_words"),
        ("anything", (), None, "choice_missing"),
    ],
)  # fmt: skip
def test_which_choice(said: object, choices: tuple[str, ...], choice: str | None, remark: str) -> None:
    assert match_choice(said, choices) == (choice, remark)
    assert find_choice(said, choices) == choice


WORDS = st.lists(
    st.one_of(st.text(max_size=12), st.sampled_from(["a", "b", "1", "not", "the park", "park"])), max_size=6
)


@given(st.text(max_size=60), WORDS)
def test_what_is_found_is_a_choice(said: str, choices: list[str]) -> None:
    choice, remark = match_choice(said, choices)
    assert choice in choices if choice is not None else remark
    assert all(match_choice(one, choices)[0] == one for one in choices if one == one.strip())
