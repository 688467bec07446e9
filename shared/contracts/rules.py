"""The rules of comment, phone and search windows: the one place, for the browser, the gateway and the workers.

Each rule is a pure function. A refusal says what was refused, so that the patient can mend it.
Source: the seed ("anledning till besök/telefonnummer", "välj dag och tid") and the flow's exact rules.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass

LONGEST_WINDOW = 62
"""The most days that a booking system must be able to search at once."""

COMMENT_MAX_LENGTH = 500
PHONE_MAX_LENGTH = 30
TIME_TYPE_NAME_MAX_LENGTH = 100
SHORT_TEXT_LENGTH = 90
"""Texts longer than this are shown cut, with a link to the rest."""

COMMENT_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZÅÄÖabcdefghijklmnopqrstuvwxyzåäö"
COMMENT_SIGNS = r"!%#/()=?+*_:;{}[]@.,\-"
COMMENT_CHARACTERS = frozenset(COMMENT_LETTERS + "0123456789 " + COMMENT_SIGNS)
"""What a comment may hold, beside letters that the configuration adds."""

PHONE_CHARACTERS = frozenset("0123456789 -+")


@dataclass(frozen=True)
class RefusedCharacter:
    """A character that a text may not hold: itself, its code point as `U+0026`, and its Unicode name."""

    char: str
    codepoint: str
    name: str


class Refused(ValueError):
    """Raised when a text breaks its rule; `reason` is one of required, too_long, characters."""

    def __init__(self, reason: str, *, characters: tuple[RefusedCharacter, ...] = (), max_length: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.characters = characters
        self.max_length = max_length


def clean_comment(
    text: str | None, *, required: bool, extra_letters: str = "", max_length: int = COMMENT_MAX_LENGTH
) -> str | None:
    """Bring a comment into its one form and check it; blank becomes None.

    NFC first, then each run of line breaks and tabs becomes one space, then it is trimmed. Raises Refused, which
    names each refused character once in order of appearance.
    """
    comment = _single_line(unicodedata.normalize("NFC", text or "")).strip()
    if not comment:
        if required:
            raise Refused("required")
        return None
    if len(comment) > max_length:
        raise Refused("too_long", max_length=max_length)
    refused = _refused(comment, COMMENT_CHARACTERS | frozenset(extra_letters))
    if refused:
        raise Refused("characters", characters=refused)
    return comment


def _single_line(text: str) -> str:
    out: list[str] = []
    for char in text:
        if char not in "\r\n\t":
            out.append(char)
        elif not out or out[-1] != "\n":
            out.append("\n")
    return "".join(out).replace("\n", " ")


def clean_phone(text: str | None) -> str | None:
    """Trim and check a phone number: digits, space, hyphen, plus, at most 30; empty becomes None. Raises Refused."""
    phone = (text or "").strip()
    if not phone:
        return None
    refused = _refused(phone, PHONE_CHARACTERS)
    if refused:
        raise Refused("characters", characters=refused)
    if len(phone) > PHONE_MAX_LENGTH:
        raise Refused("too_long", max_length=PHONE_MAX_LENGTH)
    return phone


def phone_from_settings(text: str | None) -> str | None:
    """Make the phone number of a patient's own settings fit: refused characters become spaces, cut to 30."""
    if not text:
        return None
    kept = "".join(char if char in PHONE_CHARACTERS else " " for char in text)
    return kept[:PHONE_MAX_LENGTH].strip() or None


def _refused(text: str, allowed: frozenset[str]) -> tuple[RefusedCharacter, ...]:
    seen = dict.fromkeys(char for char in text if char not in allowed)
    return tuple(
        RefusedCharacter(
            char=char if char.isprintable() else "",
            codepoint=f"U+{ord(char):04X}",
            name=unicodedata.name(char, "unnamed character").lower(),
        )
        for char in seen
    )


@dataclass(frozen=True)
class DateWindow:
    """A closed range of civil days, `first`..`last`, at most 62 of them; ValueError for a longer or reversed one."""

    first: dt.date
    last: dt.date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("a window's last day comes before its first")
        if self.days > LONGEST_WINDOW:
            raise ValueError(f"a window is longer than {LONGEST_WINDOW} days")

    @property
    def days(self) -> int:
        """How many days the window holds, both ends counted."""
        return (self.last - self.first).days + 1

    def __contains__(self, day: dt.date) -> bool:
        return self.first <= day <= self.last

    @classmethod
    def of_day(cls, day: dt.date) -> DateWindow:
        """The window of one day, as the timeslots of a chosen day are asked."""
        return cls(day, day)


def first_window(today: dt.date) -> DateWindow:
    """Window 1: today up to and including the last day of next month."""
    return DateWindow(today, _last_of_month(today, months_on=1))


def extension_window(searched_to: dt.date) -> DateWindow:
    """The automatic second search: the two calendar months after the one last searched."""
    return DateWindow(searched_to + dt.timedelta(days=1), _last_of_month(searched_to, months_on=2))


def further_window(searched_to: dt.date) -> DateWindow:
    """Search further: the one calendar month after the one last searched."""
    return DateWindow(searched_to + dt.timedelta(days=1), _last_of_month(searched_to, months_on=1))


def horizon(today: dt.date, months: int) -> dt.date:
    """The last day that may be searched: the end of the month that lies `months` after today's."""
    return _last_of_month(today, months_on=months)


def _last_of_month(day: dt.date, months_on: int) -> dt.date:
    year, month = divmod(day.year * 12 + day.month - 1 + months_on + 1, 12)
    return dt.date(year, month + 1, 1) - dt.timedelta(days=1)
