"""A whole run whose teacher is a decision endpoint, from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from decision_servers import Endpoint
from dualchecker.config import load_config
from dualchecker.data.corpora import corpus_path
from dualchecker.ledger import Ledger
from dualchecker.runs import plan_run
from servers import Call, LoopbackServer, Step

Serve = Callable[..., LoopbackServer]


@pytest.fixture
def cli(cli: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, str]]:
    """``cli("run", "x.yaml")`` gives exit code and all output."""

    def call(*arguments: object) -> tuple[int, str]:
        code, out, err = cli(*arguments)
        return code, out + err

    return call


@pytest.fixture
def run_file(tmp_path: Path) -> Callable[..., Path]:
    """``run_file(server, wire="decisions")``: a small run file beside its data."""
    corpus = corpus_path("green-innovation")
    for name, count in (("gold", 40), ("pool", 30), ("test", 20)):
        lines = (corpus / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:count]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def write(server: LoopbackServer, **teacher: Any) -> Path:
        sections = {
            "task": {"question": "Green?", "labels": {"green": "It cuts harm.", "not_green": "Anything else."}},
            "data": {"gold": "gold.jsonl", "pool": "pool.jsonl", "test": "test.jsonl", "columns": {"text": "summary"}},
            "teacher": {
                "kind": "decisions",
                "model": "one",
                "base_url": server.base_url,
                "price_input": 1.0,
                **teacher,
            },
            "align": {"embedder": "ngrams"},
            "student": {"kind": "linear"},
            "check": {"threshold": 0.8, "rounds": 2},
            "output": "out",
        }
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump(sections, sort_keys=False), encoding="utf-8")
        return path

    return write


def labels_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out/labels.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("wire", ["systemone", "decisions"])
def test_a_run_labels_a_pool(serve: Serve, cli: Any, run_file: Callable[..., Path], tmp_path: Path, wire: str) -> None:
    server = serve(Endpoint())
    path = run_file(server, wire=wire)
    code, out = cli("run", path)
    assert code == 0, out
    assert {call.path for call in server.calls} == {f"/v1/{wire}"}
    labels = labels_of(tmp_path)
    assert len(labels) == 30 and {row["status"] for row in labels} <= {"accepted", "abstained"}
    steps = [step for row in labels for step in row["trail"]]
    assert all(step["stated"] is None and step["outcome"] == "ok" for step in steps)
    assert {step["rung"] for step in steps} <= {"brief", "detail", "wide"}, "it is not shown its own answers"
    # The signal is there for every label, and nothing was stated.
    assert all("label_probability" in row["signals"] and "stated" not in row["signals"] for row in labels)
    assert all((step["order_spread"] is None) == (step["rung"] == "brief") for step in steps), "orders: auto"
    metrics = json.loads((tmp_path / "out/metrics.json").read_text(encoding="utf-8"))
    told = metrics["teacher"]["distributions"]
    assert told["outside_mass"]["answers"] == len(steps)
    assert told["order_spread"]["answers"] == sum(step["rung"] != "brief" for step in steps)
    few_shot = metrics["teacher"]["stages"]["few_shot"]
    assert few_shot["brier"] != few_shot["accuracy"]["value"], "as if it believed nothing: its probability is believed"
    assert metrics["cost"] == pytest.approx(metrics["tokens"]["prompt"] / 1e6)
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "order_spread" in page and "outside_mass" in page
    asked = len(server.calls)
    assert cli("run", path)[0] == 0 and len(server.calls) == asked, "all is in the ledger"


def test_the_plan_covers_what_the_run_asks(
    serve: Serve, cli: Any, run_file: Callable[..., Path], tmp_path: Path
) -> None:
    path = run_file(serve(Endpoint(tokens=False)), orders=2)
    lines, _ = plan_run(load_config(path))
    assert [line.purpose for line in lines] == ["few-shot", "rung brief", "rung detail", "rung wide"]
    assert all(line.completion_tokens == (0, 0) for line in lines), "it writes nothing"
    code, out = cli("plan", path)
    assert code == 0 and "rung wide" in out
    assert cli("run", path)[0] == 0
    with Ledger.open(tmp_path / "out/ledger.sqlite", read_only=True) as ledger:
        totals = ledger.totals()
    assert sum(line.requests[0] for line in lines) <= totals.requests <= sum(line.requests[1] for line in lines)
    assert 0 < totals.cost <= sum(line.cost[1] for line in lines) * 1.05
    single, _ = plan_run(load_config(run_file(serve(Endpoint()), orders=1)))
    assert lines[0].prompt_tokens[0] > 1.8 * single[0].prompt_tokens[0], "each order may count the state anew"


def test_what_the_endpoint_does_not_decide_has_its_name(
    serve: Serve, cli: Any, run_file: Callable[..., Path], tmp_path: Path
) -> None:
    endpoint = Endpoint()
    pool = [json.loads(line) for line in (tmp_path / "pool.jsonl").read_text(encoding="utf-8").splitlines()]
    named = {pool[0]["summary"]: {"type": "refusal"}, pool[1]["summary"]: {"type": "box"}, pool[2]["summary"]: None}

    def behave(call: Call) -> Step:
        step = endpoint(call)
        text = next((text for text in named if call.body["state"]["text"].startswith(text)), None)
        if text is None:
            return step
        for name, answer in list(step.body["answers"].items()):
            if named[text] is not None:
                step.body["answers"][name] = named[text]
            else:
                shares = answer["probabilities"]
                step.body["answers"][name] = {
                    **answer,
                    "probabilities": dict.fromkeys(shares, 0) | {list(shares)[-1]: 1},
                }
        return step

    code, out = cli("run", run_file(serve(behave), none_of_these=True, orders=1))
    assert code == 0, out
    by_id = {row["id"]: row for row in labels_of(tmp_path)}
    found = [by_id[str(row["id"])] for row in pool[:3]]
    assert [row["label"] for row in found] == [None, None, None]
    assert [row["reason"] for row in found] == ["refused", "unanswered", "none_of_these"]
    assert [row["status"] for row in found] == ["failed", "failed", "abstained"]
    assert all(step["outside_mass"] == 1 for step in found[2]["trail"])
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "the teacher finds that no label fits" in page


def test_the_wrong_wire_stops_the_run_and_says_which_is_right(
    serve: Serve, cli: Any, run_file: Callable[..., Path]
) -> None:
    endpoint = Endpoint()
    server = serve(lambda call: endpoint(call) if call.path == "/v1/decisions" else Step({"detail": "x"}, status=404))
    code, out = cli("run", run_file(server))
    assert code == 5
    assert "teacher.wire: decisions" in " ".join(out.split())
