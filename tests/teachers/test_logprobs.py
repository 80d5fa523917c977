"""From token log-probabilities to a distribution over labels: by hand, and for any tokens."""

import json
import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualchecker.teachers.logprobs import label_mass


def token(text: str, probability: float = 1.0, **others: float) -> dict[str, Any]:
    """A token with the probabilities of itself and of the others that might have stood in its place."""
    listed = {text: probability, **others}
    return {
        "token": text,
        "bytes": list(text.encode()),
        "logprob": math.log(probability),
        "top_logprobs": [
            {"token": t, "bytes": list(t.encode()), "logprob": math.log(p)} for t, p in listed.items() if p
        ],
    }


def spelled(tokens: list[dict[str, Any]]) -> str:
    return b"".join(bytes(entry["bytes"]) for entry in tokens).decode()


def label_distribution(text: str, tokens: Sequence[object], labels: Sequence[str]) -> dict[str, float] | None:
    """Normalised, as teachers pass it on."""
    mass = label_mass(text, tokens, labels)
    return None if mass is None else {label: share / sum(mass.values()) for label, share in mass.items()}


def distribution(tokens: list[dict[str, Any]], *labels: str) -> dict[str, float] | None:
    return label_distribution(spelled(tokens), tokens, labels)


HEAD = [token('{"'), token("label"), token('": "')]
TAIL = [token('"'), token("}")]


def test_the_fork_between_two_labels() -> None:
    tokens = [*HEAD, token("green", 0.75, **{"not": 0.2, "brown": 0.05}), *TAIL]
    found = distribution(tokens, "green", "not_green")
    assert found == pytest.approx({"green": 0.75 / 0.95, "not_green": 0.2 / 0.95})


def test_mass_on_no_label_is_left_out() -> None:
    tokens = [*HEAD, token("green", 0.75, **{"not": 0.2, "brown": 0.05}), *TAIL]
    assert label_mass(spelled(tokens), tokens, ["green", "not_green"]) == pytest.approx(
        {"green": 0.75, "not_green": 0.2}
    )


def test_the_written_label_need_not_be_the_likeliest() -> None:
    tokens = [*HEAD, token("not", 0.3, green=0.7), token("_green"), *TAIL]
    assert distribution(tokens, "green", "not_green") == pytest.approx({"green": 0.7, "not_green": 0.3})


def test_a_label_that_begins_another_is_told_apart_at_the_quote() -> None:
    short = [*HEAD, token("green", 0.8, blue=0.2), token('"', 0.9, ish=0.1), token("}")]
    long = [*HEAD, token("green", 0.8, blue=0.2), token("ish", 0.1, **{'"': 0.9}), *TAIL]
    wanted = {"green": 0.8 * 0.9, "greenish": 0.8 * 0.1, "blue": 0.2}
    assert distribution(short, "green", "greenish", "blue") == pytest.approx(wanted)
    assert distribution(long, "green", "greenish", "blue") == pytest.approx(wanted)


def test_labels_that_share_their_first_tokens() -> None:
    tokens = [*HEAD, token("card_", 0.9, cash_=0.1), token("lost", 0.6, arrival=0.3, stolen=0.1), *TAIL]
    found = distribution(tokens, "card_lost", "card_arrival", "cash_withdrawal")
    total = 0.9 * 0.9 + 0.1
    assert found == pytest.approx(
        {"card_lost": 0.9 * 0.6 / total, "card_arrival": 0.9 * 0.3 / total, "cash_withdrawal": 0.1 / total}
    )


def test_an_alternative_that_leads_to_several_labels_is_shared_out() -> None:
    """Its mass is counted once, not once for every label that it could have become."""
    tokens = [*HEAD, token("blue", 0.6, gr=0.4), *TAIL]
    assert distribution(tokens, "blue", "green", "grey") == pytest.approx({"blue": 0.6, "green": 0.2, "grey": 0.2})


def test_the_same_label_cut_into_other_tokens_counts_for_it() -> None:
    tokens = [*HEAD, token("gre", 0.5, green=0.3, blue=0.2), token("en"), *TAIL]
    assert distribution(tokens, "green", "blue") == pytest.approx({"green": 0.8, "blue": 0.2})


