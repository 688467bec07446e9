"""Merging what facilities have answered into one list of days, of people and of timeslots. Pure.

Source: the flow rules, "several facilities".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from shared.contracts.identifiers import hsa_key
from shared.contracts.model import AvailableDate, PerformerInfo
from shared.contracts.rules import DateWindow
from shared.contracts.sections import Day, PerformerOption, TimeslotOption


def merge_days(
    answers: Mapping[str, Iterable[AvailableDate]], window: DateWindow, today: dt.date, before: Sequence[Day] = ()
) -> tuple[Day, ...]:
    """The days that any facility has, in order, each with its facilities; days outside the window are dropped."""
    found: dict[dt.date, dict[str, None]] = {day.date: dict.fromkeys(day.facilities) for day in before}
    for facility, dates in answers.items():
        for one in dates:
            if one.date in window and one.date >= today:
                found.setdefault(one.date, {})[facility] = None
    return tuple(Day(date=date, facilities=tuple(facilities)) for date, facilities in sorted(found.items()))


def merge_performers(answers: Mapping[str, Iterable[PerformerInfo]]) -> tuple[PerformerOption, ...]:
    """The people of all facilities by last name, one entry for each HSA-id whatever its case."""
    merged: dict[str, tuple[PerformerInfo, list[str]]] = {}
    for facility, people in answers.items():
        for person in people:
            _, facilities = merged.setdefault(hsa_key(person.performer), (person, []))
            if facility not in facilities:
                facilities.append(facility)
    options = (
        PerformerOption(
            performer=person.performer,
            first_name=person.first_name,
            last_name=person.last_name,
            title=person.title,
            name=" ".join(part for part in (person.title, person.first_name, person.last_name) if part),
            facilities=tuple(facilities),
        )
        for person, facilities in merged.values()
    )
    return tuple(sorted(options, key=lambda one: (one.last_name.casefold(), one.first_name.casefold(), one.performer)))


def sort_timeslots(options: Iterable[TimeslotOption]) -> tuple[TimeslotOption, ...]:
    """Timeslots by start, facility and who, each once."""
    unique = {option.timeslot_id: option for option in options}
    return tuple(sorted(unique.values(), key=lambda one: (one.start, one.facility_name, one.who or "", one.end)))
