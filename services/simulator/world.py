"""The world: who has which time where, and which times are free. Pure: no wire, no waiting, time is an argument.

All times are naive Swedish civil time. A world is made from facilities, patients' bookings and a seed, and changes
through `update` and `reserve` alone, under one lock.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Literal

from services.simulator.facility import Facility, Performer, Resource, Timeslot, offered_times

DAYS_KEPT = 20_000
"""How many days of a facility are remembered rather than made up again."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A patient's booking at a facility; without start and end it is an open invitation.

    `story` says what it is there to show.
    """

    id: str
    subject: str
    facility: str
    resource: Resource
    start: dt.datetime | None
    end: dt.datetime | None
    story: str = "ordinary"
    purpose: str | None = None
    reason: str | None = None
    cancel_booking_allowed: bool = True
    rebooking_allowed: bool = True
    message_allowed: bool | None = True
    is_invitation: bool = False
    named: bool = True
    phone: str | None = None
    notification: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A look-up of free times at a facility, both days included; empty filters match everything."""

    facility: Facility
    subject: str
    first_day: dt.date
    last_day: dt.date
    booking_id: str | None = None
    performers: tuple[str, ...] = ()
    time_type_id: str | None = None
    time_type_name: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A request to move a booking to a time at the target facility, as UpdateBooking has it."""

    target: Facility
    booking_id: str
    subject: str
    start: dt.datetime
    end: dt.datetime
    performer: str | None = None
    resource_id: str | None = None
    time_type_id: str | None = None
    reason: str | None = None
    phone: str | None = None
    notification: str | None = None


class Refusal(Enum):
    """Why a booking isn't moved, with the text for the patient (source: the meanings of the 2.0 draft)."""

    APPOINTMENT_DOES_NOT_EXIST = "Bokningen finns inte."
    APPOINTMENT_IS_ALREADY_UPDATED = "Bokningen är redan ombokad."
    UPDATE_APPOINTMENT_IS_NOT_ALLOWED = "Bokningen kan inte bokas om här."
    TOO_LATE_TO_UPDATE_APPOINTMENT = "Det är för sent att boka om bokningen."
    REQUESTED_TIME_HAS_ALREADY_PASSED = "Den valda tiden har redan varit."
    REQUESTED_TIME_IS_ALREADY_RESERVED = "Tiden har blivit upptagen av annan patient/invånare."
    REQUESTED_TIME_IS_NO_LONGER_AVAILABLE = "Den valda tiden finns inte längre."
    USER_IS_ALREADY_OCCUPIED = "Du har redan en bokad tid då."


@dataclass(frozen=True, slots=True)
class Change:
    """One effective change: a booking before and after."""

    before: Booking
    after: Booking


@dataclass(frozen=True, slots=True)
class Outcome:
    """What UpdateBooking is answered with, and the change, if there was one."""

    code: Literal["OK", "INFO", "ERROR"]
    text: str | None = None
    change: Change | None = None


