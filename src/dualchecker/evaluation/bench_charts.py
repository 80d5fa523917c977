"""The charts of a bench: differences with intervals, and quality against calls."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from dualchecker.evaluation.bench import Row
from dualchecker.evaluation.bench_measures import WORDS
from dualchecker.evaluation.bench_tables import clear, points
from dualchecker.evaluation.charts import _Axis, _dot, _line, _svg, _text, _tick
from dualchecker.evaluation.comparison import Difference
from dualchecker.evaluation.formats import decimal, interval, known

_WIDTH = 360
_LETTER = 6.0
"""Mean width of a letter of the labels, in pixels."""


def difference_chart(rows: Sequence[Row], baseline: str, score: str, *, name: str, title: str) -> Markup:
    """Each method's difference from a baseline, with its interval, one under the other; 0 is the baseline.

    Args:
        rows: The methods; those without a difference are left out.
        baseline: Compared with.
        score: Which score.
        name: Prefix of ids, one of its own for each chart of a page.
        title: For those who hear the page.
    """
    shown = [(row.method, apart) for row in rows if (apart := _finite(row.against.get(baseline, {}).get(score)))]
    if not shown:
        return Markup()
    numbers = [0.0, *(number for _, d in shown for number in (d.value, d.low, d.high))]
    step = _round_step(max(numbers) - min(numbers))
    low, high = math.floor(min(numbers) / step) * step, math.ceil(max(numbers) / step) * step
    if low == high:  # nobody differs from the baseline on any resample
        low, high = low - step, high + step
    bottom = 10 + 38 * len(shown)
    x = _Axis(low, high, 14, _WIDTH - 18)
    ticks = [round(low + i * step, 6) for i in range(round((high - low) / step) + 1)]
    body = [_line(x(t), 6, x(t), bottom, "zero" if t == 0 else "grid") for t in ticks]
    body += [_text(x(t), bottom + 16, f"{100 * t:+.3g}" if t else "0", "tick", "middle") for t in ticks]
    words = f"{WORDS[score]}, percentage points from {baseline}"
    body.append(_text(_WIDTH / 2, bottom + 35, words, "axis", "middle"))
    for number, (method, apart) in enumerate(shown):
        top, value = 10 + 38 * number, points(apart).replace("*", "")
        kind = "" if clear(apart) else " other"
        body.append(_text(4, top + 10, method, "name first" if clear(apart) else "name"))
        body.append(_text(_WIDTH - 4, top + 10, value, "name", "end"))
        body.append(_line(x(apart.low), top + 22, x(apart.high), top + 22, "whisker"))
        body += [_line(x(end), top + 18, x(end), top + 26, "whisker") for end in (apart.low, apart.high)]
        body.append(_dot(x(apart.value), top + 22, 4.5, f"dot{kind}", f"{method}: {value}"))
    description = "; ".join(f"{method}: {points(apart).replace('*', '')}" for method, apart in shown)
    return _svg(name, title, description, bottom + 42, body)


def _finite(apart: Difference | None) -> Difference | None:
    numbers = (apart.value, apart.low, apart.high) if apart else (None,)
    return apart if all(known(number) is not None for number in numbers) else None


def _round_step(extent: float) -> float:
    """At most seven ticks, a round number of points apart."""
    steps = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    return next((step for step in steps if extent / step <= 6), 1.0)


@dataclass(frozen=True)
class _Box:
    """Where a label stands."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "_Box") -> float:
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, wide) * max(0.0, high)


