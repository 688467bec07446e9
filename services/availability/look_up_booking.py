"""Looking up a booking: the booked time, what its facility supports, where it may be moved to, and the terms there.

Source: the seed, "Villkorssida, välj mottagning"; the flow rules, page 1 and decisions 6 to 8.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from services.availability.eligibility import not_eligible, why_not_eligible
from services.availability.sources import Answer, Asking, Sources
from services.availability.telling import Telling
from services.availability.unavailable import problem_of
from shared.clock import Clock
from shared.configuration import Configuration, Facility
from shared.contracts.civil_time import CivilTime
from shared.contracts.commands import LookUpBooking
from shared.contracts.identifiers import hsa_key
from shared.contracts.model import Identity, Interaction, Language, SourceStatus, Timeslot
from shared.contracts.problems import NotEligible, Problem, ProblemType
from shared.contracts.sections import (
    BookingData,
    BookingRead,
    FacilityOption,
    FacilityTerms,
    HiddenReason,
    Section,
    SectionName,
    State,
)
from shared.presentation.terms import render_terms
from shared.presentation.yellow_box import yellow_box
from shared.scheduling.failures import SchedulingFailure
from shared.sealing import Sealer


async def look_up_booking(
    command: LookUpBooking,
    telling: Telling,
    *,
    asking: Asking,
    sources: Sources,
    configuration: Configuration,
    sealer: Sealer,
    clock: Clock,
) -> None:
    """Answer what a rebooking begins with: booking, contracts, facilities and terms, each as it comes."""
    own = configuration.facility(command.facility)
    if own is None or len(own.producers) != 1:
        reason = why_not_eligible(own, None) or NotEligible.NOT_CONFIGURED
        await telling.fail_open(not_eligible(own, reason))
        return
    wanted = set(command.sections)
    branches = []
    if SectionName.BOOKING in wanted:
        booking = partial(
            tell_booking,
            own,
            command.booking_id,
            command.language,
            telling,
            asking,
            sources=sources,
            sealer=sealer,
            clock=clock,
        )
        branches.append(telling.branch(booking, SectionName.BOOKING))
    if wanted & {SectionName.FACILITIES, SectionName.TERMS}:
        facilities = partial(_tell_facilities, own, command, telling, asking, sources, configuration, clock)
        branches.append(telling.branch(facilities, SectionName.FACILITIES, SectionName.TERMS))
    await asyncio.gather(*branches)


async def tell_booking(
    facility: Facility,
    booking_id: str,
    language: Language,
    telling: Telling,
    asking: Asking,
    *,
    sources: Sources,
    sealer: Sealer,
    clock: Clock,
) -> Timeslot | None:
    """Look a booking up and tell it, or why it can't be moved; gives it when it can.

    Another patient's booking is told exactly as one that doesn't exist.
    """
    try:
        booking = await sources.booking(facility, booking_id, asking)
    except SchedulingFailure as failure:
        await telling.fail(SectionName.BOOKING, problem_of(failure, facility))
        return None
    if booking is None or not _is_asked_for(booking, facility, asking.identity):
        await telling.fail(SectionName.BOOKING, Problem(type=ProblemType.NOT_FOUND))
        return None
    data = BookingData.of(
        booking,
        booking_id=booking_id,
        facility=facility.id,
        facility_name=facility.name,
        facility_phone=facility.phone,
        summary=yellow_box(booking, facility=facility, language=language),
    )
    problem = why_not_rebookable(booking, facility, CivilTime.of(clock.now()))
    private = sealer.seal_model(BookingRead(booking=booking))
    section = Section(
        state=State.FAILED if problem else State.READY,
        problem=problem.public(language) if problem else None,
        source_status=SourceStatus.FROM_SOURCE,
        fetched_at=clock.now(),
        data=data,
    )
    await telling.tell(SectionName.BOOKING, section, private=private, last=True)
    return None if problem else booking


def _is_asked_for(booking: Timeslot, facility: Facility, identity: Identity) -> bool:
    """Whether it is this patient's, at this facility.

    A booking without subject_of_care breaks the contract, and can't be proven to be the patient's.
    """
    here = booking.healthcare_facility is None or hsa_key(booking.healthcare_facility) == hsa_key(facility.id)
    return here and booking.subject_of_care == identity.subject


def why_not_rebookable(booking: Timeslot, facility: Facility, now: CivilTime) -> Problem | None:
    """Say why a booking can't be moved; None when it can (source: the flow rules, decision 8)."""
    if booking.is_open_invitation:
        kind = ProblemType.OPEN_INVITATION
    elif booking.start is None or not booking.rebooking_allowed:
        kind = ProblemType.REBOOKING_NOT_ALLOWED
    elif booking.start <= now:
        kind = ProblemType.ALREADY_PASSED
    else:
        return None
    return Problem(type=kind, facility=facility.name, phone=facility.phone)


