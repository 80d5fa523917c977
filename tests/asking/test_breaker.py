"""When a run stops: not for what lies in a text, but for what every request would meet."""

import pytest

from dualchecker.asking.breaker import ALIKE, IN_A_ROW, LOOKED_AT, Breaker
from dualchecker.errors import RequestFailed, TeacherError


def failed(kind: str = "server_error", why: str = "HTTP 500: no", *, fatal: bool = False) -> RequestFailed:
    return RequestFailed("It failed.", kind=kind, why=why, status=500, fatal=fatal)


def test_a_fatal_failure_is_raised_as_it_is() -> None:
    failure = failed(fatal=True)
    with pytest.raises(RequestFailed) as caught:
        Breaker().failure(failure)
    assert caught.value is failure


def test_so_many_in_a_row_stop_and_a_success_between_them_does_not() -> None:
    breaker = Breaker()
    for number in range(IN_A_ROW - 1):
        breaker.failure(failed(why=f"cause {'x' * number}"))
    breaker.success()
    for number in range(IN_A_ROW - 1):
        breaker.failure(failed(why=f"cause {'x' * number}"))
    with pytest.raises(TeacherError, match=f"{IN_A_ROW} requests in a row") as caught:
        breaker.failure(failed())
    assert "HTTP 500: no" in str(caught.value)


def test_one_and_the_same_failure_stops_though_others_succeed() -> None:
    """Numbers of the request in the message do not make it another failure."""
    breaker = Breaker()
    with pytest.raises(TeacherError, match=f"{ALIKE} of the last {LOOKED_AT}"):
        for number in range(10 * LOOKED_AT):
            if number % 6 == 0:
                breaker.success()
            else:
                breaker.failure(failed("bad_request", f"HTTP 400: request 7f{number:x}a is not valid"))


def test_different_failures_or_fewer_do_not() -> None:
    breaker = Breaker()
    for number in range(5 * LOOKED_AT):
        if number % 4 == 0:
            breaker.success()
        else:
            breaker.failure(failed(why="that" if number % 2 else "this"))
    for number in range(5 * LOOKED_AT):
        if number % 3 == 0:
            breaker.failure(failed())
        else:
            breaker.success()


@pytest.mark.parametrize("kind", ["refused", "too_long"])
def test_what_lies_in_a_text_never_stops_a_run_that_has_had_answers(kind: str) -> None:
    breaker = Breaker()
    breaker.success()
    for _ in range(5 * LOOKED_AT):
        breaker.failure(failed(kind, "the same each time"))


def test_refusals_from_the_first_one_on_do_stop_it() -> None:
    breaker = Breaker()
    with pytest.raises(TeacherError, match="in a row"):
        for _ in range(IN_A_ROW):
            breaker.failure(failed("refused"))


def test_answers_that_were_not_recorded_never_stop_it() -> None:
    breaker = Breaker()
    for _ in range(5 * LOOKED_AT):
        breaker.failure(failed("not_recorded"))
