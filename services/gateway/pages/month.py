"""A month of the calendar: which days can be chosen, and where the buttons lead. Pure.

Source: the flow, page 2: three states, and next month = search further when it isn't searched yet.
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from typing import Literal

from shared.contracts.sections import DaysData

State = Literal["free", "none", "chosen", "unknown"]


@dataclass(frozen=True)
class Cell:
    """A day of the month; `outside` = a neighbouring month's day, shown as nothing."""

    date: dt.date
    state: State
    outside: bool


@dataclass(frozen=True)
class Month:
    """A month to draw: weeks of seven from Monday; `previous` and `next` = months that are searched already.

    `further` = next month isn't searched yet, and may be.
    """

    first: dt.date
    weeks: tuple[tuple[Cell, ...], ...]
    previous: dt.date | None
    next: dt.date | None
    further: bool


def month_of(data: DaysData, wanted: dt.date | None, chosen: dt.date | None) -> Month:
    """The month to show: the wanted one if it is searched, else the chosen day's, else the first."""
    shown = _first(wanted or chosen or (data.days[0].date if data.days else data.first_day))
    shown = min(max(shown, _first(data.first_day)), _first(data.last_day))
    free = {day.date for day in data.days}
    weeks = calendar.Calendar().monthdatescalendar(shown.year, shown.month)
    after = _first(shown + dt.timedelta(days=31))
    return Month(
        first=shown,
        weeks=tuple(
            tuple(Cell(day, _state(day, data, free, chosen), day.month != shown.month) for day in week)
            for week in weeks
        ),
        previous=_first(shown - dt.timedelta(days=1)) if shown > _first(data.first_day) else None,
        next=after if after <= data.last_day else None,
        further=after > data.last_day and data.can_search_further,
    )


def _state(day: dt.date, data: DaysData, free: set[dt.date], chosen: dt.date | None) -> State:
    if day in free:
        return "chosen" if day == chosen else "free"
    return "none" if data.first_day <= day <= data.last_day else "unknown"


def _first(day: dt.date) -> dt.date:
    return day.replace(day=1)
