"""A probe asks what the run would ask anyway, says what it cost, and tells what it cannot."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dualchecker.asking import Silent
from dualchecker.config import RunConfig, build_config, load_config
from dualchecker.data import load_dataset
from dualchecker.data.corpora import corpus_file
from dualchecker.errors import BudgetError, ConfigError
from dualchecker.ledger import Ledger
from dualchecker.runs import distill, plan_run, probe_run
from dualchecker.runs.parts import build_parts, build_task
from money_fakes import charging, is_warm, make_run, run_file, write_data
from servers import Call, LoopbackServer, Step, completion, verdict

Serve = Callable[..., LoopbackServer]


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    write_data(tmp_path, gold=24, pool=90)


def guessing(call: Call) -> Step:
    """Says that it guesses, and is wrong every other time."""
    return charging(call, confidence=0.5, wrong=int(call.key, 16) % 2 == 0)


def half_sure(call: Call) -> Step:
    """Sure of warm texts, and guesses at cold ones."""
    return charging(call, confidence=0.99) if is_warm(call) else guessing(call)


def test_nothing_is_paid_twice(serve: Serve, tmp_path: Path) -> None:
    server = serve(charging)
    config = make_run(tmp_path, server)
    probe = probe_run(config)
    asked = len(server.calls)
    assert probe.records == 20 and probe.requests == asked > 20, "reasons for shown labels are asked for too"
    assert probe.cost == pytest.approx(asked * (200 * 0.25 + 20 * 2.0) / 1e6)
    again = probe_run(config)
    assert (again.requests, again.cost, len(server.calls)) == (0, 0.0, asked), "the second one is in the ledger"
    assert again.measured == probe.measured and again.climbs == probe.climbs

    done = distill(config)
    assert set(server.by_content.values()) == {1}, "no prompt was sent twice"
    used = done.metrics["requests"]
    assert used["used"] == used["answered"] == len(server.calls), "the run needed all that the probe had asked"


def test_it_measures_what_the_server_counts(serve: Serve, tmp_path: Path) -> None:
    probe = probe_run(make_run(tmp_path, serve(lambda call: charging(call, prompt=321, cached=100, reply=17))))
    assert set(probe.measured) == {"explain", "label"}
    label = probe.measured["label"]
    assert (label.replies, label.prompt, label.completion) == (20, 321, 17)
    assert not any("counts no tokens" in remark for remark in probe.remarks)


def test_a_server_that_counts_nothing_is_told(serve: Serve, tmp_path: Path) -> None:
    config = make_run(tmp_path, serve(lambda call: Step(completion(verdict("warm"), usage={}))))
    probe = probe_run(config)
    assert probe.measured == {} and "counts no tokens" in " ".join(probe.remarks)
    lines, plain = plan_run(config, probe)[0], plan_run(config)[0]
    assert [line.prompt_tokens for line in lines][1] == plain[1].prompt_tokens


def test_who_is_sure_stays_and_who_is_not_climbs(serve: Serve, tmp_path: Path) -> None:
    sure = probe_run(make_run(tmp_path, serve(lambda call: charging(call, confidence=0.995)), check={"threshold": 0.6}))
    unsure = probe_run(make_run(tmp_path, serve(guessing), check={"threshold": 0.95}, output="b"))
    assert sure.climbs and unsure.climbs
    assert sure.climbs.value == 0 and 0.1 < sure.climbs.high < 0.2, "of 20, none: Wilson's interval"
    assert sure.climbs.high < unsure.climbs.low < unsure.climbs.value


def test_a_run_asks_within_the_range_that_a_probe_foretells(serve: Serve, tmp_path: Path) -> None:
    config = make_run(tmp_path, serve(half_sure), check={"threshold": 0.75, "student": False})
    probe = probe_run(config)
    lines = {line.purpose: line for line in plan_run(config, probe)[0]}
    assert probe.climbs and 0 < probe.climbs.value < 1
    distill(config)
    with Ledger.open(config.output_dir / "ledger.sqlite", read_only=True) as ledger:
        uses = ledger.uses()
        total = ledger.totals()
    climbed = uses.get(("label", "wide"), 0) + uses.get(("calibrate", "wide"), 0)
    low, high = lines["rung wide"].requests
    assert low <= climbed <= high
    assert sum(line.cost[0] for line in lines.values()) <= total.cost <= sum(line.cost[1] for line in lines.values())


def test_another_seed_asks_about_others(serve: Serve, tmp_path: Path) -> None:
    def asked(seed: int) -> set[str]:
        config = make_run(
            tmp_path,
            serve(charging),
            output=f"s{seed}",
            data={"gold": "gold.jsonl", "pool": "pool.jsonl", "seed": seed},
        )
        probe_run(config)
        with Ledger.open(config.output_dir / "ledger.sqlite", read_only=True) as ledger:
            return {row[0] for row in ledger.read("SELECT record FROM uses WHERE purpose IN ('label', 'calibrate')")}

    assert asked(1) != asked(2)


def test_it_keeps_to_the_limit(serve: Serve, tmp_path: Path) -> None:
    server = serve(charging)
    with pytest.raises(BudgetError):
        probe_run(make_run(tmp_path, server, limits={"max_cost": 0.0005, "concurrency": 1}))
    assert len(server.calls) * (200 * 0.25 + 20 * 2.0) / 1e6 <= 0.0005


def test_an_unknown_price_with_a_limit_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    away = {"model": "mine", "base_url": "https://api.example.com/v1"}
    with pytest.raises(ConfigError, match="could not be kept"):
        probe_run(make_run(tmp_path, teacher=away, limits={"max_cost": 1}))
    assert not (tmp_path / "out").exists()


def test_a_teacher_of_batches_is_probed_at_once_at_the_whole_price(serve: Serve, tmp_path: Path) -> None:
    server = serve(charging)
    config = make_run(tmp_path, server, teacher={"batch": "api"})
    probe = probe_run(config)
    assert {call.path for call in server.calls} == {"/v1/chat/completions"}
    assert probe.cost == pytest.approx(len(server.calls) * (200 * 0.25 + 20 * 2.0) / 1e6)
    brief = {line.purpose: line for line in plan_run(config, probe)[0]}["rung brief"]
    assert brief.cost[0] == pytest.approx(brief.requests[0] * (200 * 0.25 + 20 * 2.0) / 2e6), "the run will pay half"
    with pytest.raises(ConfigError, match="by hand"):
        probe_run(make_run(tmp_path, server, teacher={"batch": "file"}, output="b"))


def test_a_budget_is_taken_as_it_is(serve: Serve, tmp_path: Path) -> None:
    probe = probe_run(make_run(tmp_path, serve(charging), check={"threshold": {"precision": 0.8, "budget": 0.3}}))
    assert probe.fixed and probe.climbs and probe.climbs.value == 0.3


def test_other_methods_are_asked_through_the_baseline_or_not_at_all(serve: Serve, tmp_path: Path) -> None:
    server = serve(charging)
    config = make_run(tmp_path, server, method="cot", report={"few_shot": True, "references": False})
    probe = probe_run(config)
    assert probe.records == 20 and probe.climbs is None and "few-shot baseline alone" in " ".join(probe.remarks)
    distill(config)
    assert set(server.by_content.values()) == {1}
    before = len(server.calls)
    with pytest.raises(ConfigError, match="nothing that a probe could ask"):
        probe_run(make_run(tmp_path, server, method="cot", output="b"))
    assert len(server.calls) == before


def test_several_labels_are_measured_and_not_foretold(serve: Serve, tmp_path: Path) -> None:
    for name, first, count in (("gold", 0, 20), ("pool", 20, 40)):
        rows = [
            {"id": f"r{i}", "text": f"text {i} of stove and ice", "label": ["warm"] if i % 2 else ["cold"]}
            for i in range(first, first + count)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    said = json.dumps({"rationale": "r", "labels": {"warm": 0.9, "cold": 0.1}})
    server = serve(lambda call: Step(completion(said, usage={"prompt_tokens": 150, "completion_tokens": 12})))
    raw = run_file(tmp_path, server)
    raw["task"]["multiple"], raw["teacher"]["max_tokens"] = True, 200
    config = build_config(raw, root=tmp_path)
    probe = probe_run(config)
    assert probe.records == 20 and probe.climbs is None
    assert probe.measured["label"].replies == 20, "decisions about one text share a request"
    assert probe.measured["label"].prompt == 150 and "cannot tell" in " ".join(probe.remarks)
    distill(config)
    assert set(server.by_content.values()) == {1}


def corpus_run(folder: Path, corpus: str, server: LoopbackServer) -> RunConfig:
    """A run on an embedded corpus with the server as its teacher."""
    base = load_config(corpus_file(corpus)).resolved().model_dump(mode="json")
    teacher = {"kind": "openai", "model": "gpt-5-mini", "base_url": server.base_url}
    mine = {"teacher": teacher, "align": {"embedder": "ngrams"}, "output": str(folder / "out")}
    student = {**base["student"], "kind": "linear"} if base["task"]["kind"] == "extraction" else base["student"]
    data = {**base["data"], "calibration_limit": 10}
    return build_config({**base, **mine, "data": data, "student": student}, root=folder)


@pytest.mark.parametrize("corpus", ["green-innovation/extraction", "word-problems"])
def test_spans_and_questions_are_measured_by_what_the_run_asks(serve: Serve, tmp_path: Path, corpus: str) -> None:
    said = json.dumps({"rationale": "3 + 4 = 7", "spans": [], "answer": "7"})
    server = serve(lambda call: Step(completion(said, usage={"prompt_tokens": 90, "completion_tokens": 9})))
    config = corpus_run(tmp_path, corpus, server)
    probe = probe_run(config, records=6)
    assert probe.records == 6 and probe.climbs is None
    assert "label" in probe.measured and all(seen.prompt == 90 for seen in probe.measured.values())
    lines, _ = plan_run(config, probe)
    assert all(line.expected is not None for line in lines)

    with Ledger.open(config.output_dir / "ledger.sqlite") as ledger:
        asked = {row[0] for row in ledger.read("SELECT key FROM uses WHERE purpose = 'calibrate'")}
        task = build_task(config)
        parts = build_parts(config, task, load_dataset(config, task), ledger, Silent())
        try:
            with parts.asker.counting() as used:
                parts.checkers.teacher.calibrate(parts.aligner.template())
        finally:
            parts.asker.close()
    assert asked and asked <= used.keys, "the run itself asks all of it"