async def _tell_facilities(
    own: Facility,
    command: LookUpBooking,
    telling: Telling,
    asking: Asking,
    sources: Sources,
    configuration: Configuration,
    clock: Clock,
) -> None:
    supported = await sources.contracts(own)
    section, listed = await _facilities(own, supported, command, asking, sources, configuration, clock)
    await telling.tell_contracts(
        {
            "state": "ready",
            "data": [
                {
                    "facility": own.id,
                    "contracts": sorted(one.value for one in supported.value) if supported else None,
                    "source_status": (supported.status if supported else SourceStatus.NONE).value,
                }
            ],
        }
    )
    await telling.tell(SectionName.FACILITIES, section, last=True)
    if SectionName.TERMS in telling.open:
        await telling.tell(SectionName.TERMS, terms_of([*listed, own], clock), last=True)


async def _facilities(
    own: Facility,
    supported: Answer[frozenset[Interaction]] | None,
    command: LookUpBooking,
    asking: Asking,
    sources: Sources,
    configuration: Configuration,
    clock: Clock,
) -> tuple[Section, list[Facility]]:
    reason = why_not_eligible(own, supported.value if supported else None)
    if supported is None:
        return _without_a_list(own, reason, HiddenReason.REGISTRY_UNAVAILABLE, command.language), []
    if Interaction.GET_ALL_HEALTHCARE_FACILITIES not in supported.value:
        return _without_a_list(own, reason, HiddenReason.CONTRACT_MISSING, command.language), []
    try:
        answer = await sources.facilities(own, command.booking_id, asking)
    except SchedulingFailure as failure:
        problem = not_eligible(own, reason) if reason else problem_of(failure, own)
        state = State.EMPTY if reason else State.FAILED
        return Section(state=state, problem=problem.public(command.language)), []
    known = {hsa_key(one.healthcare_facility): configuration.facility(one.healthcare_facility) for one in answer.value}
    listed = [facility for facility in known.values() if facility is not None]
    contracts = await asyncio.gather(*(sources.contracts(facility) for facility in listed))
    eligible = [
        facility
        for facility, support in zip(listed, contracts, strict=True)
        if why_not_eligible(facility, support.value if support else None) is None
    ]
    if not eligible:
        return _without_a_list(own, reason, HiddenReason.NONE_LISTED, command.language), []
    options = tuple(
        FacilityOption(
            facility=facility.id,
            name=facility.name,
            phone=facility.phone,
            is_own=hsa_key(facility.id) == hsa_key(own.id),
        )
        for facility in sorted(eligible, key=lambda one: (hsa_key(one.id) != hsa_key(own.id), one.name.casefold()))
    )
    section = Section(state=State.READY, source_status=answer.status, fetched_at=answer.fetched_at, data=options)
    return section, eligible


def _without_a_list(own: Facility, reason: NotEligible | None, hidden: HiddenReason, language: Language) -> Section:
    if reason is not None:
        return Section(state=State.EMPTY, problem=not_eligible(own, reason).public(language))
    return Section(state=State.HIDDEN, reason=hidden)


def terms_of(facilities: Sequence[Facility], clock: Clock) -> Section:
    """The terms of each facility, once, in the given order."""
    unique = {facility.id: facility for facility in facilities}
    data = []
    for facility in unique.values():
        terms = render_terms(facility.terms)
        data.append(FacilityTerms(facility=facility.id, facility_name=facility.name, html=terms.html, text=terms.text))
    return Section(state=State.READY, fetched_at=clock.now(), data=tuple(data))
