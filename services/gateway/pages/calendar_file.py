"""The rebooked time as an iCalendar file, so that an entry in the patient's own calendar moves along. Pure.

The same UID with a higher SEQUENCE moves the entry (source: RFC 5546 3.2.2). Times are Swedish civil time.
"""

from __future__ import annotations

import datetime as dt

from shared.contracts.sections import Summary

TIMEZONE = (
    "BEGIN:VTIMEZONE",
    "TZID:Europe/Stockholm",
    "BEGIN:DAYLIGHT",
    "TZOFFSETFROM:+0100",
    "TZOFFSETTO:+0200",
    "TZNAME:CEST",
    "DTSTART:19960331T020000",
    "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
    "END:DAYLIGHT",
    "BEGIN:STANDARD",
    "TZOFFSETFROM:+0200",
    "TZOFFSETTO:+0100",
    "TZNAME:CET",
    "DTSTART:19961027T030000",
    "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
    "END:STANDARD",
    "END:VTIMEZONE",
)


def calendar_file(summary: Summary, *, uid: str, at: dt.datetime, phone: str | None) -> str | None:
    """The file's text, None for a box without a time. `at` (aware) makes SEQUENCE, which rises by the second."""
    heading = summary.heading
    if heading.date is None or heading.start is None:
        return None
    facility = next((row.text for row in summary.rows if row.key == "facility"), "")
    date = heading.date.replace("-", "")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Omboka//Omboka//SV",
        "METHOD:PUBLISH",
        *TIMEZONE,
        "BEGIN:VEVENT",
        f"UID:{uid}@omboka",
        f"SEQUENCE:{int(at.timestamp())}",
        f"DTSTAMP:{at.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;TZID=Europe/Stockholm:{date}T{heading.start.replace(':', '')}00",
    ]
    if heading.end is not None:
        lines.append(f"DTEND;TZID=Europe/Stockholm:{date}T{heading.end.replace(':', '')}00")
    lines += [f"SUMMARY:{_text(facility)}", f"LOCATION:{_text(facility)}"]
    if phone:
        lines.append(f"DESCRIPTION:{_text(phone)}")
    lines += ["END:VEVENT", "END:VCALENDAR", ""]
    return "\r\n".join(_folded(line) for line in lines)


def _text(text: str) -> str:
    for char, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(char, escaped)
    return "".join(char for char in text if char.isprintable())


def _folded(line: str) -> str:
    """Break a line into pieces of at most 75 bytes (source: RFC 5545 3.1)."""
    pieces, piece = [], ""
    for char in line:
        if len((piece + char).encode()) > 74:
            pieces.append(piece)
            piece = ""
        piece += char
    return "\r\n ".join([*pieces, piece])
