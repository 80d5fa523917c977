"""What a teacher costs: the table, a user's file over it, the run file over both, and nothing guessed."""

from pathlib import Path
from typing import Any

import pytest

from dualchecker.config import SeniorConfig
from dualchecker.errors import ConfigError
from dualchecker.teachers import DecisionTeacher, OpenAITeacher, Price, Prices
from dualchecker.teachers.prices import _TABLE, _read, is_own_network

PUBLIC = "https://api.openai.com/v1"


def teacher(model: str, base_url: str = PUBLIC, **more: Any) -> SeniorConfig:
    return SeniorConfig.model_validate({"kind": "openai", "model": model, "base_url": base_url, **more})


@pytest.fixture
def table() -> Prices:
    return Prices.packaged()


def test_every_listed_price_has_a_source_and_a_day() -> None:
    entries = _read(_TABLE)
    assert len(entries) >= 15
    for model, entry in entries.items():
        assert entry.source.startswith("https://"), model
        assert entry.as_of[:2] == "20" and len(entry.as_of) == 10, model
        assert entry.cached_input is None or entry.cached_input < entry.input, model


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("gpt-5-mini", "gpt-5-mini"),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("openai/gpt-5-mini", "gpt-5-mini"),
        ("openai/gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("gpt-5-mini-20250807", "gpt-5-mini"),
        ("gpt-4o-2024-11-20", "gpt-4o"),
        ("GPT-5-Mini", "gpt-5-mini"),
        ("OpenAI/GPT-5-Mini-2025-08-07", "gpt-5-mini"),
    ],
)
def test_a_name_is_found_with_a_date_or_a_provider(table: Prices, name: str, listed: str) -> None:
    found = table.find(name)
    assert found is not None and found == table.find(listed)


def test_a_dated_name_with_a_price_of_its_own_keeps_it(table: Prices) -> None:
    old, new = table.find("gpt-4o-2024-05-13"), table.find("gpt-4o")
    assert old and new and old.input == 5.0 and new.input == 2.5


@pytest.mark.parametrize(
    "name",
    ["gpt-5-min", "gpt-5-mini-turbo", "ft:gpt-5-mini:me", "someone/gpt-5-mini", "gpt-5-mini-0807", ""],
)
def test_nothing_is_guessed(table: Prices, name: str) -> None:
    assert table.find(name) is None
    assert not table.of(teacher(name or "x")).known


def test_what_many_serve_is_listed_at_its_host_alone(table: Prices) -> None:
    own = "https://api.deepseek.com/v1"
    assert table.of(teacher("deepseek-v4-flash", own)).input == 0.14
    assert not table.of(teacher("deepseek-v4-flash", "https://elsewhere.example/v1")).known
    assert table.find("deepseek-v4-flash") is None, "no host, no price"
    assert table.of(teacher("deepseek-v4-flash", "http://localhost:8000/v1")) == Price(), "served at home"


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("192.168.0.7", True),
        ("vllm", True),
        ("gpu.local", True),
        ("gpu.lan.", True),
        ("8.8.8.8", False),
        ("api.openai.com", False),
        ("localhost.example.com", False),
    ],
)
def test_the_own_network_is_told_by_name(host: str, own: bool) -> None:
    assert is_own_network(host) is own


def test_of_several_addresses_all_must_be_at_home_or_where_the_price_holds(table: Prices) -> None:
    far = [{"base_url": "https://api.example.com/v1"}]
    assert not table.of(teacher("mine", "http://127.0.0.1:8000/v1", endpoints=far)).known
    assert not table.of(teacher("deepseek-v4-flash", "https://api.deepseek.com/v1", endpoints=far)).known
    near = [{"base_url": "http://10.0.0.2:8000/v1"}]
    assert table.of(teacher("mine", "http://127.0.0.1:8000/v1", endpoints=near)).known


def test_a_model_without_a_price_is_free_at_home_and_unknown_elsewhere(table: Prices) -> None:
    home = table.of(teacher("mine", "http://127.0.0.1:8000/v1"))
    away = table.of(teacher("mine", "https://api.example.com/v1"))
    assert home.known and home.cost(10**6, 0, 10**6) == 0
    assert not away.known and away.cost(10**6, 0, 10**6) == 0


def test_a_listed_model_costs_as_listed_also_behind_a_proxy_at_home(table: Prices) -> None:
    assert table.of(teacher("gpt-5-mini", "http://localhost:4000/v1")).input == 0.25


def test_the_run_file_stands_over_the_table(table: Prices) -> None:
    assert table.of(teacher("gpt-5-mini", price_input=0, price_output=0)).cost(10**6, 0, 10**6) == 0, "0 is free"
    part = table.of(teacher("gpt-5-mini", price_output=9.0))
    assert (part.input, part.cached_input, part.output) == (0.25, 0.025, 9.0)
    own = table.of(teacher("gpt-5-mini", price_input=1.0))
    assert (own.input, own.cached_input, own.output) == (1.0, None, 2.0), "a listed discount is not of this price"
    assert table.of(teacher("gpt-5-mini", price_input=1.0, price_cached=0.2)).cached_input == 0.2


