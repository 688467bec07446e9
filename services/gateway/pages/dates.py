"""Dates as people write them, from CLDR by way of Babel; the order of day, month and year is the flow's."""

from __future__ import annotations

import datetime as dt
from functools import cache

from babel import Locale
from babel.dates import format_date

from shared.contracts.model import Language

LOCALES = {"sv": Locale("sv"), "en": Locale("en", "GB")}


def date_text(day: dt.date | str, language: Language) -> str:
    """`28 februari 2026`; a date may be given as YYYY-MM-DD."""
    return _text(day, "d MMMM y", language)


def day_text(day: dt.date | str, language: Language) -> str:
    """`torsdag 15 januari 2026`; a date may be given as YYYY-MM-DD."""
    return _text(day, "EEEE d MMMM y", language)


def month_text(month: dt.date, language: Language) -> str:
    """`januari 2026`."""
    return _text(month, "LLLL y", language)


@cache
def weekdays(language: Language) -> tuple[str, ...]:
    """The names of the days from Monday on: `måndag`, ..."""
    return tuple(LOCALES[language].days["stand-alone"]["wide"][number] for number in range(7))


def _text(day: dt.date | str, form: str, language: Language) -> str:
    date = dt.date.fromisoformat(day) if isinstance(day, str) else day
    return format_date(date, form, locale=LOCALES[language])
