"""Booking systems in memory, for tests: the same port as the real client, scriptable, with a record of every call.

What is booked and what is free stands in plain dicts by facility; an UpdateBooking really moves the booking. A script
makes single calls end otherwise, and `hold` keeps an answer back until the test lets it go, so that no test sleeps.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.identifiers import SubjectOfCareId, hsa_key
from shared.contracts.model import (
    AvailableDate,
    FacilityInfo,
    Interaction,
    PerformerInfo,
    ResultCode,
    SearchFilters,
    Timeslot,
    UpdateResult,
)
from shared.contracts.rules import DateWindow
from shared.scheduling.failures import SchedulingFailure
from shared.scheduling.port import CallContext, UpdateRequest

TAKEN = UpdateResult(code=ResultCode.ERROR, text="Tiden har blivit upptagen av annan patient")
"""The answer when the chosen timeslot isn't free."""


@dataclass(frozen=True)
class RecordedCall:
    """One call that was made: what was asked of whom, in the port's words."""

    interaction: Interaction
    facility: str
    arguments: dict[str, Any] = field(default_factory=dict)
    context: CallContext | None = None


@dataclass(frozen=True)
class Applied:
    """A scripted outcome of UpdateBooking: the booking is moved, and the answer is this nevertheless."""

    then: SchedulingFailure | UpdateResult


