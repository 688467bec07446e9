"""What the contract description says of each interaction, written down once more by hand, to hold the documents to.

A field is `name`, then `:` and what it holds when that isn't text, then `?` for 0..1 or `*` for 0..*; a name that
begins with `+` is in the namespace that version 1.1 added. Source: contract description 1.2 to 1.4.
"""

from __future__ import annotations

from typing import Any

from tests.contract.schemas.documents import DOMAINS, SCHEDULING, namespace_of

CORE = "urn:riv:crm:scheduling:1"
REGISTRY = "urn:riv:itintegration:registry:1"
HEADERS = "urn:riv:interoperability:headers:1"

_TIMESLOT = """startTimeInclusive? endTimeExclusive? healthcare_facility performer? bookingId? subject_of_care? purpose?
    reason? resourceName? healthcare_facility_name? performerName? resourceID? timeTypeName? timeTypeID? careTypeName?
    careTypeID? cancel_booking_allowed:boolean? rebooking_allowed:boolean? message_allowed:boolean?
    +isInvitation:boolean?"""
_SUBJECT = "phone? email? address? coaddress? +firstName +middleName? +lastName ANY"
_SEARCH = """healthcare_facility bookingId? startDateInclusive endDateInclusive performer* timeTypeName? timeTypeID?
    careTypeName? careTypeID? +subject_of_care ANY"""
_AVAILABILITY = """healthcare_facility performer? date resourceName? resourceID? timeTypeName? timeTypeID? careTypeName?
    careTypeID? ANY"""

_INSIDE = {
    "Timeslot": (CORE, _TIMESLOT),
    "Subject": (CORE, _SUBJECT),
    "Facility": (CORE, "healthcare_facility healthcare_facility_name? ANY"),
    "Performer": (CORE, "perfomer firstName lastName title? ANY"),
    "Availability": (namespace_of("GetAvailableDates"), _AVAILABILITY),
    "Configuration": (namespace_of("PingForConfiguration"), "name value ANY"),
    "Namespace": (REGISTRY, "ServiceContractNamespace:anyURI ANY"),
}

_MESSAGES = {
    "GetSubjectOfCareSchedule": ("healthcare_facility subject_of_care ANY", "timeslotDetail:Timeslot* ANY"),
    "GetBookingDetails": ("healthcare_facility bookingId ANY", "timeslotDetail:Timeslot ANY"),
    "GetAllHealthcareFacilities": (
        "healthcare_facility subject_of_care bookingId? ANY",
        "healthcareFacilityInfos:Facility* ANY",
    ),
    "GetAllPerformers": (
        "healthcare_facility timeTypeIDs* careTypeIDs* subject_of_care ANY",
        "performerInfos:Performer* ANY",
    ),
    "GetAvailableDates": (_SEARCH, "performerAvailabilityByDate:Availability* ANY"),
    "GetAvailableTimeslots": (_SEARCH, "timeslotDetail:Timeslot* ANY"),
    "UpdateBooking": (
        "requestedTimeslot:Timeslot subject_of_care_info:Subject? notification? ANY",
        "resultCode:Code resultText? ANY",
    ),
    "PingForConfiguration": (
        "serviceContractNamespace:anyURI logicalAddress:anyURI ANY",
        "version pingDateTime configuration:Configuration* ANY",
    ),
    "GetSupportedServiceContracts": (
        "serviceConsumerHsaId logicalAdress ANY",
        "serviceContractNamespace:Namespace* ANY",
    ),
}
_VALUES = {"Code": ("string", "ERROR", "INFO", "OK"), "boolean": "boolean", "anyURI": "anyURI", "": "string"}
_ANY = ("any", ("maxOccurs", "unbounded"), ("minOccurs", "0"), ("namespace", "##other"), ("processContents", "lax"))

ACTOR = (
    f"{{{HEADERS}}}Actor",
    ("1", "1"),
    [
        (f"{{{HEADERS}}}actorId", ("1", "1"), "string"),
        (f"{{{HEADERS}}}actorType", ("1", "1"), ("string", "subject_of_care", "subject_of_care_agent")),
        _ANY,
    ],
)
LOGICAL_ADDRESS = (f"{{{REGISTRY}}}LogicalAddress", ("1", "1"), "string")


def message(interaction: str, *, response: bool = False) -> Any:
    """The shape of an interaction's request or response, as `documents.shape` gives it."""
    namespace = namespace_of(interaction)
    name = f"{{{namespace}}}{interaction}{'Response' if response else ''}"
    return (name, ("1", "1"), _fields(_MESSAGES[interaction][response], namespace))


def interface(interaction: str) -> dict[str, Any]:
    """What the WSDL says beside its types, by the naming rules (contract description 1.1)."""
    namespace = namespace_of(interaction)
    tns = f"urn:riv:{DOMAINS[interaction]}:{interaction}:1:rivtabp21"
    headers = {"LogicalAddress": f"{{{REGISTRY}}}LogicalAddress"}
    if interaction in SCHEDULING:
        headers["actor"] = f"{{{HEADERS}}}Actor"
    request = f"{{{tns}}}{interaction}Request"
    return {
        "definitions": f"{interaction}Interaction",
        "namespace": tns,
        "messages": {
            f"{interaction}Request": {**headers, "parameters": f"{{{namespace}}}{interaction}"},
            f"{interaction}Response": {"parameters": f"{{{namespace}}}{interaction}Response"},
        },
        "port_type": (f"{interaction}ResponderInterface", [interaction]),
        "binding": (f"{interaction}ResponderBinding", f"{{{tns}}}{interaction}ResponderInterface"),
        "service": f"{interaction}ResponderService",
        "port": (f"{interaction}ResponderPort", f"{{{tns}}}{interaction}ResponderBinding"),
        "operation": interaction,
        "soap_action": f"{namespace}:{interaction}",
        "soap": [{"style": "document", "transport": "http://schemas.xmlsoap.org/soap/http"}],
        "headers": [(request, part, "literal") for part in headers],
        "bodies": [{"use": "literal", "parts": "parameters"}, {"use": "literal"}],
        "address": ["http://tempuri.org"],
    }


def _fields(text: str, namespace: str) -> list[Any]:
    return [_ANY if word == "ANY" else _field(word, namespace) for word in text.split()]


def _field(word: str, namespace: str) -> Any:
    cardinality = {"?": ("0", "1"), "*": ("0", "unbounded")}.get(word[-1], ("1", "1"))
    name, _, inside = word.rstrip("?*").partition(":")
    where = namespace + ".1" if name.startswith("+") else namespace
    content = _fields(_INSIDE[inside][1], _INSIDE[inside][0]) if inside in _INSIDE else _VALUES[inside]
    return (f"{{{where}}}{name.lstrip('+')}", cardinality, content)
