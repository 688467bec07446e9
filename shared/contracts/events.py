"""The events of a rebooking: past tense, each with the whole section that changed.

An event is encoded once, here, as the bytes of its frame without the sequence number; the log gives it its number and
`with_seq` puts it in front, so nobody encodes it again. Source: the interface, "WebSocket".
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from pydantic_core import to_json

from shared.contracts.sections import OutcomeState, SectionName, State


class EventName(StrEnum):
    """Every event that a client may see."""

    CHOICE_MADE = "choice.made"
    SECTION_LOADING = "section.loading"
    SECTION_FAILED = "section.failed"
    BOOKING_READY = "booking.ready"
    CONTRACTS_READY = "contracts.ready"
    FACILITIES_READY = "facilities.ready"
    FACILITIES_HIDDEN = "facilities.hidden"
    FACILITIES_EMPTY = "facilities.empty"
    TERMS_READY = "terms.ready"
    PERFORMERS_READY = "performers.ready"
    PERFORMERS_HIDDEN = "performers.hidden"
    PERFORMERS_EMPTY = "performers.empty"
    DAYS_PARTIAL = "days.partial"
    DAYS_READY = "days.ready"
    DAYS_EMPTY = "days.empty"
    DAYS_EXTENDED = "days.extended"
    TIMESLOTS_PARTIAL = "timeslots.partial"
    TIMESLOTS_READY = "timeslots.ready"
    TIMESLOTS_EMPTY = "timeslots.empty"
    DETAILS_READY = "details.ready"
    BOOKINGS_PARTIAL = "bookings.partial"
    BOOKINGS_READY = "bookings.ready"
    REBOOKING_ACCEPTED = "rebooking.accepted"
    REBOOKING_SENDING = "rebooking.sending"
    REBOOKING_CONFIRMED = "rebooking.confirmed"
    REBOOKING_REJECTED = "rebooking.rejected"
    REBOOKING_UNKNOWN = "rebooking.unknown"
    REBOOKING_NOT_APPLIED = "rebooking.not_applied"
    REBOOKING_OTHER_TIME = "rebooking.other_time"
    REBOOKING_MANUAL = "rebooking.manual"


def of_section(section: SectionName, state: State) -> EventName:
    """The event that tells a section's new state."""
    if state in (State.FAILED, State.LOADING):
        return EventName(f"section.{state.value}")
    return EventName(f"{section.value}.{state.value}")


def of_outcome(state: OutcomeState) -> EventName:
    """The event that tells an outcome's new state."""
    return EventName(f"rebooking.{state.value}")


def encode(name: EventName, *, command_id: str | None, at: dt.datetime, final: bool, data: dict[str, Any]) -> bytes:
    """The frame of an event as UTF-8 JSON, without its sequence number. `at` is an aware time, told in UTC.

    `final` = no further event follows for this command.
    """
    frame = {
        "type": "event",
        "at": rfc3339(at),
        "command_id": command_id,
        "name": name.value,
        "final": final,
        "data": data,
    }
    return to_json(frame)


def with_seq(public: bytes, seq: int) -> bytes:
    """Put the sequence number in front of an encoded event."""
    return b'{"seq":%d,' % seq + public[1:]


def rfc3339(at: dt.datetime) -> str:
    """An aware time as RFC 3339 in UTC with milliseconds."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
