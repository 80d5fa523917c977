"""What a plan says of money: ranges by rung, prices, tokenizers, and what a probe makes of them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from dualchecker.config import SeniorConfig, build_config
from dualchecker.errors import ConfigError
from dualchecker.evaluation.intervals import Interval, wilson
from dualchecker.prompts.prompt import estimate_tokens
from dualchecker.runs import Plan, Probe, plan_run
from dualchecker.runs.counting import token_counter
from dualchecker.runs.prices import build_prices, check_money, in_process
from dualchecker.runs.probe import Measured
from money_fakes import make_run, run_file, write_data


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    write_data(tmp_path)


def planned(folder: Path, probe: Probe | None = None, **more: Any) -> dict[str, Plan]:
    return {line.purpose: line for line in plan_run(make_run(folder, **more), probe)[0]}


def test_money_is_a_range_for_each_rung_at_the_listed_price(tmp_path: Path) -> None:
    lines = planned(tmp_path)
    for name in ("rung brief", "rung wide", "rung reconsider"):
        line = lines[name]
        for end in (0, 1):
            assert line.cost[end] == pytest.approx(
                (line.prompt_tokens[end] * 0.25 + line.completion_tokens[end] * 2.0) / 1e6, abs=1e-6
            )
        assert line.expected is None
    assert 0 == lines["rung wide"].cost[0] < lines["rung wide"].cost[1]


def test_a_price_of_zero_is_free_and_not_the_listed_one(tmp_path: Path) -> None:
    lines = planned(tmp_path, teacher={"price_input": 0, "price_output": 0})
    assert all(line.cost == (0, 0) for line in lines.values())


def test_a_batch_is_planned_at_its_price(tmp_path: Path) -> None:
    whole, half = planned(tmp_path), planned(tmp_path, teacher={"batch": "api"})
    assert half["rung brief"].prompt_tokens == whole["rung brief"].prompt_tokens
    assert half["rung brief"].cost == pytest.approx(tuple(cost / 2 for cost in whole["rung brief"].cost))


def test_a_model_in_a_folder_is_counted_with_its_own_tokenizer(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path / "local")
    config = make_run(tmp_path, teacher={"kind": "transformers", "model": str(folder), "base_url": None})
    assert token_counter(config.teacher, config)("one two three") == 3
    hub = make_run(tmp_path, teacher={"kind": "transformers", "model": "someone/on-the-hub", "base_url": None})
    assert token_counter(hub.teacher, hub) is estimate_tokens, "a plan fetches nothing"


def test_a_price_file_beside_the_run_file_is_used_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("gpt-5-mini: {input: 25, output: 200}\n", encoding="utf-8")
    dear = planned(tmp_path, limits={"prices": "mine.yaml"})["rung brief"]
    assert dear.cost[0] == pytest.approx(100 * planned(tmp_path)["rung brief"].cost[0], rel=1e-6)
    resolved = make_run(tmp_path, limits={"prices": "mine.yaml"}).resolved()
    assert resolved.limits.prices == str(tmp_path / "mine.yaml")
    assert build_prices(resolved).find("gpt-5-mini") == build_prices(
        make_run(tmp_path, limits={"prices": "mine.yaml"})
    ).find("gpt-5-mini")


AWAY = {"model": "mine", "base_url": "https://api.example.com/v1"}


def test_an_unknown_price_is_told_and_counted_as_nothing(tmp_path: Path) -> None:
    config = make_run(tmp_path, teacher=AWAY)
    [note] = check_money(config)
    assert "price of mine is not known" in note and "price_input and price_output" in note and "limits.prices" in note
    assert all(line.cost == (0, 0) and not line.priced for line in plan_run(config)[0])
    assert all(line.priced for line in planned(tmp_path).values())


def test_a_limit_that_could_not_be_kept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"max_cost = 3 could not be kept: the price of mine") as caught:
        plan_run(make_run(tmp_path, teacher=AWAY, limits={"max_cost": 3}))
    assert "price_input" in caught.value.fix and "max_requests" in caught.value.fix
    senior = {**AWAY, "kind": "openai", "model": "big"}
    with pytest.raises(ConfigError, match="the price of big"):
        plan_run(make_run(tmp_path, teacher={"senior": senior}, limits={"max_cost": 3}))


HOME = {"base_url": "http://127.0.0.1:1/v1", "model": "mine"}
FREE = {"price_input": 0, "price_output": 0}


def test_a_server_at_home_is_free_and_that_is_said(tmp_path: Path) -> None:
    [note] = check_money(make_run(tmp_path, teacher=HOME))
    assert note.startswith("mine is counted as free: local address, model not in the price table")
    assert "teacher.price_input" in note and "max_cost" not in note
    [note] = check_money(make_run(tmp_path, teacher=HOME, limits={"max_cost": 3}))
    assert "limits.max_cost = 3 does not bound" in note


@pytest.mark.parametrize("place", [HOME, AWAY])
@pytest.mark.parametrize("half", ["price_input", "price_cached", "price_output"])
def test_half_a_price_is_an_error_with_the_remedy(tmp_path: Path, place: dict[str, Any], half: str) -> None:
    with pytest.raises(ConfigError, match=rf"teacher\.{half} of mine is given") as caught:
        plan_run(make_run(tmp_path, teacher={**place, half: 1}))
    assert "Give both; 0 is free" in caught.value.fix
    assert check_money(make_run(tmp_path, teacher={half: 1})) == [], "the table knows the rest"


def test_a_decision_endpoint_needs_no_price_of_replies(tmp_path: Path) -> None:
    asked = {**AWAY, "kind": "decisions", "logprobs": True}
    assert check_money(make_run(tmp_path, teacher={**asked, "price_input": 1})) == []
    with pytest.raises(ConfigError, match="price_input not") as caught:
        check_money(make_run(tmp_path, teacher={**asked, "price_output": 1}))
    assert "Give price_input" in caught.value.fix


@pytest.mark.parametrize(
    "teacher", [{**HOME, **FREE}, {**AWAY, "price_input": 1, "price_output": 1}, {"base_url": HOME["base_url"]}]
)
def test_a_known_price_needs_no_note(tmp_path: Path, teacher: dict[str, Any]) -> None:
    assert check_money(make_run(tmp_path, teacher=teacher, limits={"max_cost": 3})) == []


def test_a_model_in_this_process_has_no_server_and_no_note(tmp_path: Path) -> None:
    local = make_run(tmp_path, teacher={"kind": "transformers", "model": "some/folder", "base_url": None})
    assert in_process(local) == ["folder"] and check_money(local) == []
    assert in_process(make_run(tmp_path, teacher=HOME)) == []


# Tokenizers


def write_tokenizer(folder: Path) -> Path:
    """One token to a word."""
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.enable_truncation(5)  # of use to a model, not to whoever counts
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_a_tokenizer_counts_the_prompts(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path / "tok")
    config = make_run(tmp_path, teacher={"tokenizer": "tok"})
    count = token_counter(config.teacher, config)
    assert count("one two three four five six seven") == 7
    assert token_counter(SeniorConfig(), config) is estimate_tokens
    assert (
        planned(tmp_path, teacher={"tokenizer": "tok/tokenizer.json"})["rung brief"]
        == planned(tmp_path, teacher={"tokenizer": "tok"})["rung brief"]
    )
    assert (
        planned(tmp_path, teacher={"tokenizer": "tok"})["rung brief"].prompt_tokens
        != planned(tmp_path)["rung brief"].prompt_tokens
    )
    assert config.resolved().teacher.tokenizer == str(folder)


def test_a_tokenizer_that_is_not_there_or_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no tokenizer"):
        planned(tmp_path, teacher={"tokenizer": "nowhere"})
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    pytest.importorskip("tokenizers")
    with pytest.raises(ConfigError, match="cannot be read"):
        planned(tmp_path, teacher={"tokenizer": "tokenizer.json"})


# What a probe makes of a plan


def probed(climbs: Interval | None, *, fixed: bool = False, prompt: float = 1000, reply: float = 50) -> Probe:
    return Probe(20, 20, 0.1, {"label": Measured(20, prompt, 0, reply)}, climbs, fixed)


def test_a_probe_puts_measured_tokens_in_place_of_estimates(tmp_path: Path) -> None:
    lines = planned(tmp_path, probed(None))
    brief, requests = lines["rung brief"], lines["rung brief"].requests
    assert brief.prompt_tokens == (requests[0] * 1000, requests[1] * 1000)
    assert brief.completion_tokens == (requests[0] * 50, requests[1] * 50)
    before = planned(tmp_path)
    scale = 1000 / (before["rung brief"].prompt_tokens[0] / requests[0])
    assert lines["rung wide"].prompt_tokens[1] == pytest.approx(before["rung wide"].prompt_tokens[1] * scale, rel=0.01)
    assert lines["rung wide"].requests == before["rung wide"].requests, "who climbs was not told"
    assert brief.expected == (sum(requests) / 2, pytest.approx(sum(brief.cost) / 2))


def test_a_probe_narrows_who_climbs(tmp_path: Path) -> None:
    share = wilson(5, 20)
    lines = planned(tmp_path, probed(share))
    second, third = lines["rung wide"], lines["rung reconsider"]
    pool, gold, templates = 30, 12, 3
    assert second.requests == (round(share.low * (pool + gold)), round(share.high * (pool + gold * templates)))
    assert second.expected and second.expected[0] == pytest.approx(0.25 * (pool + gold * (1 + templates) / 2))
    assert third.requests[0] == round(share.low**2 * (pool + gold)) and third.requests[1] == second.requests[1]
    assert third.expected and second.requests[0] < third.expected[0] < second.expected[0]


def test_a_budget_climbs_as_it_says(tmp_path: Path) -> None:
    probe = probed(Interval(0.2, 0.2, 0.2), fixed=True)
    found = [probe.climbing(step) for step in (1, 2)]
    assert [(f.value, f.low, f.high) for f in found if f] == [(0.2,) * 3, pytest.approx((0.04,) * 3)]
    lines = planned(tmp_path, probe, check={"threshold": {"precision": 0.8, "budget": 0.2}})
    assert lines["rung wide"].requests[1] <= math.ceil(0.2 * 30) + math.ceil(0.2 * 12) * 3


def test_cached_tokens_of_a_probe_are_charged_as_cached(tmp_path: Path) -> None:
    cached = Probe(20, 20, 0.1, {"label": Measured(20, 1000, 800, 50)})
    less, full = planned(tmp_path, cached)["rung brief"], planned(tmp_path, probed(None))["rung brief"]
    assert full.cost[0] - less.cost[0] == pytest.approx(full.requests[0] * 800 * (0.25 - 0.025) / 1e6)


def test_the_run_file_stays_one_that_can_be_written_and_read(tmp_path: Path) -> None:
    import yaml

    config = make_run(tmp_path, teacher={"price_cached": 0.1})
    again = build_config(yaml.safe_load(config.to_yaml()), root=tmp_path)
    assert again.teacher.price_cached == 0.1 and again.teacher.price_input is None
    assert json.dumps(run_file(tmp_path))
