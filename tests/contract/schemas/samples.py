"""A full message of each interaction, as the keywords that zeep takes."""

from __future__ import annotations

from typing import Any

from lxml import etree

FACILITY = "SE2321000016-1HZ5"
SUBJECT = "191212121212"
HEADERS = {
    "LogicalAddress": FACILITY,
    "actor": {"actorId": SUBJECT, "actorType": "subject_of_care"},
}

_SEARCH = {
    "healthcare_facility": FACILITY,
    "bookingId": "B-1",
    "startDateInclusive": "20260115",
    "endDateInclusive": "20260228",
    "performer": ["SE2321000016-P1", "SE2321000016-P2"],
    "timeTypeName": "Läkarbesök",
    "timeTypeID": "LAK20",
    "careTypeName": "Allmänmedicin",
    "careTypeID": "ALM",
    "subject_of_care": SUBJECT,
}
_TIMESLOT = {
    "startTimeInclusive": "20260120100000",
    "endTimeExclusive": "20260120102000",
    "healthcare_facility": FACILITY,
    "performer": "SE2321000016-P1",
    "bookingId": "B-1",
    "subject_of_care": SUBJECT,
    "purpose": "Återbesök <&>",
    "reason": "Jag ombokar tiden",
    "resourceName": "Rum 1",
    "healthcare_facility_name": "Vårdcentralen",
    "performerName": "Leg. läkare Karin Öhman",
    "resourceID": "R1",
    "timeTypeName": "Läkarbesök",
    "timeTypeID": "LAK20",
    "careTypeName": "Allmänmedicin",
    "careTypeID": "ALM",
    "cancel_booking_allowed": True,
    "rebooking_allowed": True,
    "message_allowed": False,
    "isInvitation": False,
}
_INFO = {"phone": "08-1", "firstName": "Tolvan", "middleName": "T", "lastName": "Tolvansson"}

REQUESTS: dict[str, dict[str, Any]] = {
    "GetSubjectOfCareSchedule": {"healthcare_facility": FACILITY, "subject_of_care": SUBJECT},
    "GetBookingDetails": {"healthcare_facility": FACILITY, "bookingId": "B-1"},
    "GetAllHealthcareFacilities": {"healthcare_facility": FACILITY, "subject_of_care": SUBJECT, "bookingId": "B-1"},
    "GetAllPerformers": {
        "healthcare_facility": FACILITY,
        "timeTypeIDs": ["LAK20", "SSK30"],
        "careTypeIDs": ["ALM"],
        "subject_of_care": SUBJECT,
    },
    "GetAvailableDates": _SEARCH,
    "GetAvailableTimeslots": _SEARCH,
    "UpdateBooking": {"requestedTimeslot": _TIMESLOT, "subject_of_care_info": _INFO, "notification": "SMS"},
    "PingForConfiguration": {"serviceContractNamespace": "urn:riv:x", "logicalAddress": FACILITY},
    "GetSupportedServiceContracts": {"serviceConsumerHsaId": "SE0-X", "logicalAdress": FACILITY},
}


def headers_of(interaction: str) -> dict[str, Any]:
    """The SOAP headers that an interaction takes."""
    supporting = ("PingForConfiguration", "GetSupportedServiceContracts")
    return {"LogicalAddress": FACILITY} if interaction in supporting else HEADERS


VALUES: dict[str, tuple[list[str], list[str]]] = {
    "startTimeInclusive": (
        ["20260115080000", "10000101000000", "99991231235959", "20120231000000", "20260100000000"],
        ["202601150800", "20260115240000", "20260115086000", "20260115080060", "20261315080000", "20260140080000",
         "00260115080000", "2026-01-15T08:00:00", "", " 20260115080000", "202601150800001"],
    ),
    "subject_of_care": (
        ["191212121212", "19121272P123", "19121212t123", "00000000F000"],
        ["1912121212", "19121212-1212", "19121212x123", "191212121212 ", "", "^191212121212$"],
    ),
    "message_allowed": (["true", "false", "1", "0", " true "], ["TRUE", "yes", ""]),
    "bookingId": (["", "B-1", "å"], []),
}  # fmt: skip
"""Values of a timeslot's fields at their edges: those that are valid, and those that aren't."""


def an_update_with(envelope: etree._Element, field: str, value: str) -> etree._Element:
    """An UpdateBooking's message with a value in its timeslot's field."""
    element = next(envelope.iter(f"{{urn:riv:crm:scheduling:1}}{field}"))
    element.text = value
    message = envelope.find("{*}Body")
    assert message is not None
    return message[0]


def an_update_answer(code: str) -> etree._Element:
    """An UpdateBooking's answer with a result code."""
    namespace = "urn:riv:crm:scheduling:UpdateBookingResponder:1"
    answer = etree.Element(f"{{{namespace}}}UpdateBookingResponse")
    etree.SubElement(answer, f"{{{namespace}}}resultCode").text = code
    return answer
