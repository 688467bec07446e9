"""The answers: what each interaction says about the world, written with the facility's quirks.

Strict by default: every answer of a facility without quirks is valid against the schema (except that an unknown
booking has no valid answer at all but a fault). Source: contract description 1.2, 1.3 and 5.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from lxml import etree

from services.simulator.contracts import CONTRACTS, CORE, EXTENSION, PING, REGISTRY, SUPPORTED, UPDATE
from services.simulator.facility import Facility, Resource, Timeslot
from services.simulator.wire import DAY, TIME, Answer, Call, envelope, fault
from services.simulator.world import Booking, Outcome, Search, World

Element = etree._Element

VERSION = "1.0"
"""What the booking systems say of themselves when they are pinged."""

TIMESLOT_FIELDS = (
    "startTimeInclusive",
    "endTimeExclusive",
    "healthcare_facility",
    "performer",
    "bookingId",
    "subject_of_care",
    "purpose",
    "reason",
    "resourceName",
    "healthcare_facility_name",
    "performerName",
    "resourceID",
    "timeTypeName",
    "timeTypeID",
    "careTypeName",
    "careTypeID",
    "cancel_booking_allowed",
    "rebooking_allowed",
    "message_allowed",
    "isInvitation",
)
"""A timeslot's elements in the schema's order."""

_TEXTS = ("performer", "purpose", "reason", "resourceName", "performerName", "resourceID", "careTypeName", "careTypeID")


def answer_lookup(call: Call, facility: Facility, world: World, now: dt.datetime) -> Answer:
    """Answer one of the six look-ups of crm:scheduling."""
    assert call.contract is not None
    content = _LOOKUPS[call.contract.name](call, facility, world, now)
    return content if isinstance(content, Answer) else Answer(200, envelope(content))


def answer_update(outcome: Outcome) -> Answer:
    """Answer UpdateBooking with what became of it; never a booking id, whatever it is now."""
    root = _response(UPDATE)
    _add(root, "resultCode", outcome.code)
    if outcome.text is not None:
        _add(root, "resultText", outcome.text)
    return Answer(200, envelope(root))


def answer_ping(now: dt.datetime) -> Answer:
    """Say that the booking system is there."""
    root = _response(PING)
    _add(root, "version", VERSION)
    _add(root, "pingDateTime", now.strftime(TIME))
    configuration = _add(root, "configuration", None)
    _add(configuration, "name", "system")
    _add(configuration, "value", "simulator")
    return Answer(200, envelope(root))


def answer_supported(call: Call, facility: Facility | None, consumer: str | None) -> Answer:
    """Name the contracts that the consumer may call at a facility; none for another consumer or facility."""
    root = _response(SUPPORTED)
    asked = call.text("serviceConsumerHsaId") or ""
    known = consumer is None or asked.upper() == consumer.upper()
    for name in sorted(facility.contracts) if facility and known else ():
        middle = name if facility and facility.profile.quirks.sample_contract_names else f"{name}Responder"
        wrapper = _add(root, "serviceContractNamespace", None)
        leaf = etree.SubElement(wrapper, f"{{{REGISTRY}}}ServiceContractNamespace")
        leaf.text = f"urn:riv:crm:scheduling:{middle}:1"
    return Answer(200, envelope(root))


def search_of(call: Call, facility: Facility) -> Search:
    """Read a search for free times."""
    return Search(
        facility=facility,
        subject=call.text("subject_of_care") or "",
        first_day=call.day("startDateInclusive"),
        last_day=call.day("endDateInclusive"),
        booking_id=call.text("bookingId"),
        performers=call.texts("performer"),
        time_type_id=call.text("timeTypeID"),
        time_type_name=call.text("timeTypeName"),
    )


def _schedule(call: Call, facility: Facility, world: World, now: dt.datetime) -> Element:
    root = _response("GetSubjectOfCareSchedule")
    for booking in world.schedule(facility, call.text("subject_of_care") or "", now):
        _add_booked(root, facility, booking)
    return root


def _details(call: Call, facility: Facility, world: World, now: dt.datetime) -> Element | Answer:
    root = _response("GetBookingDetails")
    booking = world.booking(facility, call.text("bookingId") or "")
    if booking is not None:
        _add_booked(root, facility, booking)
    elif facility.profile.unknown_booking == "fault":
        return fault("Bokningen kunde inte hämtas")
    return root


def _facilities(call: Call, facility: Facility, world: World, now: dt.datetime) -> Element:
    root = _response("GetAllHealthcareFacilities")
    for listed in world.listed_facilities(facility, call.text("bookingId")):
        info = _add(root, "healthcareFacilityInfos", None)
        _add_core(info, "healthcare_facility", _hsa(facility, listed.id))
        _add_core(info, "healthcare_facility_name", listed.name)
    return root


def _performers(call: Call, facility: Facility, world: World, now: dt.datetime) -> Element:
    root = _response("GetAllPerformers")
    spelling = "performer" if facility.profile.quirks.performer_corrected else "perfomer"
    for performer in world.performers(facility, call.texts("timeTypeIDs")):
        info = _add(root, "performerInfos", None)
        _add_core(info, spelling, _hsa(facility, performer.hsa_id))
        _add_core(info, "firstName", performer.first_name)
        _add_core(info, "lastName", performer.last_name)
        _add_core(info, "title", performer.title)
    return root


def _dates(call: Call, facility: Facility, world: World, now: dt.datetime) -> Element:
    root = _response("GetAvailableDates")
    for day, resource in world.days(search_of(call, facility), now):
        entry = _add(root, "performerAvailabilityByDate", None)
        _add(entry, "healthcare_facility", _hsa(facility, facility.id))
        if resource.performer:
            _add(entry, "performer", _hsa(facility, resource.performer.hsa_id))
        _add(entry, "date", day.strftime(DAY))
        for name in ("resourceName", "resourceID", "timeTypeName", "timeTypeID", "careTypeName", "careTypeID"):
            _add(entry, name, _resource_fields(facility, resource)[name])
    return root


def _timeslots(call: Call, facility: Facility, world: World, now: dt.datetime) -> Element:
    root = _response("GetAvailableTimeslots")
    for timeslot in world.timeslots(search_of(call, facility), now):
        _add_free(root, facility, timeslot, call)
    return root


_Lookup = Callable[[Call, Facility, World, dt.datetime], "Element | Answer"]
_LOOKUPS: dict[str, _Lookup] = {
    "GetSubjectOfCareSchedule": _schedule,
    "GetBookingDetails": _details,
    "GetAllHealthcareFacilities": _facilities,
    "GetAllPerformers": _performers,
    "GetAvailableDates": _dates,
    "GetAvailableTimeslots": _timeslots,
}


def _add_booked(parent: Element, facility: Facility, booking: Booking) -> None:
    quirks = facility.profile.quirks
    form = "%Y%m%d%H%M" if quirks.short_times else TIME
    fields: dict[str, str | bool | None] = {
        **_resource_fields(facility, booking.resource, named=booking.named),
        "startTimeInclusive": booking.start.strftime(form) if booking.start else None,
        "endTimeExclusive": booking.end.strftime(form) if booking.end else None,
        "bookingId": booking.id,
        "subject_of_care": booking.subject,
        "purpose": booking.purpose,
        "reason": booking.reason,
        "cancel_booking_allowed": booking.cancel_booking_allowed,
        "rebooking_allowed": booking.rebooking_allowed,
        "message_allowed": None if quirks.flags_missing else booking.message_allowed,
        "isInvitation": None if quirks.flags_missing and not booking.is_invitation else booking.is_invitation,
    }
    _add_timeslot(parent, facility, fields)


def _add_free(parent: Element, facility: Facility, timeslot: Timeslot, call: Call) -> None:
    quirks = facility.profile.quirks
    fields: dict[str, str | bool | None] = {
        **_resource_fields(facility, timeslot.resource),
        "startTimeInclusive": timeslot.start.strftime(TIME),
        "endTimeExclusive": timeslot.end.strftime(TIME),
        "bookingId": call.text("bookingId") if quirks.free_echoes_request else None,
        "subject_of_care": call.text("subject_of_care") if quirks.free_echoes_request else None,
        "cancel_booking_allowed": False if quirks.free_not_rebookable else None,
        "rebooking_allowed": False if quirks.free_not_rebookable else None,
        "message_allowed": facility.profile.message_allowed,
    }
    _add_timeslot(parent, facility, fields)


def _resource_fields(facility: Facility, resource: Resource, *, named: bool = True) -> dict[str, str | None]:
    performer = resource.performer if named else None
    return {
        "healthcare_facility": _hsa(facility, facility.id),
        "healthcare_facility_name": facility.name,
        "performer": _hsa(facility, performer.hsa_id) if performer else None,
        "performerName": performer.name if performer else None,
        "resourceName": resource.name if named else None,
        "resourceID": resource.id if named else None,
        "timeTypeName": resource.time_type.name,
        "timeTypeID": resource.time_type.id,
        "careTypeName": resource.care_type.name if named else None,
        "careTypeID": resource.care_type.id if named else None,
    }


def _add_timeslot(parent: Element, facility: Facility, fields: dict[str, str | bool | None]) -> None:
    quirks = facility.profile.quirks
    root = _add(parent, "timeslotDetail", None)
    for name in reversed(TIMESLOT_FIELDS) if quirks.wrong_order else TIMESLOT_FIELDS:
        value = fields.get(name)
        if value is None and name in _TEXTS:
            value = "" if quirks.empty_elements else "null" if quirks.null_texts else None
        if value is not None:
            namespace = EXTENSION if name == "isInvitation" and not quirks.invitation_in_core else CORE
            text = ("true" if value else "false") if isinstance(value, bool) else value
            etree.SubElement(root, f"{{{namespace}}}{name}").text = text


def _hsa(facility: Facility, hsa_id: str) -> str:
    case = facility.profile.quirks.hsa_ids
    return hsa_id.upper() if case == "upper" else hsa_id.lower() if case == "lower" else hsa_id


def _response(contract: str) -> Element:
    namespace = CONTRACTS[contract].namespace
    prefixes = {"tns": namespace, "core": CORE, "ext": EXTENSION, "registry": REGISTRY}
    return etree.Element(f"{{{namespace}}}{contract}Response", nsmap=prefixes)


def _add(parent: Element, name: str, text: str | None) -> Element:
    element = etree.SubElement(parent, f"{{{etree.QName(parent).namespace}}}{name}")
    element.text = text
    return element


def _add_core(parent: Element, name: str, text: str) -> None:
    etree.SubElement(parent, f"{{{CORE}}}{name}").text = text
