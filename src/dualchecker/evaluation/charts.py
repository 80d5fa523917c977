"""The report's charts: SVG as text, styled by the page, readable without it.

All are drawn for a column of a phone's width, so that their words keep their size wherever the page is read.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from dualchecker.evaluation.formats import interval, known, percent, visible
from dualchecker.evaluation.intervals import wilson

_WIDTH = 360
_LEFT, _RIGHT, _TOP = 52, 22, 14


@dataclass(frozen=True)
class _Axis:
    """Maps values ``low`` to ``high`` onto pixels ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        step = _step(self.high - self.low)
        first = math.ceil(self.low / step - 1e-6)
        return [round(i * step, 6) for i in range(first, int(self.high / step + 1e-6) + 1)]


def reliability_chart(rows: Sequence[Mapping[str, Any]], *, name: str, title: str) -> Markup:
    """How often answers were right against how sure they were; on the diagonal, sureness is deserved.

    Args:
        rows: ``confidence`` (mean), ``right`` (share), ``count`` of each bin.
        name: Prefix of ids, one of its own for each chart of a page.
        title: For those who hear the page.
    """
    if not rows:
        return Markup()
    height = 330
    x, y = _Axis(0, 1, _LEFT, _WIDTH - _RIGHT), _Axis(0, 1, height - 48, _TOP)
    body = [
        *_frame(x, y, "mean confidence of the bin", "share that was right"),
        _line(x(0), y(0), x(1), y(1), "diagonal"),
    ]
    for row in rows:
        share = wilson(row["right"] * row["count"], row["count"])
        note = f"{row['count']} answers, mean confidence {percent(row['confidence'])}, right {percent(row['right'])}"
        across = x(row["confidence"])
        body.append(_line(across, y(share.low), across, y(share.high), "whisker"))
        body.append(_dot(across, y(row["right"]), 4, "dot", note))
    description = "; ".join(
        f"{percent(row['confidence'])} sure, {percent(row['right'])} right, {row['count']} answers" for row in rows
    )
    return _svg(name, title, description, height, body)


def coverage_chart(
    rows: Sequence[Mapping[str, Any]],
    *,
    name: str,
    title: str,
    target: float | None = None,
    accepted: tuple[float, float] | None = None,
) -> Markup:
    """Accuracy of the surest share of answers, as that share grows.

    Args:
        rows: ``coverage`` and ``accuracy`` of each point, in order; with ``low`` and ``high``, a band is drawn.
        name: Prefix of ids.
        title: For those who hear the page.
        target: The precision asked for, as a line.
        accepted: Share and accuracy of the accepted labels, as a ring.
    """
    if not rows:
        return Markup()
    height = 330
    lowest = min([row["accuracy"] for row in rows] + [v for v in (target, accepted and accepted[1]) if v is not None])
    bottom = max(0.0, min(math.floor(lowest * 10 + 1e-9) / 10 - (0.1 if lowest < 0.9 else 0), 0.9))
    x, y = _Axis(0, 1, _LEFT, _WIDTH - _RIGHT), _Axis(bottom, 1, height - 48, _TOP)
    body = _frame(x, y, "share of answers kept, surest first", "accuracy of those kept")
    if target is not None:
        body.append(_line(x(0), y(target), x(1), y(target), "target"))
        body.append(_text(x(1) - 4, y(target) + 13, f"asked for: {percent(target)}", "hint", "end"))
    banded = [row for row in rows if known(row.get("low")) is not None and known(row.get("high")) is not None]
    if len(banded) > 1:
        upper = [f"{x(row['coverage'])},{y(row['high'])}" for row in banded]
        lower = [f"{x(row['coverage'])},{y(max(row['low'], bottom))}" for row in reversed(banded)]
        body.append(Markup('<polygon class="band" points="{}"/>').format(" ".join([*upper, *lower])))
    path = " ".join(f"{x(row['coverage'])},{y(row['accuracy'])}" for row in rows)
    body.append(Markup('<polyline class="curve" points="{}"/>').format(path))
    for row in rows:
        note = f"the surest {percent(row['coverage'])}: {percent(row['accuracy'])} right"
        body.append(_dot(x(row["coverage"]), y(row["accuracy"]), 2.5, "dot", note))
    description = f"From {percent(rows[0]['accuracy'])} for the surest {percent(rows[0]['coverage'])} "
    description += f"to {percent(rows[-1]['accuracy'])} for all."
    if accepted is not None:
        note = f"accepted: {percent(accepted[0])} of the records, {percent(accepted[1])} right"
        # Left of the ring where the curve, which falls, or the edge is in the way on the right.
        across, end = x(accepted[0]), accepted[0] > (0.3 if y(accepted[1]) <= 24 else 0.75)
        body.append(_dot(across, y(accepted[1]), 6.5, "ring", note))
        where = across - 10 if end else across + 10
        height_of = y(accepted[1])
        beside = height_of - 8 if height_of > 24 else height_of + 20  # at the top there is no room above
        body.append(_text(where, beside, "accepted", "mark", "end" if end else "start"))
        description += f" Accepted were {percent(accepted[0])} with {percent(accepted[1])} right."
    return _svg(name, title, description, height, body)


