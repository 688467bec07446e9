"""The calendar file: an entry that moves."""

from __future__ import annotations

import datetime as dt

from services.gateway.pages.calendar_file import calendar_file
from shared.contracts.sections import Summary, SummaryHeading, SummaryRow

AT = dt.datetime(2026, 1, 15, 8, tzinfo=dt.UTC)


def a_summary(facility: str = "Lindängen", end: str | None = "10:30") -> Summary:
    """A box with a time."""
    heading = SummaryHeading(date="2026-02-03", start="10:15", end=end)
    return Summary(heading=heading, rows=(SummaryRow(key="facility", label="Mottagning", text=facility),))


def lines_of(text: str | None) -> list[str]:
    """The file's lines, unfolded."""
    assert text is not None
    return text.replace("\r\n ", "").split("\r\n")


def test_times_are_swedish_civil_time() -> None:
    """Start and end stand in Europe/Stockholm, which the file describes."""
    lines = lines_of(calendar_file(a_summary(), uid="u", at=AT, phone=None))
    assert "DTSTART;TZID=Europe/Stockholm:20260203T101500" in lines
    assert "DTEND;TZID=Europe/Stockholm:20260203T103000" in lines
    assert "TZID:Europe/Stockholm" in lines


def test_an_end_that_may_not_be_shown_is_not_there() -> None:
    """Where the facility doesn't show ends, the file has none either."""
    text = calendar_file(a_summary(end=None), uid="u", at=AT, phone=None)
    assert text is not None
    assert "DTEND" not in text


def test_the_same_uid_has_a_higher_sequence_later() -> None:
    """A later file of the same booking moves the entry."""
    first = lines_of(calendar_file(a_summary(), uid="u", at=AT, phone=None))
    later = lines_of(calendar_file(a_summary(), uid="u", at=AT + dt.timedelta(seconds=1), phone=None))
    assert "UID:u@omboka" in first
    assert "UID:u@omboka" in later
    numbers = [int(next(line for line in lines if line.startswith("SEQUENCE"))[9:]) for lines in (first, later)]
    assert numbers[0] < numbers[1] < 2**31


def test_text_is_escaped_and_lines_are_short() -> None:
    """Signs with a meaning are escaped, and no line is over 75 bytes."""
    text = calendar_file(a_summary("Å, B; C\\D\nE" + "ö" * 100), uid="u", at=AT, phone="08-1")
    assert "SUMMARY:Å\\, B\\; C\\\\D\\nE" + "ö" * 100 in lines_of(text)
    assert max(len(line.encode()) for line in str(text).split("\r\n")) <= 75


def test_a_box_without_a_time_makes_no_file() -> None:
    """Nothing is invented."""
    assert calendar_file(Summary(heading=SummaryHeading()), uid="u", at=AT, phone=None) is None