class World:
    """The simulated world. HSA-ids are compared whatever their case; booking ids letter by letter."""

    def __init__(self, facilities: Iterable[Facility], seed: int) -> None:
        self.facilities = {facility.id.upper(): facility for facility in facilities}
        self.seed = seed
        self._lock = threading.RLock()
        self._bookings: dict[str, Booking] = {}
        self._by_subject: dict[str, list[str]] = {}
        self._moved: dict[str, str] = {}
        self._taken: set[tuple[str, str, dt.datetime]] = set()
        self._released: dict[tuple[str, dt.date], dict[tuple[str, str, dt.datetime], Timeslot]] = {}
        self._ids = 0
        self._offered = lru_cache(maxsize=DAYS_KEPT)(self._offer)

    def facility(self, hsa_id: str) -> Facility | None:
        """Find a facility by its HSA-id."""
        return self.facilities.get(hsa_id.strip().upper())

    def booking(self, facility: Facility, booking_id: str) -> Booking | None:
        """Find a booking that is at the facility now, whoever's it is."""
        booking = self._bookings.get(booking_id)
        return booking if booking is not None and booking.facility.upper() == facility.id.upper() else None

    def bookings(self, subject: str) -> list[Booking]:
        """Give a patient's bookings everywhere, in order of time, open invitations last."""
        found = (self._bookings[booking_id] for booking_id in self._by_subject.get(subject.upper(), ()))
        return sorted(found, key=lambda booking: booking.start.isoformat() if booking.start else "open")

    def schedule(self, facility: Facility, subject: str, now: dt.datetime) -> list[Booking]:
        """Give a patient's booked times at a facility, from today on; open invitations aren't among them."""
        here = (booking for booking in self.bookings(subject) if booking.facility.upper() == facility.id.upper())
        return [booking for booking in here if booking.start and booking.start.date() >= now.date()]

    def listed_facilities(self, facility: Facility, booking_id: str | None) -> list[Facility]:
        """Give the facilities that a booking may be moved to; none for a booking that isn't here."""
        if booking_id is not None and self.booking(facility, booking_id) is None:
            return []
        return [found for hsa_id in facility.profile.related if (found := self.facility(hsa_id))]

    def performers(self, facility: Facility, time_type_ids: tuple[str, ...]) -> list[Performer]:
        """Give the people at a facility who have one of the time types; everybody when none is named."""
        return [found.performer for found in facility.resources_for(time_type_ids) if found.performer]

    def timeslots(self, search: Search, now: dt.datetime) -> list[Timeslot]:
        """Give the free timeslots that a search finds, in order of start; none for a booking of somebody else."""
        return list(self._find(search, now))

    def days(self, search: Search, now: dt.datetime) -> list[tuple[dt.date, Resource]]:
        """Give each day and resource with at least one free timeslot, in order of day."""
        with self._lock:
            found = dict.fromkeys((timeslot.start.date(), timeslot.resource) for timeslot in self._find(search, now))
        return list(found)

    def update(self, move: Move, now: dt.datetime) -> Outcome:
        """Move a booking, whole or not at all: the old time is free at once and the new one taken."""
        with self._lock:
            booking = self._bookings.get(move.booking_id)
            if booking is None or booking.subject.upper() != move.subject.upper():
                already = self._moved.get(move.booking_id)
                return _refused(
                    Refusal.APPOINTMENT_IS_ALREADY_UPDATED if already else Refusal.APPOINTMENT_DOES_NOT_EXIST
                )
            origin = self.facilities[booking.facility.upper()]
            if self._is_at(booking, move):
                again = move.target.profile.repeat == "ok"
                return _done(move.target) if again else _refused(Refusal.APPOINTMENT_IS_ALREADY_UPDATED)
            refusal = self._refusal(booking, origin, move, now)
            if refusal:
                return _refused(refusal)
            timeslot = self._free_timeslot(move)
            if timeslot is None:
                return _refused(self._why_not_free(move))
            moved = self._moved_booking(booking, move, timeslot)
            self._replace(booking, moved, timeslot)
            return replace(_done(move.target), change=Change(booking, moved))

    def reserve(self, move: Move) -> None:
        """Let somebody outside this world take the time that a move asks for."""
        with self._lock:
            timeslot = self._free_timeslot(move)
            if timeslot:
                self._take(timeslot)

    def free_timeslot(self, move: Move) -> Timeslot | None:
        """Find the free timeslot that a move asks for, None when it is taken or never was."""
        with self._lock:
            return self._free_timeslot(move)

    def add(self, booking: Booking) -> None:
        """Put a booking into the world and take its time."""
        with self._lock:
            self._bookings[booking.id] = booking
            self._by_subject.setdefault(booking.subject.upper(), []).append(booking.id)
            if booking.start and booking.end:
                self._take(Timeslot(booking.facility, booking.resource, booking.start, booking.end))

    def is_taken(self, timeslot: Timeslot) -> bool:
        """Tell whether a booking in this world, or a reservation, has the time."""
        return _key(timeslot) in self._taken

    def new_booking_id(self, facility: Facility) -> str:
        """Make a booking id that has never been used, in the manner of the facility's booking system."""
        self._ids += 1
        return f"{facility.id.rpartition('-')[2].upper()}-{self.seed:02d}{self._ids:05d}"

    def _offer(self, facility_key: str, day: dt.date) -> tuple[Timeslot, ...]:
        return offered_times(self.facilities[facility_key], day, self.seed)

    def _free(self, facility: Facility, day: dt.date) -> Iterator[Timeslot]:
        offered = (time for time in self._offered(facility.id.upper(), day) if _key(time) not in self._taken)
        released = self._released.get((facility.id.upper(), day), {})
        yield from (time for time in offered if _key(time) not in released)
        yield from released.values()

    def _find(self, search: Search, now: dt.datetime) -> Iterator[Timeslot]:
        booking = self._bookings.get(search.booking_id) if search.booking_id is not None else None
        if search.booking_id is not None and (booking is None or booking.subject.upper() != search.subject.upper()):
            return
        time_type_id = search.time_type_id
        if booking is not None and time_type_id is None and search.time_type_name is None:
            time_type_id = booking.resource.time_type.id
        performers = {performer.upper() for performer in search.performers}
        past = search.facility.profile.quirks.past_timeslots
        first = search.first_day if past else max(search.first_day, now.date())
        last = min(search.last_day, last_open_day(search.facility, now.date()))
        with self._lock:
            for number in range((last - first).days + 1):
                day = first + dt.timedelta(days=number)
                for time in sorted(self._free(search.facility, day), key=lambda time: (time.start, time.resource.id)):
                    resource = time.resource
                    wanted = (
                        (past or time.start > now)
                        and time_type_id in (None, resource.time_type.id)
                        and search.time_type_name in (None, resource.time_type.name)
                        and (not performers or (resource.performer and resource.performer.hsa_id.upper() in performers))
                    )
                    if wanted:
                        yield time

    def _refusal(self, booking: Booking, origin: Facility, move: Move, now: dt.datetime) -> Refusal | None:
        targets = {origin.id.upper(), *(hsa_id.upper() for hsa_id in origin.profile.related)}
        if booking.start is None or not booking.rebooking_allowed or move.target.id.upper() not in targets:
            return Refusal.UPDATE_APPOINTMENT_IS_NOT_ALLOWED
        if booking.start <= now:
            return Refusal.TOO_LATE_TO_UPDATE_APPOINTMENT
        if move.start <= now:
            return Refusal.REQUESTED_TIME_HAS_ALREADY_PASSED
        others = (other for other in self.bookings(move.subject) if other.id != booking.id)
        if any(_overlaps(other, move) for other in others):  # a booking system knows its own facility's bookings
            return Refusal.USER_IS_ALREADY_OCCUPIED
        return None

    def _is_at(self, booking: Booking, move: Move) -> bool:
        here = booking.facility.upper() == move.target.id.upper() and booking.start == move.start
        return here and booking.end == move.end and _fits(booking.resource, move)

    def _free_timeslot(self, move: Move) -> Timeslot | None:
        times = (time for time in self._free(move.target, move.start.date()) if time.start == move.start)
        return next((time for time in times if time.end == move.end and _fits(time.resource, move)), None)

    def _why_not_free(self, move: Move) -> Refusal:
        facility = move.target.id.upper()
        resources = [resource for resource in move.target.resources if _fits(resource, move)]
        if any((facility, resource.id, move.start) in self._taken for resource in resources):
            return Refusal.REQUESTED_TIME_IS_ALREADY_RESERVED
        return Refusal.REQUESTED_TIME_IS_NO_LONGER_AVAILABLE

    def _moved_booking(self, booking: Booking, move: Move, timeslot: Timeslot) -> Booking:
        kept = move.target.profile.booking_id == "kept"
        return replace(
            booking,
            id=booking.id if kept else self.new_booking_id(move.target),
            facility=move.target.id,
            resource=timeslot.resource,
            start=timeslot.start,
            end=timeslot.end,
            reason=move.reason if move.reason is not None else booking.reason,
            message_allowed=move.target.profile.message_allowed,
            is_invitation=False,
            phone=move.phone,
            notification=move.notification,
        )

    def _replace(self, before: Booking, after: Booking, timeslot: Timeslot) -> None:
        if before.start and before.end:
            self._release(Timeslot(before.facility, before.resource, before.start, before.end))
        self._take(timeslot)
        del self._bookings[before.id]
        self._by_subject[before.subject.upper()].remove(before.id)
        if before.id != after.id:
            self._moved[before.id] = after.id
        self._bookings[after.id] = after
        self._by_subject[after.subject.upper()].append(after.id)

    def _take(self, timeslot: Timeslot) -> None:
        self._taken.add(_key(timeslot))
        self._released.get((timeslot.facility.upper(), timeslot.start.date()), {}).pop(_key(timeslot), None)

    def _release(self, timeslot: Timeslot) -> None:
        self._taken.discard(_key(timeslot))
        self._released.setdefault((timeslot.facility.upper(), timeslot.start.date()), {})[_key(timeslot)] = timeslot


def last_open_day(facility: Facility, today: dt.date) -> dt.date:
    """Give the last day whose times the facility has released: so many whole months ahead."""
    months = today.year * 12 + today.month + facility.profile.open_for_months
    return dt.date(months // 12, months % 12 + 1, 1) - dt.timedelta(days=1)


def _key(timeslot: Timeslot) -> tuple[str, str, dt.datetime]:
    return timeslot.facility.upper(), timeslot.resource.id, timeslot.start


def _fits(resource: Resource, move: Move) -> bool:
    performer = resource.performer.hsa_id.upper() if resource.performer else None
    return (
        (move.performer is None or performer == move.performer.upper())
        and move.resource_id in (None, resource.id)
        and move.time_type_id in (None, resource.time_type.id)
    )


def _overlaps(booking: Booking, move: Move) -> bool:
    here = booking.facility.upper() == move.target.id.upper()
    return here and bool(booking.start and booking.end and booking.start < move.end and move.start < booking.end)


def _done(facility: Facility) -> Outcome:
    info = facility.profile.info
    return Outcome("INFO", info) if info else Outcome("OK", facility.profile.quirks.ok_text)


def _refused(refusal: Refusal) -> Outcome:
    return Outcome("ERROR", refusal.value)
