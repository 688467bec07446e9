"""The sections of a snapshot: what a client sees of one part of a rebooking, whole, each time it changes.

A worker or the gateway makes a `Section`, and `public()` gives the JSON object that goes into an event and from there
into the snapshot unchanged; nothing is merged. Source: the interface, "Snapshot".
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any, Literal

from pydantic import SerializeAsAny

from shared.contracts.civil_time import CivilTime
from shared.contracts.model import Frozen, SourceStatus, Timeslot


class SectionName(StrEnum):
    """The parts of a rebooking, in the order in which a patient meets them; a choice resets those after its own."""

    BOOKING = "booking"
    FACILITIES = "facilities"
    TERMS = "terms"
    PERFORMERS = "performers"
    DAYS = "days"
    TIMESLOTS = "timeslots"
    DETAILS = "details"


class State(StrEnum):
    """How far a section has come. "Could not fetch" (failed) is never shown as "nothing there" (empty)."""

    IDLE = "idle"
    LOADING = "loading"
    PARTIAL = "partial"
    READY = "ready"
    EMPTY = "empty"
    HIDDEN = "hidden"
    FAILED = "failed"


class HiddenReason(StrEnum):
    """Why an optional section isn't there."""

    CONTRACT_MISSING = "contract_missing"
    NONE_LISTED = "none_listed"
    REGISTRY_UNAVAILABLE = "registry_unavailable"


class SummaryHeading(Frozen):
    """The yellow box's first line: `YYYY-MM-DD`, `HH:MM`, `HH:MM` only where the facility shows end times, and who."""

    date: str | None = None
    start: str | None = None
    end: str | None = None
    who: str | None = None


class SummaryRow(Frozen):
    """A row of the yellow box; `short` is the first `cut_at` code points of a text that is shown cut at first."""

    key: Literal["facility", "time_type", "reason", "information"]
    label: str
    text: str
    cut_at: int | None = None
    short: str | None = None


class SummaryPurpose(Frozen):
    """The purpose, last and without a heading: safe HTML made of DocBook, or plain text under the rule of cutting."""

    html: str | None = None
    text: str | None = None
    cut_at: int | None = None
    short: str | None = None


class Summary(Frozen):
    """The yellow box, ready to draw."""

    heading: SummaryHeading
    rows: tuple[SummaryRow, ...] = ()
    purpose: SummaryPurpose | None = None


class BookingData(Frozen):
    """The booked time that may be moved; `facility_name` and `facility_phone` are the catalogue's."""

    booking_id: str
    facility: str
    facility_name: str
    facility_phone: str
    start: str | None
    end: str | None
    performer: str | None
    performer_name: str | None
    resource_id: str | None
    resource_name: str | None
    time_type_id: str | None
    time_type_name: str | None
    care_type_id: str | None
    care_type_name: str | None
    reason: str | None
    purpose: str | None
    cancel_booking_allowed: bool
    rebooking_allowed: bool
    message_allowed: bool
    is_invitation: bool
    summary: Summary

    @classmethod
    def of(
        cls,
        booking: Timeslot,
        *,
        booking_id: str,
        facility: str,
        facility_name: str,
        facility_phone: str,
        summary: Summary,
    ) -> BookingData:
        """Show a booking as read, with the catalogue's name and phone; absent flags are no."""
        return cls(
            booking_id=booking_id,
            facility=facility,
            facility_name=facility_name,
            facility_phone=facility_phone,
            start=booking.start.iso if booking.start else None,
            end=booking.end.iso if booking.end else None,
            performer=booking.performer,
            performer_name=booking.performer_name,
            resource_id=booking.resource_id,
            resource_name=booking.resource_name,
            time_type_id=booking.time_type_id,
            time_type_name=booking.time_type_name,
            care_type_id=booking.care_type_id,
            care_type_name=booking.care_type_name,
            reason=booking.reason,
            purpose=booking.purpose,
            cancel_booking_allowed=bool(booking.cancel_booking_allowed),
            rebooking_allowed=bool(booking.rebooking_allowed),
            message_allowed=bool(booking.message_allowed),
            is_invitation=bool(booking.is_invitation),
            summary=summary,
        )


class FacilityOption(Frozen):
    """A facility that the booking may be moved to; `is_own` = the one that has the booking now."""

    facility: str
    name: str
    phone: str
    is_own: bool


class FacilityTerms(Frozen):
    """A facility's terms: safe HTML and the same as plain text."""

    facility: str
    facility_name: str
    html: str
    text: str


