"""Charts are well-formed, stay in their frame and tell their numbers; numbers and texts are shown as promised."""

import math
import re
from typing import Any
from xml.etree import ElementTree

from dualchecker.evaluation.charts import coverage_chart, reliability_chart, whisker_chart
from dualchecker.evaluation.formats import cut, interval, money, percent, visible


def test_charts_are_well_formed_and_tell_their_numbers() -> None:
    rows = [{"confidence": 0.2, "right": 0.0, "count": 5}, {"confidence": 0.9, "right": 1.0, "count": 6}]
    curve = [{"coverage": 0.5, "accuracy": 1.0}, {"coverage": 1.0, "accuracy": 0.31}]
    estimates: list[tuple[str, dict[str, Any]]] = [
        ("a < b", {"value": 0.5, "low": 0.4, "high": 0.6}),
        ("gone", {"value": None}),
        ("c", {"value": 0.5}),
    ]
    charts = [
        reliability_chart(rows, name="a", title="T & Co"),
        coverage_chart(curve, name="b", title="T", target=0.95, accepted=(0.9, 0.4)),
        coverage_chart([{"coverage": 1.0, "accuracy": 1.0}], name="c", title="T"),
        coverage_chart(
            [{"coverage": c, "accuracy": 0.9 - 0.2 * c, "low": 0.1, "high": 1.0} for c in (0.2, 0.6, 1.0)],
            name="g",
            title="T",
        ),
        whisker_chart(estimates, name="d", title="T", axis="accuracy"),
        whisker_chart([("all", {"value": 1.0, "low": 1.0, "high": 1.0})], name="e", title="T", axis="accuracy"),
        whisker_chart([("none", {"value": 0.0, "low": 0.0, "high": 0.0})], name="f", title="T", axis="accuracy"),
    ]
    for chart in charts:
        root = ElementTree.fromstring(chart)
        assert root.get("role") == "img"
        named = {element.get("id") for element in root if element.tag in ("title", "desc")}
        assert set(str(root.get("aria-labelledby")).split()) == named
        _, _, width, height = (float(n) for n in str(root.get("viewBox")).split())
        for element in root.iter():
            for key, value in element.attrib.items():
                if key in ("x1", "x2", "cx") or (key == "x" and "transform" not in element.attrib):
                    assert 0 <= float(value) <= width
                if key in ("y1", "y2", "cy"):
                    assert 0 <= float(value) <= height
    assert "20.0\xa0% sure, 0.0\xa0% right, 5 answers" in charts[0]
    assert "gone" not in charts[4]
    assert 'class="band"' in charts[3] and 'class="band"' not in charts[1]
    points = re.search(r'class="band" points="([^"]+)"', charts[3])
    assert points and len(points[1].split()) == 6
    assert all(0 <= float(n) <= 360 for pair in points[1].split() for n in pair.split(","))


def test_charts_without_rows_are_empty() -> None:
    assert reliability_chart([], name="a", title="T") == ""
    assert coverage_chart([], name="a", title="T") == ""
    assert whisker_chart([("x", {})], name="a", title="T", axis="A") == ""


def test_formats() -> None:
    assert interval({"value": 0.712, "low": 0.64, "high": 0.781}) == "71.2\xa0% (64.0–78.1)"
    assert interval(None) == percent(math.nan) == percent(None) == money(None) == "–"
    assert [money(0), money(0.0123), money(1234.5)] == ["0.00", "0.0123", "1,234.50"]
    assert cut("abc def", 4) == "abc …"
    assert visible("a\u202eb\ud800c\n") == "a[U+202E]b[U+D800]c\n"


def test_the_word_beside_the_ring_stays_inside_the_chart() -> None:
    rows = [{"coverage": 0.5, "accuracy": 1.0}, {"coverage": 1.0, "accuracy": 0.8}]
    chart = coverage_chart(rows, name="c", title="t", accepted=(0.5, 1.0))
    top = float(re.search(r'<text class="mark" x="[\d.]+" y="([\d.]+)"[^>]*>accepted', str(chart))[1])  # type: ignore[index]
    assert top > 12
