"""The template: immutable, never larger than it was."""

from dataclasses import FrozenInstanceError

import pytest
import yaml

from dualchecker.prompts import Template
from dualchecker.records import Demonstration, Record


def demo(name: str, text: str = "", why: str | None = None) -> Demonstration:
    return Demonstration(Record(name, text or f"text {name}", label="x"), "x", why)


START = Template((demo("a"), demo("b"), demo("c")), size=5)


def ids(template: Template) -> list[str]:
    return [d.record.id for d in template.fixed]


@pytest.mark.parametrize(
    ("borderline", "expected"),
    [
        ("", "abc"), ("x", "xab"), ("xy", "xya"), ("xyz", "xyz"), ("vwxyz", "vwx"), ("b", "bac"), ("cx", "cxa"),
    ],
)  # fmt: skip
def test_borderline_cases_come_first_and_the_size_stays(borderline: str, expected: str) -> None:
    refined = START.refined([demo(name) for name in borderline])
    assert "".join(ids(refined)) == expected
    assert refined.size == START.size
    assert refined.version == START.version + 1
    assert ids(START) == ["a", "b", "c"]


def test_a_refined_demonstration_brings_its_new_reason() -> None:
    assert START.refined([demo("b", why="new")]).fixed[0].rationale == "new"


def test_identity_is_what_is_shown() -> None:
    assert START.refined([]).identity == START.identity == ("a", "b", "c")
    assert START.refined([demo("b")]).identity != START.identity


def test_a_template_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        START.size = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "near", "extra", "expected"),
    [
        ("q", "xyz", 0, "abcyx"), ("q", "xyz", 1, "abczyx"), ("q", "", 0, "abc"), ("q", "axx", 0, "abcx"),
        ("text a", "xyz", 0, "bczyx"), ("TEXT  X!", "xyz", 0, "abczy"),
    ],
)  # fmt: skip
def test_fixed_ones_first_then_the_nearest_last(text: str, near: str, extra: int, expected: str) -> None:
    found = START.demonstrations(text, [demo(name) for name in near], extra)
    assert "".join(d.record.id for d in found) == expected


def test_more_fixed_ones_than_places() -> None:
    small = Template(START.fixed, size=2)
    assert [d.record.id for d in small.demonstrations("q", [demo("x")])] == ["a", "b"]


def test_reasons_are_added_by_id() -> None:
    explained = START.explained({"a": "why a", "z": "no such"})
    assert [d.rationale for d in explained.fixed] == ["why a", None, None]


def test_the_history_grows_and_the_file_holds_everything() -> None:
    template = START.explained({"a": "why"}).noted(version=1, kept=True).noted(version=2, kept=False)
    loaded = yaml.safe_load(yaml.safe_dump(template.to_dict()))
    assert loaded["history"] == [{"version": 1, "kept": True}, {"version": 2, "kept": False}]
    assert loaded["fixed"][0] == {"id": "a", "label": "x", "rationale": "why", "text": "text a"}
    assert (loaded["version"], loaded["demonstrations_per_prompt"]) == (0, 5)