def calls_chart(rows: Sequence[Row], score: str, *, name: str, title: str) -> Markup:
    """A score against calls per record: up is better, left is cheaper.

    Args:
        rows: The methods; those without a score are left out.
        score: Which score.
        name: Prefix of ids.
        title: For those who hear the page.
    """
    shown = [
        (row.method, calls, row.scores[score])
        for row in rows
        if (calls := known(row.numbers.get("requests_per_record"))) is not None
        and known(row.scores.get(score, {}).get("value")) is not None
    ]
    if not shown:
        return Markup()
    height = 330
    values = [estimate["value"] for *_, estimate in shown]
    step = _round_step(max(max(values) - min(values), 0.02))
    low, high = math.floor(min(values) / step - 0.25) * step, math.ceil(max(values) / step + 0.25) * step
    most = max(calls for _, calls, _ in shown)
    unit = next((u for u in (0.25, 0.5, 1, 2, 5, 10, 20, 50) if most / u <= 6), max(1.0, most / 5))
    x = _Axis(0, max(unit, math.ceil(most / unit + 0.05) * unit), 52, _WIDTH - 22)
    y = _Axis(low, high, height - 48, 14)
    ups = [round(low + i * step, 6) for i in range(round((high - low) / step) + 1)]
    across = [i * unit for i in range(int(x.high / unit + 1e-6) + 1)]
    body = [_line(x(0), y(t), x(x.high), y(t), "grid") for t in ups]
    body += [_text(x(0) - 6, y(t) + 4, f"{100 * t:.3g} %" if step < 0.01 else _tick(t), "tick", "end") for t in ups]
    body += [_line(x(t), y(low), x(t), y(low) + 4, "grid") for t in across]
    body += [_text(x(t), y(low) + 17, f"{t:g}", "tick", "middle") for t in across]
    body.append(_text((x(0) + x(x.high)) / 2, y(low) + 38, "calls per pool record", "axis", "middle"))
    turn = Markup(' transform="rotate(-90)"')
    body.append(_text(-(y(low) + y(high)) / 2, 10, WORDS[score], "axis", "middle", turn))
    spots = {method: (x(calls), y(estimate["value"])) for method, calls, estimate in shown}
    for method, calls, estimate in shown:
        note = f"{method}: {interval(estimate)}, {decimal(calls, 2)} calls per record"
        body.append(_dot(*spots[method], 4, "dot", note))
    names = _short([method for method, *_ in shown])
    for method, (left, base, anchor) in _labels(spots, names, x, y).items():
        if abs(base - 4 - spots[method][1]) > 6:  # too far from its dot to be told whose it is
            body.append(_line(*spots[method], left, base - 4, "leader"))
        body.append(_text(left, base, names[method], "hint", anchor))
    description = "; ".join(f"{m}: {interval(e)} at {decimal(c, 2)} calls" for m, c, e in shown)
    return _svg(name, title, description, height, body)


def _short(methods: Sequence[str]) -> dict[str, str]:
    """Names for a crowded place: of a variant of another method, what sets it apart from that."""
    names = {}
    for method in methods:
        whole = max((m for m in methods if method.startswith(m + "_")), key=len, default="")
        names[method] = "… " + method[len(whole) + 1 :].replace("_", " ") if whole else method
    return names


def _labels(
    spots: Mapping[str, tuple[float, float]], names: Mapping[str, str], x: _Axis, y: _Axis
) -> dict[str, tuple[float, float, str]]:
    """A place beside each dot where the label covers as little as possible; the first dots choose first."""
    taken = [_Box(a - 5, b - 5, a + 5, b + 5) for a, b in spots.values()]
    placed = {}
    for method, (a, b) in sorted(spots.items(), key=lambda item: (item[1][1], item[1][0])):
        wide = _LETTER * len(names[method])
        places = [(a + side * 8, b + 4 + down, side) for down in (0, -9, 9, -18, 18, -27, 27) for side in (1, -1)]

        def cost(place: tuple[float, float, int], wide: float = wide, b: float = b) -> tuple[float, float]:
            left = place[0] if place[2] > 0 else place[0] - wide
            box = _Box(left, place[1] - 10, left + wide, place[1] + 2)
            outside = max(0.0, x(x.low) - box.left) + max(0.0, box.right - x.end - 20)
            outside += max(0.0, y(y.high) - 12 - box.top) + max(0.0, box.bottom - y(y.low))
            return sum(box.overlap(other) for other in taken) + 100 * outside, abs(place[1] - 4 - b)

        best = min(places, key=cost)
        left = best[0] if best[2] > 0 else best[0] - wide
        taken.append(_Box(left, best[1] - 10, left + wide, best[1] + 2))
        placed[method] = (best[0], best[1], "start" if best[2] > 0 else "end")
    return placed
