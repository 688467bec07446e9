"""Search windows over ten years of days: never too long, months right."""

from __future__ import annotations

import calendar
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import FixedClock
from shared.contracts.rules import DateWindow, extension_window, first_window, further_window, horizon

DAYS = st.dates(dt.date(2024, 1, 1), dt.date(2034, 12, 31))


def last_day(year: int, month: int) -> dt.date:
    """The last day of a month, counted on from January of `year`."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return dt.date(year, month, calendar.monthrange(year, month)[1])


@given(DAYS)
def test_first_window_ends_with_next_month(today: dt.date) -> None:
    """Window 1 is today up to and including the last day of next month, whatever the day."""
    window = first_window(today)
    assert (window.first, window.last) == (today, last_day(today.year, today.month + 1))


@given(DAYS)
def test_extension_is_the_two_months_after(today: dt.date) -> None:
    """The automatic search begins the day after window 1 and ends with the second month after it."""
    window = extension_window(first_window(today).last)
    assert window.first == dt.date(last_day(today.year, today.month + 1).year, today.month % 12 + 1, 1) + dt.timedelta(
        days=calendar.monthrange(window.first.year, today.month % 12 + 1)[1]
    )
    assert window.last == last_day(today.year, today.month + 3)


@given(DAYS, st.integers(1, 24))
def test_searching_further_leaves_no_gap(today: dt.date, times: int) -> None:
    """Each search further is the whole calendar month after the last one searched."""
    searched = extension_window(first_window(today).last)
    for _ in range(times):
        further = further_window(searched.last)
        assert further.first == searched.last + dt.timedelta(days=1)
        assert further.first.day == 1
        assert further.last == last_day(further.first.year, further.first.month)
        searched = further


def test_no_window_of_ten_years_is_too_long() -> None:
    """Every day of ten years gives windows of at most 62 days that hold what they say."""
    day = dt.date(2024, 1, 1)
    while day < dt.date(2035, 1, 1):
        first = first_window(day)
        for window in (first, extension_window(first.last), further_window(first.last)):
            assert 28 <= window.days <= 62
            assert window.first in window
            assert window.last in window
            assert window.last + dt.timedelta(days=1) not in window
        day += dt.timedelta(days=1)


def test_a_search_begins_on_the_swedish_day_at_any_moment_of_ten_years() -> None:
    """From its first second to its last a day is today, on the days of 23 and of 25 hours too."""
    for number in range(dt.date(2024, 1, 1).toordinal(), dt.date(2035, 1, 1).toordinal()):
        day = dt.date.fromordinal(number)
        begins, ends = midnight(day), midnight(day + dt.timedelta(days=1))
        for moment in (begins, ends - dt.timedelta(seconds=1)):
            window = first_window(FixedClock(moment).today())
            assert (window.first, window.last) == (day, last_day(day.year, day.month + 1))


def midnight(day: dt.date) -> dt.datetime:
    """When a day begins in Sweden: two hours before UTC's in summer time, from March's last Sunday to October's."""
    march, october = (last_sunday(day.year, month) for month in (3, 10))
    hours = 2 if march < day <= october else 1
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) - dt.timedelta(hours=hours)


def last_sunday(year: int, month: int) -> dt.date:
    """The last Sunday of March or October."""
    last = dt.date(year, month, 31)
    return last - dt.timedelta(days=(last.weekday() + 1) % 7)


@pytest.mark.parametrize(
    ("today", "first", "second", "third"),
    [
        ("2026-01-15", ("2026-01-15", "2026-02-28"), ("2026-03-01", "2026-04-30"), ("2026-05-01", "2026-05-31")),
        ("2026-07-01", ("2026-07-01", "2026-08-31"), ("2026-09-01", "2026-10-31"), ("2026-11-01", "2026-11-30")),
        ("2026-12-01", ("2026-12-01", "2027-01-31"), ("2027-02-01", "2027-03-31"), ("2027-04-01", "2027-04-30")),
        ("2027-12-31", ("2027-12-31", "2028-01-31"), ("2028-02-01", "2028-03-31"), ("2028-04-01", "2028-04-30")),
        ("2028-01-31", ("2028-01-31", "2028-02-29"), ("2028-03-01", "2028-04-30"), ("2028-05-01", "2028-05-31")),
    ],
)
def test_the_flows_own_examples(
    today: str, first: tuple[str, str], second: tuple[str, str], third: tuple[str, str]
) -> None:
    """The seed's example, its slip of 31 April mended, the longest months, a turn of the year and a leap day."""
    one = first_window(dt.date.fromisoformat(today))
    two = extension_window(one.last)
    three = further_window(two.last)
    shown = [(window.first.isoformat(), window.last.isoformat()) for window in (one, two, three)]
    assert shown == [first, second, third]


def test_a_window_of_62_days_stands_and_63_is_refused() -> None:
    """July and August together may be asked; a day more is never sent."""
    assert DateWindow(dt.date(2026, 7, 1), dt.date(2026, 8, 31)).days == 62
    with pytest.raises(ValueError):
        DateWindow(dt.date(2026, 7, 1), dt.date(2026, 9, 1))


def test_a_reversed_window_is_refused() -> None:
    """A window whose last day comes before its first doesn't exist; one of a single day does."""
    day = dt.date(2026, 3, 29)
    assert DateWindow.of_day(day).days == 1
    with pytest.raises(ValueError):
        DateWindow(day, day - dt.timedelta(days=1))


@given(DAYS, st.integers(1, 36))
def test_the_horizon_is_a_months_end(today: dt.date, months: int) -> None:
    """The horizon is the last day of the month that lies so many months on."""
    assert horizon(today, months) == last_day(today.year, today.month + months)
