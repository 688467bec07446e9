"""Dates as people write them."""

from __future__ import annotations

import datetime as dt

from shared.contracts.model import Language

WEEKDAYS = {
    "sv": ("måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
MONTHS = {
    "sv": (
        "januari", "februari", "mars", "april", "maj", "juni",
        "juli", "augusti", "september", "oktober", "november", "december",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip


def date_text(day: dt.date | str, language: Language) -> str:
    """`28 februari 2026`; a date may be given as YYYY-MM-DD."""
    date = dt.date.fromisoformat(day) if isinstance(day, str) else day
    return f"{date.day} {MONTHS[language][date.month - 1]} {date.year}"


def day_text(day: dt.date | str, language: Language) -> str:
    """`torsdag 15 januari 2026`; a date may be given as YYYY-MM-DD."""
    date = dt.date.fromisoformat(day) if isinstance(day, str) else day
    return f"{WEEKDAYS[language][date.weekday()]} {date_text(date, language)}"


def month_text(month: dt.date, language: Language) -> str:
    """`januari 2026`."""
    return f"{MONTHS[language][month.month - 1]} {month.year}"
