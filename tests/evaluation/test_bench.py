"""The tables, charts and page of a bench, from made-up runs."""

import csv
import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace

import pytest

from dualchecker.evaluation.bench import OVERALL, Comparison, Scored, compare
from dualchecker.evaluation.bench_charts import calls_chart, difference_chart
from dualchecker.evaluation.bench_measures import MEASURES, Judged, JudgedSpans
from dualchecker.evaluation.bench_page import render_bench
from dualchecker.evaluation.bench_tables import cell_rows, difference_table, markdown, points, summary_rows
from dualchecker.evaluation.comparison import Difference
from dualchecker.records import Span

METHODS = ("few_shot", "cot", "better")
SHARES = {"few_shot": 0.5, "cot": 0.501, "better": 0.9}


def judged(share: float, seed: int, count: int, prefix: str = "r") -> Judged:
    draw = random.Random(f"{share} {seed}")
    truth = random.Random(0).choices("ab", k=count)
    labels = [true if draw.random() < share else {"a": "b", "b": "a"}[true] for true in truth]
    return Judged(tuple(f"{prefix}{i}" for i in range(count)), tuple(labels), tuple(truth))


def run(data: str, method: str, seed: int, *, count: int = 120, pool_labels: bool = True, calls: float = 1.0) -> Scored:
    teacher = judged(SHARES[method], seed, count) if pool_labels else Judged()
    return Scored(
        data,
        method,
        seed,
        "done",
        teacher=teacher,
        accepted=tuple(i % 2 == 0 for i in range(len(teacher.ids))),
        student=judged(SHARES[method] - 0.05, seed, count, "t"),
        numbers={"accepted": 0.5, "requests_per_record": calls, "student_ece": None, "cost": 0.25, "seconds": 1.5},
    )


def bench(cells: Sequence[Scored], baselines: Sequence[str] = ("few_shot", "cot")) -> Comparison:
    return compare(cells, methods=METHODS, baselines=baselines, repeats=200)


@pytest.fixture(scope="module")
def whole() -> Comparison:
    """Two data sets, three methods, two seeds; one run failed."""
    cells = [run(d, m, s, calls=i + 1) for d in ("x", "y") for s in (0, 1) for i, m in enumerate(METHODS)]
    cells[4] = Scored("x", "cot", 1, "failed", "<script>alert(1)</script> | gone")
    return bench(cells)


def test_a_method_that_is_better_is_told_from_one_that_is_not(whole: Comparison) -> None:
    rows = {row.method: row for row in whole.tables["y"]}
    better, cot = (rows[m].against["few_shot"]["student_accuracy"] for m in ("better", "cot"))
    assert better.low > 0 and cot.low < 0 < cot.high
    assert "few_shot" not in rows["few_shot"].against and "cot" in rows["few_shot"].against
    assert rows["better"].each_seed["few_shot"]["student_accuracy"][0] > 0.2


def test_a_missing_run_is_told_and_differences_use_the_seeds_that_both_have(whole: Comparison) -> None:
    rows = {row.method: row for row in whole.tables["x"]}
    assert rows["cot"].seeds == (0,) and list(rows["cot"].missing) == ["x/1"]
    assert len(rows["better"].each_seed["few_shot"]["teacher_accuracy"]) == 2
    assert len(rows["better"].each_seed["cot"]["teacher_accuracy"]) == 1
    alone = bench([cell for cell in whole.cells if cell.data == "x" and cell.seed == 0])
    again = next(row for row in alone.tables["x"] if row.method == "better")
    assert rows["better"].against["cot"]["teacher_accuracy"].value == pytest.approx(
        again.against["cot"]["teacher_accuracy"].value
    )
    text = markdown(whole)
    assert "cot *" in text and "- failed: <script>alert(1)</script> \\| gone (cot on x/1)" in text


def test_over_all_data_sets_each_counts_alike() -> None:
    cells = [run("small", m, 0, count=40) for m in METHODS] + [run("large", m, 0, count=400) for m in METHODS]
    tables = bench(cells).tables
    for number in range(3):
        each = [tables[name][number].scores["teacher_accuracy"]["value"] for name in ("small", "large")]
        assert tables[OVERALL][number].scores["teacher_accuracy"]["value"] == pytest.approx(sum(each) / 2)


def test_a_method_without_a_data_set_is_named_in_the_mean() -> None:
    cells = [run(d, m, 0) for d in ("x", "y") for m in METHODS]
    cells[1] = Scored("x", "cot", 0, "over budget", "too dear")
    assert "Over y alone, so not comparable with the others: cot." in markdown(bench(cells))


def test_what_is_not_known_is_a_dash_and_no_zero() -> None:
    cells = [run("x", m, 0, pool_labels=False) for m in METHODS]
    result = bench(cells)
    assert all("teacher_accuracy" not in row.scores for row in result.tables["x"])
    line = next(line for line in markdown(result).splitlines() if line.startswith("| better"))
    assert line.split("|")[2].strip() == line.split("|")[8].strip() == "–"
    table = difference_table(result, "x", "few_shot")
    assert table is not None and list(table.head) == ["method", "student macro-F1", "student accuracy"]


def test_a_bench_of_which_nothing_worked_still_says_why() -> None:
    result = bench([Scored("x", m, 0, "failed", "no key") for m in METHODS])
    assert "failed: no key (few_shot on x/0, cot on x/0, better on x/0)" in markdown(
        result
    ) and "no key" in render_bench(result)
    assert len(cell_rows(result)) == 3 and summary_rows(result)


def test_the_same_runs_give_the_same_tables(whole: Comparison) -> None:
    again = bench(whole.cells)
    assert markdown(again) == markdown(whole) and render_bench(again) == render_bench(whole)


