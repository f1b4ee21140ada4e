"""Cron expressions and rates, as EventBridge Scheduler documents them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.config.sections.triggers import time_zones
from smp.definition.cron import FIELDS, CronError, check_cron, check_rate


@pytest.mark.parametrize(
    "expression",
    [
        "0 6 * * ? *",
        "0/15 * * * ? *",
        "*/15 8-17 ? * MON-FRI *",
        "0-15/1 8-8 ? * 2,3,4,5,6,7 *",
        "1-31/30 1-1 ? * 1,7 *",
        "0 10 L * ? *",
        "0 10 15W * ? *",
        "0 10 ? * 6L 2026-2030",
        "0 10 ? * friL *",
        "0 10 ? * MON#1 *",
        "0 10 ? * 3#2 2027/2",
        "0 0 29 2 ? *",
        "0 0 31 2,3 ? *",
        "0 0 1 JAN,apr,7,OCT ? 1970,2199",
        "0 0 1/2 * ? *",
        "0 0 ? * L *",
    ],
)
def test_what_the_service_takes(expression: str) -> None:
    assert check_cron(expression) == expression


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "0 6 * * *",
        "60 6 * * ? *",
        "0 6 0 * ? *",
        "0 6 32 * ? *",
        "0 6 1 13 ? *",
        "0 6 1 JANUARY ? *",
        "0 6 ? * 0 *",
        "0 6 ? * 8 *",
        "0 6 * * ? 1969",
        "0 6 * * ? 2200",
        "? 6 * * ? *",
        "0 ? * * ? *",
        "0 6 * ? ? *",
        "0 6 * * ? ?",
        "0 6 1 * MON *",
        "0,,5 6 * * ? *",
        ", 6 * * ? *",
        "0-  6 * * ? *",
        "0/ 6 * * ? *",
        "/15 6 * * ? *",
        "0/0 6 * * ? *",
        "0/60 6 * * ? *",
        "5-1 6 * * ? *",
        "0 6 W * ? *",
        "0 6 1W,15W * ? *",
        "0 6 L,15 * ? *",
        "0 6 L-3 * ? *",
        "0 6 ? * L# *",
        "0 6 ? * #2 *",
        "0 6 ? * MON#0 *",
        "0 6 ? * */2 *",
        "0 6 31 4,6,9,11 ? *",
        "+5 6 * * ? *",
        "\N{ARABIC-INDIC DIGIT FIVE} 6 * * ? *",
        "@daily",
    ],
)
def test_fails_for_what_the_service_refuses(expression: str) -> None:
    with pytest.raises(CronError):
        check_cron(expression)


@given(
    st.lists(st.text("0123456789*?,-/LW#MONJA ", max_size=6), min_size=1, max_size=7).map(" ".join)
)
def test_any_text_is_taken_or_refused_with_a_reason(text: str) -> None:
    taken, error = _checked(text)
    assert error is None or (error.reason and error.allowed)
    assert taken is None or len(taken.split()) == len(FIELDS)


@given(st.integers(0, 59), st.integers(0, 23), st.integers(1, 28), st.integers(1, 12))
def test_any_moment_of_the_year_is_taken(minute: int, hour: int, day: int, month: int) -> None:
    expression = f"{minute} {hour} {day} {month} ? *"
    assert check_cron(f" {expression}  ".replace(" ", "  ")) == expression


@pytest.mark.parametrize("rate", ["1 minute", "5 minutes", "1 hour", "36 hours", "1 day", "7 days"])
def test_rates_that_the_service_takes(rate: str) -> None:
    assert check_rate(f" {rate.replace(' ', '   ')} ") == rate


@pytest.mark.parametrize(
    "rate", ["", "hour", "1", "0 days", "1 hours", "2 hour", "1.5 hours", "-1 day", "rate(1 day)"]
)
def test_fails_for_rates_that_the_service_refuses(rate: str) -> None:
    with pytest.raises(CronError):
        check_rate(rate)


def test_time_zones_are_those_of_the_database_and_short_enough() -> None:
    zones = time_zones()
    assert {"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"} <= zones
    assert max(map(len, zones)) <= 50


def _checked(text: str) -> tuple[str | None, CronError | None]:
    try:
        return check_cron(text), None
    except CronError as error:
        return None, error
