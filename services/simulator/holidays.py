"""The days on which Swedish healthcare facilities are closed although it isn't a weekend."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache


def easter_sunday(year: int) -> dt.date:
    """Give Easter Sunday of a Gregorian year (source: the anonymous Gregorian computus)."""
    golden, century, rest = year % 19, year // 100, year % 100
    leap_centuries, century_rest = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - correction + 15) % 30
    leaps, leap_rest = divmod(rest, 4)
    weekday = (32 + 2 * century_rest + 2 * leaps - epact - leap_rest) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return dt.date(year, month, day + 1)


@lru_cache(maxsize=64)
def holidays(year: int) -> frozenset[dt.date]:
    """Give the year's public holidays, and the eves on which everybody is free."""
    easter = easter_sunday(year)
    midsummer_eve = next(day for day in (dt.date(year, 6, 19 + n) for n in range(7)) if day.weekday() == 4)
    fixed = ((1, 1), (1, 6), (5, 1), (6, 6), (12, 24), (12, 25), (12, 26), (12, 31))
    movable = {easter + dt.timedelta(days=n) for n in (-2, 0, 1, 39, 49)} | {midsummer_eve}
    return frozenset({dt.date(year, month, day) for month, day in fixed} | movable)


def is_closed(day: dt.date) -> bool:
    """Tell whether a day is a Saturday, a Sunday or a holiday."""
    return day.weekday() >= 5 or day in holidays(day.year)