def test_points_are_bold_where_the_interval_excludes_zero() -> None:
    assert points(Difference(0.016, 0.004, 0.029, 0.01), (0.01, 0.02, -0.01)) == "**+1.6 (+0.4 to +2.9)** [2/3]"
    assert points(Difference(-0.01, -0.02, 0.01, 0.4)) == "-1.0 (-2.0 to +1.0)"
    assert points(None) == "–"


def test_the_page_is_well_formed_and_escapes(whole: Comparison) -> None:
    page = render_bench(whole)
    assert "<script" not in page and "&lt;script&gt;" in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert not re.search(r'(?:src|href)="(?!#)', page)
    for chart in re.findall(r"<svg.*?</svg>", page, re.S):
        ET.fromstring(chart)
    assert page.count("<svg") == 3 * 4


def test_charts_show_every_method_within_their_frame(whole: Comparison) -> None:
    rows = whole.tables["y"]
    chart = difference_chart(rows, "few_shot", "student_macro_f1", name="d", title="t")
    assert "better" in chart and "cot" in chart and 'class="zero"' in chart
    calls = calls_chart(rows, "student_macro_f1", name="c", title="t")
    for tag in ET.fromstring(calls).iter("circle"):
        assert 52 <= float(tag.get("cx", -1)) <= 338 and 14 <= float(tag.get("cy", -1)) <= 282
    assert not difference_chart(rows[:1], "few_shot", "student_macro_f1", name="d", title="t")


def test_labels_of_methods_that_are_alike_do_not_cover_each_other() -> None:
    cells = [run("x", m, 0, calls=2.0) for m in ("better",)]
    names = [f"better_{i}" for i in range(6)]
    cells = [Scored("x", n, 0, "done", student=c.student, numbers=c.numbers) for n in names for c in cells]
    result = compare(cells, methods=names, baselines=(), repeats=20)
    chart = ET.fromstring(calls_chart(result.tables["x"], "student_accuracy", name="c", title="t"))
    places = [(t.get("x"), t.get("y")) for t in chart.iter("text") if t.get("class") == "hint"]
    assert len(places) == 6 == len(set(places))


def test_csv_rows_can_be_read_back(whole: Comparison) -> None:
    rows = summary_rows(whole)
    assert {row["data"] for row in rows} == {"x", "y", OVERALL}
    better = next(r for r in rows if (r["data"], r["method"], r["score"]) == ("y", "better", "student_accuracy"))
    assert better["minus_few_shot_low"] > 0 and len(better["minus_few_shot_each"].split()) == 2
    failed = next(row for row in cell_rows(whole) if row["state"] == "failed")
    assert (
        failed["reason"].endswith("gone")
        and "teacher_accuracy" in csv.DictReader([",".join(cell_rows(whole)[0])]).fieldnames
    )


def test_methods_that_never_differ_have_a_chart_all_the_same() -> None:
    cells = [run("x", "few_shot", 0), replace(run("x", "few_shot", 0), method="cot")]
    chart = difference_chart(bench(cells).tables["x"], "few_shot", "student_accuracy", name="n", title="t")
    assert "cot: +0.0" in chart


def spans_run(data: str, method: str, moved: int) -> Scored:
    """Twenty records with one span each, of which the first ``moved`` were said a character too far right."""
    ids = tuple(f"r{i}" for i in range(20))
    truth = tuple((Span(0, 4, "cause"),) for _ in ids)
    said = tuple((Span(1, 5, "cause"),) if i < moved else truth[i] for i in range(20))
    kept = tuple(spans if i >= moved // 2 else () for i, spans in enumerate(said))
    return Scored(
        data,
        method,
        0,
        "done",
        teacher=JudgedSpans(ids, said, truth),
        student=JudgedSpans(ids, said, truth),
        kind="extraction",
        kept=JudgedSpans(ids, kept, truth),
    )


def test_spans_have_scores_of_their_own() -> None:
    result = bench([spans_run("s", "few_shot", 10), spans_run("s", "cot", 4)])
    row = result.tables["s"][0]
    assert row.scores["teacher_strict_f1"]["value"] == pytest.approx(0.5)
    assert row.scores["teacher_overlap_f1"]["value"] == 1
    assert row.scores["accepted_precision"]["value"] == pytest.approx(10 / 15)
    apart = result.tables["s"][1].against["few_shot"]["student_strict_f1"]
    assert apart.value == pytest.approx(0.3) and 0 < apart.low < apart.high
    text = markdown(result)
    assert "student span F1" in text and "precision of accepted" in text and "accuracy" not in text
    assert {entry["score"] for entry in summary_rows(result)} == set(MEASURES["extraction"].scores)
    assert "Student: difference from few_shot" in render_bench(result)


def test_no_mean_is_over_two_kinds_of_tasks() -> None:
    cells = [*(run("x", m, 0) for m in METHODS), *(spans_run("s", m, 4) for m in METHODS)]
    result = bench(cells)
    row = result.tables[OVERALL][0]
    assert row.scores["teacher_accuracy"] == result.tables["x"][0].scores["teacher_accuracy"]
    assert row.scores["teacher_strict_f1"] == result.tables["s"][0].scores["teacher_strict_f1"]
    page = render_bench(result)
    assert "Student macro-F1: difference from few_shot" in page and "Student span F1: difference" in page


def test_a_method_that_cannot_do_a_task_is_left_out_by_name() -> None:
    cells = [spans_run("s", "few_shot", 4), Scored("s", "cot", 0, "left out", "it finds no spans", kind="extraction")]
    assert "- left out: it finds no spans (cot on s/0)" in markdown(bench(cells))
