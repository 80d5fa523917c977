"""How long servers ask to wait, by their own clock."""

from collections.abc import Mapping

import pytest

from dualchecker.teachers.waits import limit_hint, retry_after

NOW = "Sat, 21 Nov 2026 21:00:00 GMT"
STAMP = 1795294800
"""The same in seconds since 1970."""


@pytest.mark.parametrize("ours", [0.0, STAMP - 9e6, float(STAMP), STAMP + 9e6])
def test_dates_count_by_the_server_s_clock_however_wrong_ours_is(ours: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dualchecker.teachers.waits.time", lambda: ours)
    headers = {"Date": NOW, "Retry-After": "Sat, 21 Nov 2026 21:01:30 GMT"}
    assert retry_after(headers) == 90
    assert retry_after(headers | {"Retry-After": NOW}) == 0
    assert limit_hint({"Date": NOW, "x-ratelimit-reset": str(STAMP + 20)}) == 20


def test_without_a_date_ours_must_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dualchecker.teachers.waits.time", lambda: float(STAMP))
    assert retry_after({"Retry-After": "Sat, 21 Nov 2026 21:00:07 GMT"}) == 7
    assert retry_after({"Retry-After": "Sat, 21 Nov 2026 21:00:07 GMT", "Date": "today"}) == 7


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "3", "x-ratelimit-reset-requests": "9s"}, 3),
        ({"x-ratelimit-reset-requests": "1s"}, 1),
        ({"x-ratelimit-reset-requests": "120ms"}, 0.12),
        ({"x-ratelimit-reset-tokens": "0m45.5s"}, 45.5),
        ({"x-ratelimit-reset-tokens": "6m0s"}, 60),
        ({"x-ratelimit-reset-tokens": "1h2m3s"}, 60),
        ({"x-ratelimit-reset": "12.5"}, 12.5),
        ({"x-ratelimit-reset": str(STAMP + 9), "Date": NOW}, 9),
        ({"x-ratelimit-reset": str((STAMP + 9) * 1000), "Date": NOW}, 9),
        ({"x-ratelimit-reset": str(STAMP - 9), "Date": NOW}, 0),
        ({"anthropic-ratelimit-tokens-reset": "2026-11-21T21:00:30Z", "Date": NOW}, 30),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "20s"}, 20),
        (
            {
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "20s",
                "x-ratelimit-remaining-tokens": "900",
            },
            1,
        ),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-reset": "nan"}, None),
        ({"x-ratelimit-reset": "-5"}, None),
        ({"x-ratelimit-reset": "9" * 500}, None),
        ({"x-ratelimit-reset": "1e300", "Date": NOW}, 60),
        ({"anthropic-ratelimit-tokens-reset": "2026-99-21T21:00:30Z"}, None),
    ],
)
def test_hints_of_allowances(headers: Mapping[str, str], seconds: float | None) -> None:
    assert limit_hint(headers) == (None if seconds is None else pytest.approx(seconds))