def test_a_price_of_ones_own_is_halved_in_batches_as_is_customary(table: Prices) -> None:
    assert table.of(teacher("mine", price_input=1.0, price_output=2.0)).cost(10**6, 0, 0, batch=True) == 0.5
    assert table.of(teacher("deepseek-v4-flash", "https://api.deepseek.com")).batch is None, "listed without batches"


def test_half_a_price_is_no_price(table: Prices) -> None:
    away = "https://api.example.com/v1"
    assert not table.of(teacher("mine", away, price_input=1.0)).known
    assert not table.of(teacher("mine", away, price_output=1.0)).known
    assert table.of(teacher("mine", away, price_input=1.0, price_output=0)).known
    assert table.of(teacher("mine", away, kind="decisions", price_input=1.0)).known, "it writes no text"


def test_teachers_that_are_asked_over_no_wire_are_free(table: Prices) -> None:
    assert table.of(SeniorConfig()) == Price()


def test_a_file_of_ones_own_replaces_an_entry_in_whatever_case(table: Prices, tmp_path: Path) -> None:
    over = table.over(write(tmp_path, "GPT-5-Mini: {input: 7, output: 8, at: [API.example.com]}\n"))
    assert over.find("gpt-5-mini") is None, "there alone"
    found = over.find("gpt-5-mini", ["api.example.com"])
    assert found and found.input == 7
    assert len(over.models) == len(table.models)


def test_cost_counts_cached_tokens_and_batches() -> None:
    price = Price(input=2.0, output=10.0, cached_input=0.5, batch=0.5)
    assert price.cost(1_000_000, 400_000, 100_000) == pytest.approx(1.2 + 0.2 + 1.0)
    assert price.cost(1_000_000, 400_000, 100_000, batch=True) == pytest.approx(1.2)
    assert price.cost(100, 10**9, 0) == pytest.approx(100 * 0.5 / 1e6), "no more can be cached than was sent"
    assert price.cost(100, -5, 0) == pytest.approx(200 / 1e6)
    assert price.saved(1_000_000) == pytest.approx(1.5)
    full = Price(input=2.0, output=10.0)
    assert full.cost(1_000_000, 400_000, 0) == full.cost(1_000_000, 0, 0) == 2.0
    assert full.cost(1_000_000, 0, 0, batch=True) == 2.0, "no batch interface, no discount"
    assert full.saved(1_000_000) == 0


def write(folder: Path, text: str) -> Path:
    file = folder / "prices.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_of_ones_own_is_laid_over_the_table_model_by_model(table: Prices, tmp_path: Path) -> None:
    file = write(tmp_path, "mine: {input: 1, output: 2}\ngpt-5-mini: {input: 7, output: 8, at: api.openai.com}\n")
    prices = table.over(file)
    assert prices.of(teacher("mine", "https://api.example.com/v1")).output == 2
    assert prices.of(teacher("gpt-5-mini")).input == 7
    assert not prices.of(teacher("gpt-5-mini", "https://other.example/v1")).known, "the entry is replaced as a whole"
    assert prices.find("gpt-5") == table.find("gpt-5")
    assert table.find("gpt-5-mini") != prices.find("gpt-5-mini", ["api.openai.com"]), "the table itself stays"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:\n  input: 1\n", r"line 1: a\.output: is missing"),
        ("a:\n  input: 1\n  output: -2\n", r"line 3: a\.output: .*greater than or equal to 0"),
        ("a:\n  input: 1\n  output: .inf\n", r"line 3: a\.output"),
        ("a:\n  input: cheap\n  output: 1\n", r"line 2: a\.input"),
        ("a:\n  input: 1\n  output: 2\n  outptu: 3\n", r"line 4: a\.outptu: unknown key; known are input, output"),
        ("b: {input: 1, output: 1}\na: 3\n", r"line 2: a: must be a mapping"),
        ("a: {input: 1, output: 1, batch: 50}\n", r"line 1: a\.batch"),
        ("a: [", "not valid YAML"),
        ("- 1\n", "holds no settings"),
    ],
)
def test_what_is_no_price_is_told_with_its_line(table: Prices, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        table.over(write(tmp_path, text))


def test_a_missing_price_file_is_told(table: Prices, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no price file .*nowhere\.yaml"):
        table.over(tmp_path / "nowhere.yaml")


def test_teachers_charge_by_their_price() -> None:
    from dualchecker.records import Reply

    reply = Reply("{}", prompt_tokens=1_000_000, completion_tokens=500_000, cached_tokens=200_000)
    listed = OpenAITeacher(teacher("gpt-5-mini"))
    assert listed.cost(reply) == pytest.approx(0.8 * 0.25 + 0.2 * 0.025 + 0.5 * 2.0)
    assert OpenAITeacher(teacher("gpt-5-mini"), price=Price(1.0, 1.0)).cost(reply) == pytest.approx(1.5)
    decides = teacher("m", kind="decisions", price_input=2.0, price_cached=1.0)
    assert DecisionTeacher(decides).cost(reply) == pytest.approx(0.8 * 2.0 + 0.2 * 1.0)