def whisker_chart(rows: Sequence[tuple[str, Mapping[str, Any]]], *, name: str, title: str, axis: str) -> Markup:
    """Estimates with their intervals, one under the other.

    Args:
        rows: Name and estimate (``value``, ``low``, ``high``); one without a value is left out.
        name: Prefix of ids.
        title: For those who hear the page.
        axis: What is measured.
    """
    shown = [(who, e) for who, e in rows if known(e.get("value")) is not None]
    if not shown:
        return Markup()
    numbers = [n for _, e in shown for key in ("value", "low", "high") if (n := known(e.get(key))) is not None]
    step = _step(max(numbers) - min(numbers))
    low, high = math.floor(min(numbers) / step) * step, math.ceil(max(numbers) / step) * step
    low, high = max(0.0, low if high > low else high - step), min(1.0, high if high > low else low + step)
    bottom = 12 + 46 * len(shown)
    x = _Axis(low, high, 16, _WIDTH - 22)
    body = [_line(x(t), 6, x(t), bottom, "grid") for t in x.ticks()]
    body += [_text(x(t), bottom + 16, _tick(t), "tick", "middle") for t in x.ticks()]
    body.append(_text(_WIDTH / 2, bottom + 35, axis, "axis", "middle"))
    for number, (who, estimate) in enumerate(shown):
        top = 12 + 46 * number
        left, right = known(estimate.get("low")), known(estimate.get("high"))
        note = f"{who}: {interval(estimate)}"
        body.append(_text(4, top + 10, who, "name first" if number == 0 else "name"))
        body.append(_text(_WIDTH - 4, top + 10, interval(estimate), "name", "end"))
        if left is not None and right is not None:
            body.append(_line(x(left), top + 25, x(right), top + 25, "whisker"))
            body += [_line(x(end), top + 21, x(end), top + 29, "whisker") for end in (left, right)]
        body.append(_dot(x(estimate["value"]), top + 25, 5, "dot" if number == 0 else "dot other", note))
    description = "; ".join(f"{who}: {interval(estimate)}" for who, estimate in shown)
    return _svg(name, title, description, bottom + 42, body)


def _step(extent: float) -> float:
    return next(step for step in (0.02, 0.05, 0.1, 0.2) if step == 0.2 or extent / step <= 6.001)


def _tick(value: float) -> str:
    return f"{100 * value:.0f}\N{NO-BREAK SPACE}%"


def _frame(x: _Axis, y: _Axis, across: str, up: str) -> list[Markup]:
    left, bottom = x(x.low), y(y.low)
    lines = [_line(left, y(t), x(x.high), y(t), "grid") for t in y.ticks()]
    lines += [_line(x(t), bottom, x(t), bottom + 4, "grid") for t in x.ticks()]
    lines += [_text(left - 6, y(t) + 4, _tick(t), "tick", "end") for t in y.ticks()]
    lines += [_text(x(t), bottom + 17, _tick(t), "tick", "middle") for t in x.ticks()]
    lines.append(_text((left + x(x.high)) / 2, bottom + 38, across, "axis", "middle"))
    turn = Markup(' transform="rotate(-90)"')
    lines.append(_text(-(bottom + y(y.high)) / 2, 10, up, "axis", "middle", turn))
    return lines


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, x1, y1, x2, y2)


def _dot(x: float, y: float, radius: float, kind: str, note: str) -> Markup:
    # The note is what a mouse shows; the same numbers stand in a table beside the chart.
    shape = Markup('<circle class="{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>')
    return shape.format(kind, x, y, radius, visible(note))


def _text(x: float, y: float, words: str, kind: str, anchor: str = "start", more: Markup | None = None) -> Markup:
    shape = Markup('<text class="{}" x="{}" y="{}" text-anchor="{}"{}>{}</text>')
    return shape.format(kind, x, y, anchor, more or "", visible(words))


def _svg(name: str, title: str, description: str, height: float, body: Sequence[Markup]) -> Markup:
    # Markup.format escapes whatever is not Markup itself.
    shape = Markup(
        '<svg class="chart" role="img" viewBox="0 0 {width} {height}" aria-labelledby="{name}-title {name}-desc">'
        '<title id="{name}-title">{title}</title><desc id="{name}-desc">{description}</desc>{body}</svg>'
    )
    return shape.format(
        width=_WIDTH,
        height=height,
        name=name,
        title=visible(title),
        description=visible(description),
        body=Markup().join(body),
    )