class FakeBookingSystems:
    """Implements LookUps and Updates; every facility that is in one of the dicts exists."""

    def __init__(self) -> None:
        self.booked: defaultdict[str, list[Timeslot]] = defaultdict(list)
        self.free: defaultdict[str, list[Timeslot]] = defaultdict(list)
        self.facilities: defaultdict[str, list[FacilityInfo]] = defaultdict(list)
        self.performers: defaultdict[str, list[PerformerInfo]] = defaultdict(list)
        self.contracts: defaultdict[str, frozenset[Interaction]] = defaultdict(lambda: frozenset(Interaction))
        self.new_booking_ids: dict[str, str] = {}
        """Which bookingId a moved booking gets; without an entry it keeps its own."""
        self.calls: list[RecordedCall] = []
        self.opened = 0
        """How many connections for UpdateBooking were opened, and"""
        self.closed = 0
        """how many of them were given up."""
        self._scripts: defaultdict[tuple[str, str], deque[Any]] = defaultdict(deque)
        self._gates: dict[tuple[str, Interaction], asyncio.Event] = {}

    # Scripting.

    def script(self, facility: str, interaction: Interaction, *outcomes: Any) -> None:
        """Let the next calls end so, one outcome each: a failure is raised, anything else is the answer."""
        self._scripts[hsa_key(facility), interaction.value].extend(outcomes)

    def script_connect(self, facility: str, *failures: SchedulingFailure | None) -> None:
        """Let the next connections for UpdateBooking fail, one failure each; None lets one succeed."""
        self._scripts[hsa_key(facility), "connect"].extend(failures)

    def hold(self, facility: str, interaction: Interaction) -> asyncio.Event:
        """Keep the answers of an interaction back until the event given is set."""
        return self._gates.setdefault((hsa_key(facility), interaction), asyncio.Event())

    def calls_of(self, interaction: Interaction) -> list[RecordedCall]:
        """The calls of an interaction, in the order in which they were made."""
        return [call for call in self.calls if call.interaction is interaction]

    # The look-ups.

    async def get_subject_of_care_schedule(
        self, facility: str, subject: SubjectOfCareId, context: CallContext
    ) -> tuple[Timeslot, ...]:
        """The patient's booked times at a facility."""
        answer = tuple(one for one in self.booked[facility] if one.subject_of_care == subject)
        interaction = Interaction.GET_SUBJECT_OF_CARE_SCHEDULE
        return await self._answer(interaction, facility, answer, context, subject=subject)  # type: ignore[no-any-return]

    async def get_booking_details(self, facility: str, booking_id: str, context: CallContext) -> Timeslot | None:
        """One booking; None when the facility doesn't have it."""
        answer = next((one for one in self.booked[facility] if one.booking_id == booking_id), None)
        interaction = Interaction.GET_BOOKING_DETAILS
        return await self._answer(interaction, facility, answer, context, booking_id=booking_id)  # type: ignore[no-any-return]

    async def get_all_healthcare_facilities(
        self, facility: str, subject: SubjectOfCareId, booking_id: str, context: CallContext
    ) -> tuple[FacilityInfo, ...]:
        """The facilities that the booking may be moved to, asked of the one that has it."""
        return await self._answer(  # type: ignore[no-any-return]
            Interaction.GET_ALL_HEALTHCARE_FACILITIES,
            facility,
            tuple(self.facilities[facility]),
            context,
            subject=subject,
            booking_id=booking_id,
        )

    async def get_all_performers(
        self, facility: str, subject: SubjectOfCareId, time_type_ids: Sequence[str], context: CallContext
    ) -> tuple[PerformerInfo, ...]:
        """The people at a facility who take the given types of time."""
        return await self._answer(  # type: ignore[no-any-return]
            Interaction.GET_ALL_PERFORMERS,
            facility,
            tuple(self.performers[facility]),
            context,
            subject=subject,
            time_type_ids=tuple(time_type_ids),
        )

    async def get_available_dates(
        self, facility: str, subject: SubjectOfCareId, window: DateWindow, filters: SearchFilters, context: CallContext
    ) -> tuple[AvailableDate, ...]:
        """The days within the window that have free timeslots, one entry for each day and performer."""
        entries = dict.fromkeys(
            AvailableDate(date=one.start.date, healthcare_facility=facility, performer=one.performer)
            for one in self._free_within(facility, window, filters)
            if one.start
        )
        interaction = Interaction.GET_AVAILABLE_DATES
        asked = {"subject": subject, "window": window, "filters": filters}
        return await self._answer(interaction, facility, tuple(entries), context, **asked)  # type: ignore[no-any-return]

    async def get_available_timeslots(
        self, facility: str, subject: SubjectOfCareId, window: DateWindow, filters: SearchFilters, context: CallContext
    ) -> tuple[Timeslot, ...]:
        """The free timeslots within the window."""
        answer = self._free_within(facility, window, filters)
        interaction = Interaction.GET_AVAILABLE_TIMESLOTS
        asked = {"subject": subject, "window": window, "filters": filters}
        return await self._answer(interaction, facility, answer, context, **asked)  # type: ignore[no-any-return]

    async def get_supported_service_contracts(self, facility: str) -> frozenset[Interaction]:
        """What may be asked of a facility: everything, unless `contracts` says otherwise."""
        interaction = Interaction.GET_SUPPORTED_SERVICE_CONTRACTS
        return await self._answer(interaction, facility, self.contracts[facility], None)  # type: ignore[no-any-return]

    async def ping_for_configuration(self, facility: str) -> str:
        """Always there, unless the script says otherwise."""
        return await self._answer(Interaction.PING_FOR_CONFIGURATION, facility, "1.0", None)  # type: ignore[no-any-return]

    # The update.

    async def connect(self, request: UpdateRequest, context: CallContext) -> FakeConnection:
        """Open a connection; raises the failure that the script says."""
        scripted = self._scripts[hsa_key(request.facility), "connect"]
        failure = scripted.popleft() if scripted else None
        if failure is not None:
            raise failure
        self.opened += 1
        return FakeConnection(self, request, context)

    async def update(self, request: UpdateRequest, context: CallContext) -> UpdateResult:
        """What a sent UpdateBooking does: the booking is moved, if the timeslot is free."""
        scripted = self._scripts[hsa_key(request.facility), Interaction.UPDATE_BOOKING.value]
        if not scripted:
            scripted.append(Applied(UpdateResult(code=ResultCode.OK)))
        if isinstance(scripted[0], Applied):
            result = self.move(request)
            applied = scripted.popleft()
            scripted.appendleft(applied.then if result.code is not ResultCode.ERROR else result)
        interaction = Interaction.UPDATE_BOOKING
        return await self._answer(interaction, request.facility, None, context, request=request)  # type: ignore[no-any-return]

    def move(self, request: UpdateRequest) -> UpdateResult:
        """Move a booking as a booking system would: ERROR when it isn't there or the timeslot isn't free."""
        home = next(
            (name for name, all_ in self.booked.items() for one in all_ if one.booking_id == request.booking_id), None
        )
        free = next((one for one in self.free[request.facility] if _same(one, request.timeslot)), None)
        if home is None or free is None:
            return TAKEN
        old = next(one for one in self.booked[home] if one.booking_id == request.booking_id)
        self.booked[home].remove(old)
        self.free[home].append(old.model_copy(update={"booking_id": None, "subject_of_care": None, "reason": None}))
        self.free[request.facility].remove(free)
        moved = {
            "booking_id": self.new_booking_ids.get(request.booking_id, request.booking_id),
            "subject_of_care": request.subject,
            "reason": request.reason,
            "healthcare_facility": request.facility,
            "rebooking_allowed": True,
            "is_invitation": None,
        }
        self.booked[request.facility].append(free.model_copy(update=moved))
        return UpdateResult(code=ResultCode.OK)

    def _free_within(self, facility: str, window: DateWindow, filters: SearchFilters) -> tuple[Timeslot, ...]:
        return tuple(
            one
            for one in self.free[facility]
            if one.start and one.start.date in window and filters.performer in (None, one.performer)
        )

    async def _answer(
        self, interaction: Interaction, facility: str, answer: Any, context: CallContext | None, **arguments: Any
    ) -> Any:
        self.calls.append(RecordedCall(interaction, facility, arguments, context))
        scripted = self._scripts[hsa_key(facility), interaction.value]
        outcome = scripted.popleft() if scripted else answer
        if gate := self._gates.get((hsa_key(facility), interaction)):
            await gate.wait()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class FakeConnection:
    """An open connection to the booking systems in memory: `send` works once."""

    def __init__(self, systems: FakeBookingSystems, request: UpdateRequest, context: CallContext) -> None:
        self._systems = systems
        self._request = request
        self._context = context
        self._used = self._closed = False

    async def send(self) -> UpdateResult:
        """Send the request, once. Raises SchedulingFailure."""
        if self._used:
            raise RuntimeError("an UpdateBooking is written once")
        self._used = True
        return await self._systems.update(self._request, self._context)

    async def close(self) -> None:
        """Give the connection up; safe to call again."""
        if not self._closed:
            self._closed = True
            self._systems.closed += 1


def _same(one: Timeslot, other: Timeslot) -> bool:
    return (one.start, one.end, one.performer, one.resource_id) == (
        other.start,
        other.end,
        other.performer,
        other.resource_id,
    )
