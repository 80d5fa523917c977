"""Keys made the quick way are the keys that every other way gives."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dualchecker.jsontext import canonical_json
from dualchecker.ledger import Keys, request_key

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.0, 1.0, 0.7, 1e-7, 1e20]) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.lists(st.dictionaries(st.sampled_from(["role", "content"]), st.text(max_size=8)), max_size=3)
NAMES = st.sampled_from(["model", "a", "messages2", "z", "temperature", "seed"])


@given(st.lists(st.tuples(st.dictionaries(NAMES, VALUES, max_size=4), MESSAGES), min_size=1, max_size=6))
def test_they_are_those_of_request_key(bodies: list[tuple[dict[str, Any], list[dict[str, str]]]]) -> None:
    keys = Keys("teacher")
    for rest, messages in bodies:
        payload = {**rest, "messages": messages}
        assert keys.of(payload, canonical_json(messages)) == request_key("teacher", payload)
        assert keys.of(payload) == request_key("teacher", payload)


def test_equal_values_of_other_types_make_other_keys() -> None:
    keys, messages = Keys("t"), [{"role": "user", "content": "x"}]
    for wrap in (lambda value: value, lambda value: {"in": [value]}):
        found = {keys.of({"n": wrap(v), "messages": messages}, canonical_json(messages)) for v in (1, 1.0, True)}
        assert len(found) == 3
