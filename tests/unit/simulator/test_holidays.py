"""The days on which facilities are closed."""

from __future__ import annotations

import datetime as dt

import pytest

from services.simulator.holidays import easter_sunday, holidays, is_closed


@pytest.mark.parametrize(
    ("year", "easter"), [(2000, (4, 23)), (2024, (3, 31)), (2026, (4, 5)), (2027, (3, 28)), (2038, (4, 25))]
)
def test_easter_is_when_the_almanac_says(year: int, easter: tuple[int, int]) -> None:
    """Easter Sunday is the almanac's."""
    assert easter_sunday(year) == dt.date(year, *easter)


def test_the_holidays_of_2026() -> None:
    """Every holiday of 2026, and the eves on which everybody is free, are closed days."""
    days = ["01-01", "01-06", "04-03", "04-05", "04-06", "05-01", "05-14", "05-24", "06-06", "06-19", "12-24", "12-25", "12-26", "12-31"]  # fmt: skip  # noqa: E501
    assert holidays(2026) == {dt.date.fromisoformat(f"2026-{day}") for day in days}


def test_weekends_are_closed_and_working_days_open() -> None:
    """Saturday and Sunday are closed; the Monday after is open."""
    assert [is_closed(dt.date(2026, 1, day)) for day in (16, 17, 18, 19)] == [False, True, True, False]
