"""What a model writes: against its own ``generate``, whatever the batch, reproducibly."""

import pytest

from tiny_causal import build_causal

pytest.importorskip("transformers")

from dualchecker.teachers.local_model import LocalModel
from dualchecker.teachers.local_passes import Passes
from dualchecker.teachers.local_writing import Draft, Stopped, Writer, Written, object_end, quote_at


@pytest.fixture(scope="module", params=["llama", "gpt2", "mistral", "gemma"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    folder = build_causal(tmp_path_factory.mktemp("writes"), request.param, seed=1)
    return LocalModel.load(str(folder), device="cpu", dtype="float32")


@pytest.fixture
def writer(model: LocalModel) -> Writer:
    return Writer(model, Passes(model))


def drafts(model: LocalModel, count: int = 4, **more: object) -> list[Draft]:
    start = "A beginning that all of them have, long enough to be kept."
    texts = [f"{start} {'and more ' * number}" for number in range(count)]
    settings = {"opening": "{", "most": 12, "until": "object", **more}
    return [Draft(tuple(row), **settings) for row in model.tokens(texts)]  # type: ignore[arg-type]


def never() -> bool:
    return False


def test_the_likeliest_tokens_are_those_of_the_model_s_own_generate(model: LocalModel, writer: Writer) -> None:
    import torch

    asked = drafts(model)
    for draft, found in zip(asked, writer.together(asked, never), strict=True):
        row = torch.tensor([draft.row])
        out = model.model.generate(
            row, attention_mask=torch.ones_like(row), max_new_tokens=draft.most, do_sample=False, pad_token_id=0
        )[0, len(draft.row) :].tolist()
        told = [token for token in out if token not in model.ends]
        assert found.text == model.text(told)[: len(found.text)]
        assert found.tokens <= len(told) and (found.finish == "stop" or found.tokens == 12)
        assert found.cached >= 16


def same(left: Written, right: Written) -> bool:
    return (left.text, left.tokens, left.finish) == (right.text, right.tokens, right.finish)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_reply_does_not_hang_on_the_batch(model: LocalModel, writer: Writer, temperature: float) -> None:
    asked = drafts(model, temperature=temperature, seed="s")
    together = writer.together(asked, never)
    for draft, found in zip(asked, together, strict=True):
        assert same(writer.together([draft], never)[0], found)
        assert same(writer.alone(draft, never), found)
    assert all(map(same, reversed(writer.together(asked[::-1], never)), together))


def test_draws_are_reproducible_and_differ_by_seed(model: LocalModel, writer: Writer) -> None:
    def draw(seed: str) -> list[str]:
        asked = drafts(model, temperature=1.5, seed=seed)
        return [one.text for one in writer.together(asked, never)]

    assert draw("one") == draw("one")
    assert draw("one") != draw("two")


def test_draws_follow_the_model_s_distribution(model: LocalModel, writer: Writer) -> None:
    """One token each, many times, against the probabilities of a plain forward pass."""
    import torch

    [draft] = drafts(model, 1)
    asked = [Draft(draft.row, "{", 1, "object", 2.0, str(seed)) for seed in range(400)]
    counts: dict[str, int] = {}
    for found in writer.together(asked, never):
        counts[found.text] = counts.get(found.text, 0) + 1
    with torch.no_grad():
        shares = (model.model(torch.tensor([draft.row])).logits[0, -1] / 2).softmax(-1)
    expected: dict[str, float] = {}  # several tokens may say the same, such as half a character
    for token, share in enumerate(shares.tolist()):
        said = "" if token in model.ends else model.text([token])
        expected[said] = expected.get(said, 0) + share
    for said, share in sorted(expected.items(), key=lambda one: one[1])[-5:]:
        assert counts.get(said, 0) / 400 == pytest.approx(share, abs=4 * (share * (1 - share) / 400) ** 0.5)


def test_work_that_nobody_waits_for_stops(model: LocalModel, writer: Writer) -> None:
    for run in (
        lambda: writer.together(drafts(model), lambda: True),
        lambda: writer.alone(drafts(model)[0], lambda: True),
    ):
        with pytest.raises(Stopped):
            run()


@pytest.mark.parametrize(
    ("text", "place"),
    [("a b", None), ('a"', 1), (r"a\"b", None), (r'a\"b"', 4), (r'a\\"', 3), ("", None), ('"', 0)],
)
def test_where_a_string_closes(text: str, place: int | None) -> None:
    assert quote_at(text) == place


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ('{"a": 1} more', 8),
        ('{"a": "}"', None),
        ('{"a": "}"}', 10),
        ('{"a": {"b": [1, 2]}}', 20),
        ('{"a": "\\"}"}', 12),
        ("no object", None),
        ('said: {"a": ""}.', 15),
        ('{"a": "open', None),
    ],
)
def test_where_an_object_is_over(text: str, end: int | None) -> None:
    assert object_end(text) == end
