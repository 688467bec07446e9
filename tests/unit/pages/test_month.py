"""The calendar's month: states of its days, and where its buttons lead."""

from __future__ import annotations

import datetime as dt

import pytest

from services.gateway.pages.dates import date_text, day_text, month_text
from services.gateway.pages.month import month_of
from shared.contracts.sections import Day, DaysData

FEBRUARY = dt.date(2026, 2, 1)


def some_days(*days: str, can_search_further: bool = True) -> DaysData:
    """Days found between 15 January and the end of February."""
    return DaysData(
        first_day=dt.date(2026, 1, 15),
        last_day=dt.date(2026, 2, 28),
        can_search_further=can_search_further,
        days=tuple(Day(date=dt.date.fromisoformat(day), facilities=("SE1",)) for day in days),
    )


def test_each_day_has_one_of_the_states() -> None:
    """Free, chosen, none within what was searched, and unknown before it."""
    chosen = dt.date(2026, 1, 20)
    month = month_of(some_days("2026-01-20", "2026-01-22"), None, chosen)
    states = {cell.date.day: cell.state for week in month.weeks for cell in week if not cell.outside}
    assert (states[14], states[15], states[20], states[22]) == ("unknown", "none", "chosen", "free")
    assert len(states) == 31


def test_weeks_begin_on_monday() -> None:
    """Each week has seven days, and the first of them is a Monday."""
    month = month_of(some_days(), FEBRUARY, None)
    assert all(len(week) == 7 and week[0].date.weekday() == 0 for week in month.weeks)


@pytest.mark.parametrize(
    ("wanted", "chosen", "shown"),
    [
        (None, None, dt.date(2026, 2, 1)),
        (None, dt.date(2026, 1, 20), dt.date(2026, 1, 1)),
        (dt.date(2026, 1, 1), dt.date(2026, 2, 3), dt.date(2026, 1, 1)),
        (dt.date(2027, 5, 1), None, dt.date(2026, 2, 1)),
        (dt.date(2020, 5, 1), None, dt.date(2026, 1, 1)),
    ],
)
def test_which_month_is_shown(wanted: dt.date | None, chosen: dt.date | None, shown: dt.date) -> None:
    """The wanted month within what was searched, else the chosen day's, else the first with a free day."""
    assert month_of(some_days("2026-02-03"), wanted, chosen).first == shown


def test_the_next_month_is_shown_or_searched() -> None:
    """A searched month is only shown; one that isn't is searched, unless it lies beyond the horizon."""
    january = month_of(some_days(), dt.date(2026, 1, 1), None)
    assert (january.next, january.further, january.previous) == (FEBRUARY, False, None)
    february = month_of(some_days(), FEBRUARY, None)
    assert (february.next, february.further, february.previous) == (None, True, dt.date(2026, 1, 1))
    assert not month_of(some_days(can_search_further=False), FEBRUARY, None).further


def test_dates_are_written_as_people_write_them() -> None:
    """In Swedish and in English."""
    assert date_text("2026-02-28", "sv") == "28 februari 2026"
    assert day_text(dt.date(2026, 1, 15), "sv") == "torsdag 15 januari 2026"
    assert day_text("2026-01-15", "en") == "Thursday 15 January 2026"
    assert month_text(FEBRUARY, "sv") == "februari 2026"
