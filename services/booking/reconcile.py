"""Finding out where a booking really is, and what that proves. The look does I/O; the judgement is pure.

Positive evidence, the booking at the new time at the target, ends the matter at once. Negative evidence counts only
after the settling time and by two looks ten seconds apart, because a booking system may apply an update late.
Source: the saga's rules 3.4, step 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.configuration import Facility
from shared.contracts.identifiers import hsa_key
from shared.contracts.model import Identity, Timeslot
from shared.ledger.port import Sealed
from shared.scheduling.failures import SchedulingFailure
from shared.scheduling.port import CallContext, LookUps


class Where(StrEnum):
    """Where a look found the booking."""

    AT_TARGET = "at_target"
    """At the new time at the target: it was moved."""
    AT_OLD = "at_old"
    """Where it was."""
    ELSEWHERE = "elsewhere"
    """At a third time."""
    GONE = "gone"
    """The old id isn't there, and nothing is at the target. That alone proves nothing."""
    SILENT = "silent"
    """Nobody answered."""


@dataclass(frozen=True)
class Look:
    """What one look has seen."""

    where: Where
    timeslot: Timeslot | None = None
    new_booking_id: str | None = None
    rebookable: bool = False


async def look(
    systems: LookUps,
    sealed: Sealed,
    facility_from: Facility,
    facility_to: Facility,
    booking_id: str,
    context: CallContext,
    *,
    sent: bool = True,
) -> Look:
    """Look where the booking is: by its id where it was, and by its time at the target.

    Unless something was `sent`, a booking at its old time hasn't been moved, whatever else the patient has booked at
    the target. No answer is Where.SILENT, never an exception.
    """
    details: Timeslot | None
    try:
        details = await systems.get_booking_details(facility_from.id, booking_id, context)
        answered = True
    except SchedulingFailure:
        details, answered = None, False
    if details is not None and details.subject_of_care not in (None, sealed.identity.subject):
        details = None  # the id has been given to somebody else's booking
    same_facility = hsa_key(facility_from.id) == hsa_key(facility_to.id)
    if details is not None:
        if is_at_target(details, sealed.new, facility_to, details.healthcare_facility or facility_from.id):
            return Look(Where.AT_TARGET, details, booking_id)
        if same_facility or not sent or not is_at(details, sealed.old):
            where = Where.AT_OLD if is_at(details, sealed.old) else Where.ELSEWHERE
            return Look(where, details, rebookable=bool(details.rebooking_allowed))
    moved = await _at_target(systems, sealed.identity, sealed.new, facility_to, context)
    if isinstance(moved, Timeslot):
        return Look(Where.AT_TARGET, moved, moved.booking_id)
    if details is not None:
        return Look(Where.AT_OLD, details, rebookable=bool(details.rebooking_allowed))
    return Look(Where.GONE if answered and moved is None else Where.SILENT)


async def _at_target(
    systems: LookUps, identity: Identity, new: Timeslot, facility_to: Facility, context: CallContext
) -> Timeslot | SchedulingFailure | None:
    try:
        schedule = await systems.get_subject_of_care_schedule(facility_to.id, identity.subject, context)
    except SchedulingFailure as failure:
        return failure
    own = (one for one in schedule if one.subject_of_care in (None, identity.subject))
    return next((one for one in own if is_at_target(one, new, facility_to, facility_to.id)), None)


def is_at(booking: Timeslot, old: Timeslot) -> bool:
    """Whether a booking is at the given time, by the wall clock as it was sent."""
    return booking.start == old.start and (old.end is None or booking.end is None or booking.end == old.end)


def is_at_target(booking: Timeslot, new: Timeslot, facility_to: Facility, at: str) -> bool:
    """Whether a booking is the new timeslot: start, end, facility; performer, resource, time type where both say."""
    pairs = (
        (booking.performer and hsa_key(booking.performer), new.performer and hsa_key(new.performer)),
        (booking.resource_id, new.resource_id),
        (booking.time_type_id, new.time_type_id),
    )
    return (
        hsa_key(at) == hsa_key(facility_to.id)
        and is_at(booking, new)
        and all(one == other for one, other in pairs if one and other)
    )


class Conclusion(StrEnum):
    """What the looks so far allow to say."""

    CONFIRMED = "confirmed"
    OTHER_TIME = "other_time"
    NOT_APPLIED = "not_applied"
    REJECTED = "rejected"
    OPEN = "open"


TWO_LOOKS_APART = 10.0
"""Seconds between the two looks that make negative evidence count."""


@dataclass(frozen=True)
class Evidence:
    """What earlier looks have left: since when, without interruption, they have all said the same negative thing."""

    where: Where | None = None
    since: float | None = None
    booking_start: str | None = None


def judge(
    seen: Look,
    before: Evidence,
    *,
    now: float,
    settle_until: float,
    was_rejected: bool,
    apart: float = TWO_LOOKS_APART,
) -> tuple[Conclusion, Evidence]:
    """Judge a look by those before it; times in seconds of the ledger's clock.

    `was_rejected` = the booking system had answered ERROR.
    """
    if seen.where is Where.AT_TARGET:
        return Conclusion.CONFIRMED, Evidence(Where.AT_TARGET, now)
    if seen.where in (Where.SILENT, Where.GONE) or now < settle_until:
        return Conclusion.OPEN, Evidence()
    start = seen.timeslot.start if seen.timeslot else None
    if before.where != seen.where or before.booking_start != start or before.since is None:
        return Conclusion.OPEN, Evidence(seen.where, now, start)
    if now - before.since < apart:
        return Conclusion.OPEN, before
    if seen.where is Where.ELSEWHERE:
        return Conclusion.OTHER_TIME, before
    return (Conclusion.REJECTED if was_rejected else Conclusion.NOT_APPLIED), before