def test_a_token_may_hold_more_than_the_label() -> None:
    merged = [token('{"label'), token('":"green', 0.7, **{'":"blue': 0.2, '": "blue': 0.1}), token('"}')]
    assert distribution(merged, "green", "blue") == pytest.approx({"green": 0.7 / 0.9, "blue": 0.2 / 0.9})
    whole = [*HEAD, token('green", "confidence": 0.9}', 0.7, blue=0.3)]
    assert distribution(whole, "green", "blue") == pytest.approx({"green": 0.7, "blue": 0.3})


def test_a_fork_in_the_token_that_opens_the_quote() -> None:
    tokens = [token('{"label":'), token(' "', 0.8, **{' "blue': 0.2}), token("green", 0.5, blue=0.5), *TAIL]
    assert distribution(tokens, "green", "blue") == pytest.approx({"green": 0.4, "blue": 0.6})


def test_the_last_label_of_a_reply_counts() -> None:
    """Models that think aloud conclude at the end; a label inside the rationale is quoted, and none."""
    aloud = [*HEAD, token("blue", 0.9, green=0.1), *TAIL, token("\nNo: "), *HEAD, token("green", 0.6, blue=0.4), *TAIL]
    assert distribution(aloud, "green", "blue") == pytest.approx({"green": 0.6, "blue": 0.4})
    quoted = token(json.dumps({"rationale": 'Not "label": "blue"'})[:-1] + ', "label": "')
    assert distribution([quoted, token("green", 0.6, blue=0.4), *TAIL], "green", "blue") == pytest.approx(
        {"green": 0.6, "blue": 0.4}
    )


def test_characters_split_over_tokens() -> None:
    """Tokens of Chinese or Japanese text are often parts of characters, and as strings longer than the text."""
    parts = list("水".encode())
    rationale = [{"token": f"\\x{byte:02x}", "bytes": [byte], "logprob": 0.0, "top_logprobs": []} for byte in parts]
    label = "緑".encode()
    head = [token('{"rationale": "'), *rationale, token('", "label": "')]
    first = {
        "token": "\\xe7\\xb7",
        "bytes": list(label[:2]),
        "logprob": math.log(0.9),
        "top_logprobs": [
            {"token": "\\xe7\\xb7", "bytes": list(label[:2]), "logprob": math.log(0.9)},
            {"token": "赤", "bytes": list("赤".encode()), "logprob": math.log(0.1)},
        ],
    }
    rest = {"token": "\\x91", "bytes": list(label[2:]), "logprob": 0.0, "top_logprobs": []}
    tokens = [*head, first, rest, *TAIL]
    assert distribution(tokens, "緑", "赤") == pytest.approx({"緑": 0.9, "赤": 0.1})
    # Some servers write a replacement character, which spells another text before the label.
    for entry in rationale:
        entry |= {"token": "\ufffd", "bytes": list("\ufffd".encode())}
    text = '{"rationale": "水", "label": "緑"}'
    assert label_distribution(text, tokens, ["緑", "赤"]) == pytest.approx({"緑": 0.9, "赤": 0.1})


def test_without_bytes_the_strings_serve() -> None:
    tokens = deepcopy([*HEAD, token("vert", 0.7, gelé=0.3), *TAIL])
    for entry in tokens:
        del entry["bytes"]
        for other in entry["top_logprobs"]:
            other["bytes"] = None
    text = "".join(entry["token"] for entry in tokens)
    assert label_distribution(text, tokens, ["vert", "gelé"]) == pytest.approx({"vert": 0.7, "gelé": 0.3})


def test_a_written_token_outside_the_listed_ones_keeps_its_share() -> None:
    """With a temperature, what is written need not be among the likeliest."""
    chosen = token("blue", 0.05, green=0.8, grey=0.15)
    chosen["top_logprobs"] = [other for other in chosen["top_logprobs"] if other["token"] != "blue"]
    assert distribution([*HEAD, chosen, *TAIL], "green", "grey", "blue") == pytest.approx(
        {"green": 0.8, "grey": 0.15, "blue": 0.05}
    )