class PerformerOption(Frozen):
    """A person who may be chosen, and the searched facilities that have them."""

    performer: str
    first_name: str
    last_name: str
    title: str | None
    name: str
    facilities: tuple[str, ...]


class SearchedFacility(Frozen):
    """How the search went at one facility; `problem` when it couldn't be asked."""

    facility: str
    facility_name: str
    source_status: SourceStatus
    problem: dict[str, Any] | None = None


class Day(Frozen):
    """A day with free timeslots, and the facilities that have them."""

    date: dt.date
    facilities: tuple[str, ...]


class DaysData(Frozen):
    """The days found so far between `first_day` and `last_day`, and the one whose timeslots are shown."""

    first_day: dt.date
    last_day: dt.date
    can_search_further: bool
    searched: tuple[SearchedFacility, ...] = ()
    days: tuple[Day, ...] = ()
    chosen: dt.date | None = None


class TimeslotOption(Frozen):
    """A free timeslot; `current` is the one the patient already has, shown and not to be chosen."""

    timeslot_id: str
    facility: str
    facility_name: str
    start: str
    end: str
    who: str | None
    performer: str | None
    message_allowed: bool
    current: bool
    summary: Summary


class TimeslotsData(Frozen):
    """The timeslots of a day, by start, facility and who."""

    date: dt.date
    timeslots: tuple[TimeslotOption, ...] = ()


class TimeslotsRead(Frozen):
    """The private part of a timeslots event: each timeslot as it was read, by its timeslot_id. Sealed, never sent."""

    timeslots: dict[str, Timeslot]


class BookingRead(Frozen):
    """The private part of a booking event: the booking as it was read. Sealed, never sent."""

    booking: Timeslot


class DetailsData(Frozen):
    """Comment and phone for the chosen timeslot, and page 4's box with the comment as reason."""

    comment_required: bool
    comment: str | None
    phone: str | None
    complete: bool
    summary: Summary


class BookingsData(Frozen):
    """The list of a patient's booked times, as far as the facilities have answered; `sources` has one for each."""

    bookings: tuple[dict[str, Any], ...] = ()
    sources: tuple[dict[str, Any], ...] = ()


class Section(Frozen):
    """One section's whole value. Times are RFC 3339 UTC."""

    state: State
    problem: dict[str, Any] | None = None
    reason: HiddenReason | None = None
    source_status: SourceStatus | None = None
    fetched_at: dt.datetime | None = None
    waiting_since: dt.datetime | None = None
    data: SerializeAsAny[Frozen] | tuple[SerializeAsAny[Frozen], ...] | None = None

    def parts(self) -> dict[str, Any]:
        """The members of the interface's JSON object: what has no value is left out, within `data` it is null."""
        return {key: value for key, value in self if value is not None}


class OutcomeState(StrEnum):
    """Where a rebooking that the patient confirmed stands."""

    ACCEPTED = "accepted"
    SENDING = "sending"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    NOT_APPLIED = "not_applied"
    OTHER_TIME = "other_time"
    MANUAL = "manual"


OPEN_OUTCOMES = frozenset({OutcomeState.ACCEPTED, OutcomeState.SENDING, OutcomeState.UNKNOWN})
"""While one of these stands, every command is refused with rebooking-in-progress."""

TRY_AGAIN_OUTCOMES = frozenset({OutcomeState.REJECTED, OutcomeState.NOT_APPLIED})
"""After one of these the patient may choose again in the same rebooking."""


class Outcome(Frozen):
    """What became of a confirmed rebooking, as the patient is told.

    `result_text` is the booking system's own words, in confirmed (INFO) and rejected alone; `notice` is the same when
    confirmed. `summary` is what was sent when confirmed, and the time that really holds in other_time. `waiting` is
    set when sending has lasted longer than five seconds.
    """

    state: OutcomeState
    command_id: str
    updated_at: dt.datetime
    result_text: str | None = None
    notice: str | None = None
    summary: Summary | None = None
    booking_id: str | None = None
    phone: str | None = None
    problem: dict[str, Any] | None = None
    waiting: bool = False

    def public(self) -> dict[str, Any]:
        """The JSON object of the interface; `waiting` is there only when true."""
        shown = self.model_dump(mode="json")
        if not self.waiting:
            del shown["waiting"]
        return shown


def civil_time_of(civil: str | None) -> CivilTime | None:
    """Read back the interface's `YYYY-MM-DDTHH:MM:SS` as a civil time."""
    return CivilTime("".join(char for char in civil if char.isdigit())) if civil else None
