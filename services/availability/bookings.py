"""The list of booked times: every facility asked at once, told as each answers; a silent one fails nobody else.

Source: the interface, `GET /v1/bookings`; the contract description 3.3.
"""

from __future__ import annotations

import asyncio
from typing import Any

from services.availability.eligibility import why_not_eligible
from services.availability.sources import Asking, Sources
from services.availability.telling import Telling
from services.availability.unavailable import problem_of
from shared.clock import Clock
from shared.configuration import Configuration, Facility
from shared.contracts.civil_time import CivilTime
from shared.contracts.commands import LookUpBookings
from shared.contracts.events import EventName
from shared.contracts.model import Interaction, Language, SourceStatus, Timeslot
from shared.contracts.sections import BookingData, BookingsData, Section, SectionName, State
from shared.presentation.yellow_box import yellow_box
from shared.scheduling.failures import SchedulingFailure


async def look_up_bookings(
    command: LookUpBookings,
    telling: Telling,
    *,
    asking: Asking,
    sources: Sources,
    configuration: Configuration,
    clock: Clock,
) -> None:
    """Answer the list: each facility that supports the schedule, as it answers."""
    found: dict[str, list[dict[str, Any]]] = {}
    told: dict[str, dict[str, Any]] = {}
    named = [facility for one in command.facilities if (facility := configuration.facility(one)) is not None]
    facilities = [facility for facility in named if len(facility.producers) == 1]

    async def ask(facility: Facility) -> None:
        supported = await sources.contracts(facility)
        lacks = supported is not None and Interaction.GET_SUBJECT_OF_CARE_SCHEDULE not in supported.value
        if lacks and command.everywhere:
            return
        source: dict[str, Any] = {"facility": facility.id, "facility_name": facility.name}
        try:
            schedule = await sources.schedule(facility, asking)
        except SchedulingFailure as failure:
            problem = problem_of(failure, facility).public(command.language)
            told[facility.id] = {**source, "state": "failed", "source_status": SourceStatus.NONE, "problem": problem}
            return
        own = [one for one in schedule if one.booking_id and one.subject_of_care in (None, asking.identity.subject)]
        now = CivilTime.of(clock.now())
        may = why_not_eligible(facility, supported.value if supported else None) is None
        found[facility.id] = [_shown(one, facility, command.language, may and (one.start or now) > now) for one in own]
        told[facility.id] = {**source, "state": "ready", "source_status": SourceStatus.FROM_SOURCE}

    def section(state: State) -> Section:
        bookings = sorted((one for ones in found.values() for one in ones), key=lambda one: one["start"] or "")
        waiting = [
            {"facility": one.id, "facility_name": one.name, "state": "loading", "source_status": SourceStatus.NONE}
            for one in facilities
            if one.id not in told and state is State.PARTIAL
        ]
        data = BookingsData(bookings=tuple(bookings), sources=(*told.values(), *waiting))
        return Section(state=state, fetched_at=clock.now(), data=data)

    tasks = [asyncio.create_task(ask(facility)) for facility in facilities]
    for n, task in enumerate(asyncio.as_completed(tasks), start=1):
        await task
        if n < len(tasks):
            await telling.tell(SectionName.BOOKING, section(State.PARTIAL), name=EventName.BOOKINGS_PARTIAL)
    await telling.tell(SectionName.BOOKING, section(State.READY), name=EventName.BOOKINGS_READY, last=True)


def _shown(booking: Timeslot, facility: Facility, language: Language, may: bool) -> dict[str, Any]:
    data = BookingData.of(
        booking,
        booking_id=booking.booking_id or "",
        facility=facility.id,
        facility_name=facility.name,
        facility_phone=facility.phone,
        summary=yellow_box(booking, facility=facility, language=language),
    )
    can = (booking.rebooking_allowed if booking.rebooking_allowed is not None else None) if may else False
    return {**data.model_dump(mode="json"), "can_rebook": can}