@pytest.mark.parametrize("logprob", [-9999.0, float("-inf"), -1e308])
def test_a_vanishing_probability_is_small_but_not_zero(logprob: float) -> None:
    chosen = token("blue", 0.5, green=0.999)
    chosen["logprob"] = logprob
    found = distribution([*HEAD, chosen, *TAIL], "green", "blue")
    assert found is not None
    assert 0 < found["blue"] < 1e-6


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no label at all", "there is none"),
        ('{"label": null, "confidence": "0.9"}', "it is no string"),
        ('{"label": "purple"}', "it is outside the set"),
        ('{"label": "gre', "it is cut"),
        ('{"label": ["green"]}', "it is a list"),
    ],
)
def test_no_label_no_distribution(text: str, why: str) -> None:
    tokens = [token(character, 0.5, z=0.5) for character in text]
    assert label_distribution(text, tokens, ["green", "blue"]) is None, why


def test_one_label_alone_is_no_distribution() -> None:
    """A server that lists no alternatives tells nothing about the other labels: the signal is missing, not 1."""
    bare = deepcopy([*HEAD, token("green", 0.7), *TAIL])
    assert distribution(bare, "green", "blue") is None
    for entry in bare:
        del entry["top_logprobs"]
    assert distribution(bare, "green", "blue") is None


def test_tokens_of_another_text_are_not_believed() -> None:
    tokens = [*HEAD, token("green", 0.7, blue=0.3), *TAIL]
    assert label_distribution('{"label": "blue"}', tokens, ["green", "blue"]) is None
    assert label_distribution('{"label": "green"}', [], ["green", "blue"]) is None


def test_a_token_without_a_number_is_a_missing_signal() -> None:
    for broken in (None, "x", float("nan")):
        chosen = token("green", 0.7, blue=0.3)
        chosen["logprob"] = broken
        assert distribution([*HEAD, chosen, *TAIL], "green", "blue") is None
    certain = token("green", 1.0, blue=1e-9)
    certain["logprob"] = 1e6
    assert distribution([*HEAD, certain, *TAIL], "green", "blue") == pytest.approx({"green": 1, "blue": 1e-9})
    other = token("green", 0.7, blue=0.3)
    other["top_logprobs"] += [None, {"token": "grey", "logprob": None}, {"logprob": -1}]
    assert distribution([*HEAD, other, *TAIL], "green", "blue", "grey") == pytest.approx(
        {"green": 0.7, "blue": 0.3, "grey": 0.0}
    )


NAMES = st.text(st.sampled_from("abgré_ -緑"), min_size=1, max_size=6)


@st.composite
def replies(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[str], str]:
    """A reply that names one of some labels, cut into tokens anywhere, with any alternatives."""
    labels = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    written = draw(st.sampled_from(labels))
    data = json.dumps({"rationale": draw(NAMES), "label": written}, ensure_ascii=False).encode()
    cuts = sorted(draw(st.sets(st.integers(1, len(data) - 1), max_size=12)))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    tokens: list[dict[str, Any]] = []
    for piece in pieces:
        listed = [
            {"token": other, "bytes": list(other.encode()), "logprob": draw(st.floats(-10_000, 0.5))}
            for other in draw(st.lists(NAMES | st.sampled_from(['"', *labels]), max_size=4))
        ]
        text = piece.decode("utf-8", "replace")
        entry = {"token": text, "bytes": list(piece), "logprob": draw(st.floats(-10_000, 0.5)), "top_logprobs": listed}
        tokens.append(entry)
    return tokens, labels, written


@given(replies())
def test_for_any_tokens_shares_sum_to_one_and_the_written_label_has_some(
    reply: tuple[list[dict[str, Any]], list[str], str],
) -> None:
    tokens, labels, written = reply
    found = label_distribution(spelled(tokens), tokens, labels)
    if found is None:  # no alternatives were listed where it counts
        return
    assert list(found) == labels
    assert sum(found.values()) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in found.values())
    assert found[written] > 0


@given(replies())
def test_with_alternatives_at_every_token_there_always_is_a_distribution(
    reply: tuple[list[dict[str, Any]], list[str], str],
) -> None:
    tokens, labels, _ = reply
    for entry in tokens:
        entry["top_logprobs"].append({"token": "?", "bytes": [63], "logprob": -1.0})
        # an alternative that goes on from what the token holds ahead of the label
        entry["top_logprobs"].append({"token": entry["token"] + "?", "bytes": [*entry["bytes"], 63], "logprob": -1.0})
    assert label_distribution(spelled(tokens), tokens, labels) is not None
