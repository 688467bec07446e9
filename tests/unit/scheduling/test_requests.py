"""What is sent: strictly valid, in order, in the right namespaces, optional elements without a value left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from shared.contracts.civil_time import CivilTime
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Interaction
from shared.scheduling import envelopes
from shared.scheduling.envelopes import build
from shared.scheduling.interactions import (
    get_all_healthcare_facilities,
    get_all_performers,
    get_available_dates,
    get_available_timeslots,
    get_booking_details,
    get_subject_of_care_schedule,
    get_supported_service_contracts,
    ping_for_configuration,
    update_booking,
)
from shared.scheduling.reading import read_timeslot
from tests.builders.scheduling import (
    CONSUMER,
    FACILITY,
    PERFORMER,
    SOAP,
    SUBJECT,
    a_booking,
    a_subject,
    a_timeslot,
    a_window,
    an_actor,
    an_update,
    some_filters,
)

SEARCH = {"facility": FACILITY, "subject": a_subject(), "window": a_window()}
FIELDS: dict[Interaction, dict[str, Any]] = {
    Interaction.GET_SUBJECT_OF_CARE_SCHEDULE: get_subject_of_care_schedule.to_wire(FACILITY, a_subject()),
    Interaction.GET_BOOKING_DETAILS: get_booking_details.to_wire(FACILITY, "B-1"),
    Interaction.GET_ALL_HEALTHCARE_FACILITIES: get_all_healthcare_facilities.to_wire(FACILITY, a_subject(), "B-1"),
    Interaction.GET_ALL_PERFORMERS: get_all_performers.to_wire(FACILITY, a_subject(), ["LAK20"]),
    Interaction.GET_AVAILABLE_DATES: get_available_dates.to_wire(**SEARCH, filters=some_filters(performer=PERFORMER)),
    Interaction.GET_AVAILABLE_TIMESLOTS: get_available_timeslots.to_wire(**SEARCH, filters=some_filters()),
    Interaction.UPDATE_BOOKING: update_booking.to_wire(an_update(notification="SMS")),
    Interaction.GET_SUPPORTED_SERVICE_CONTRACTS: get_supported_service_contracts.to_wire(CONSUMER, FACILITY),
    Interaction.PING_FOR_CONFIGURATION: ping_for_configuration.to_wire(FACILITY),
}
SUPPORTING = {Interaction.GET_SUPPORTED_SERVICE_CONTRACTS, Interaction.PING_FOR_CONFIGURATION}


def sent(interaction: Interaction, fields: dict[str, Any] | None = None) -> etree._Element:
    """The whole envelope as it is sent, read again."""
    actor = None if interaction in SUPPORTING else an_actor()
    given_fields = FIELDS[interaction] if fields is None else fields
    return etree.fromstring(build(interaction, given_fields, logical_address=FACILITY, actor=actor))


def body(envelope: etree._Element) -> etree._Element:
    """The one element in an envelope's Body."""
    found = envelope.find(f"{{{SOAP}}}Body")
    assert found is not None
    assert len(found) == 1
    return found[0]


def valid(interaction: Interaction, element: etree._Element) -> bool:
    """Whether an element is valid by the interaction's own document."""
    schema = etree.XMLSchema(etree.parse(str(envelopes.DOCUMENTS / "xsd" / f"{interaction.value}.xsd")))
    return schema.validate(etree.fromstring(etree.tostring(element)))


def leaves(element: etree._Element) -> list[tuple[str, str | None]]:
    """The names, as the namespace's last parts and the local name, and the texts of an element's leaves, in order."""
    found = []
    for leaf in element.iter():
        if not len(leaf):
            name = etree.QName(leaf)
            space = (
                (name.namespace or "").removeprefix("urn:riv:crm:scheduling:").removeprefix("urn:riv:itintegration:")
            )
            found.append((f"{space} {name.localname}", leaf.text))
    return found


def field(envelope: etree._Element, name: str) -> str | None:
    """The text of the first element with a local name in the Body; None when there is none."""
    found = body(envelope).find(f".//{{*}}{name}")
    return None if found is None else found.text


@pytest.mark.parametrize("interaction", FIELDS)
def test_the_headers_say_who_is_addressed_and_who_acts(interaction: Interaction) -> None:
    """LogicalAddress always and without blanks; Actor on crm:scheduling alone."""
    header = sent(interaction).find(f"{{{SOAP}}}Header")

    assert header is not None
    address = ("registry:1 LogicalAddress", FACILITY)
    actor = [
        ("urn:riv:interoperability:headers:1 actorId", SUBJECT),
        ("urn:riv:interoperability:headers:1 actorType", "subject_of_care"),
    ]
    assert leaves(header) == ([address] if interaction in SUPPORTING else [address, *actor])


def test_blanks_around_the_logical_address_never_go_out() -> None:
    """The platform takes a blank for a part of the address, and finds no route (VP004)."""
    fields = FIELDS[Interaction.GET_BOOKING_DETAILS]

    envelope = build(Interaction.GET_BOOKING_DETAILS, fields, logical_address=f" {FACILITY}\n", actor=an_actor())

    assert f">{FACILITY}<".encode() in envelope


def test_an_agent_acts_with_their_hsa_id() -> None:
    """An agent's Actor holds the HSA-id and says so."""
    agent = Actor(id="SE2321000016-A1", type=ActorType.AGENT)

    envelope = build(
        Interaction.GET_BOOKING_DETAILS,
        FIELDS[Interaction.GET_BOOKING_DETAILS],
        logical_address=FACILITY,
        actor=agent,
    )

    assert b">SE2321000016-A1<" in envelope
    assert b">subject_of_care_agent<" in envelope


@pytest.mark.parametrize("text", ["\x00", "\x1b[2J", "\ud800", "\ufffe"])
def test_text_that_xml_cannot_hold_is_refused_without_quoting_it(text: str) -> None:
    """The refusal and everything it came from is free of the patient's text."""
    fields = update_booking.to_wire(an_update(reason=f"hemligt {text}"))

    with pytest.raises(ValueError) as refusal:
        build(Interaction.UPDATE_BOOKING, fields, logical_address=FACILITY, actor=an_actor())

    assert "hemligt" not in str(refusal.value)
    assert refusal.value.__context__ is None


def test_get_subject_of_care_schedule() -> None:
    """Facility and subject, in the request's own namespace."""
    responder = "GetSubjectOfCareScheduleResponder:1"
    assert leaves(body(sent(Interaction.GET_SUBJECT_OF_CARE_SCHEDULE))) == [
        (f"{responder} healthcare_facility", FACILITY),
        (f"{responder} subject_of_care", SUBJECT),
    ]


def test_get_booking_details() -> None:
    """Facility and booking."""
    responder = "GetBookingDetailsResponder:1"
    assert leaves(body(sent(Interaction.GET_BOOKING_DETAILS))) == [
        (f"{responder} healthcare_facility", FACILITY),
        (f"{responder} bookingId", "B-1"),
    ]


def test_get_all_healthcare_facilities() -> None:
    """With the booking's id, which is mandatory when a booking is moved."""
    responder = "GetAllHealthcareFacilitiesResponder:1"
    assert leaves(body(sent(Interaction.GET_ALL_HEALTHCARE_FACILITIES))) == [
        (f"{responder} healthcare_facility", FACILITY),
        (f"{responder} subject_of_care", SUBJECT),
        (f"{responder} bookingId", "B-1"),
    ]


def test_get_all_performers() -> None:
    """With the booking's time type, and no care type."""
    responder = "GetAllPerformersResponder:1"
    assert leaves(body(sent(Interaction.GET_ALL_PERFORMERS))) == [
        (f"{responder} healthcare_facility", FACILITY),
        (f"{responder} timeTypeIDs", "LAK20"),
        (f"{responder} subject_of_care", SUBJECT),
    ]


@pytest.mark.parametrize("interaction", [Interaction.GET_AVAILABLE_DATES, Interaction.GET_AVAILABLE_TIMESLOTS])
def test_a_search_in_full(interaction: Interaction) -> None:
    """Every filter in its place; subject_of_care last, in a namespace of its own (contract description 0.1)."""
    filters = some_filters(performer=PERFORMER, care_type_name="Allmänmedicin", care_type_id="ALM")

    found = leaves(body(sent(interaction, get_available_dates.to_wire(**SEARCH, filters=filters))))

    responder = f"{interaction.value}Responder:1"
    assert found == [
        (f"{responder} healthcare_facility", FACILITY),
        (f"{responder} bookingId", "B-1"),
        (f"{responder} startDateInclusive", "20260115"),
        (f"{responder} endDateInclusive", "20260228"),
        (f"{responder} performer", PERFORMER),
        (f"{responder} timeTypeName", "Läkarbesök"),
        (f"{responder} timeTypeID", "LAK20"),
        (f"{responder} careTypeName", "Allmänmedicin"),
        (f"{responder} careTypeID", "ALM"),
        (f"{responder}.1 subject_of_care", SUBJECT),
    ]


def test_a_search_without_filters_sends_no_empty_elements() -> None:
    """What has no value isn't there at all (contract description 0.8)."""
    filters = some_filters(time_type_name=None, time_type_id=None)

    found = leaves(body(sent(Interaction.GET_AVAILABLE_DATES, get_available_dates.to_wire(**SEARCH, filters=filters))))

    assert [name.split()[-1] for name, _ in found] == [
        "healthcare_facility",
        "bookingId",
        "startDateInclusive",
        "endDateInclusive",
        "subject_of_care",
    ]


def test_the_registry_is_asked_in_its_own_spelling() -> None:
    """`logicalAdress`, with one d."""
    assert leaves(body(sent(Interaction.GET_SUPPORTED_SERVICE_CONTRACTS))) == [
        ("registry:GetSupportedServiceContractsResponder:1 serviceConsumerHsaId", CONSUMER),
        ("registry:GetSupportedServiceContractsResponder:1 logicalAdress", FACILITY),
    ]


def test_the_update_in_full() -> None:
    """The chosen timeslot is echoed; subject, booking, facility and reason are ours; no flags, no isInvitation."""
    chosen = a_booking(
        start=CivilTime("202601201000"),
        purpose="<article/>",
        booking_id="OF-THE-FREE-TIMESLOT",
        subject_of_care=SubjectOfCareId("201212121212"),
        healthcare_facility="SE-ANOTHER",
        reason="left over",
        message_allowed=True,
        is_invitation=False,
    )

    envelope = sent(Interaction.UPDATE_BOOKING, update_booking.to_wire(an_update(timeslot=chosen, notification="SMS")))

    assert leaves(body(envelope)) == [
        ("1 startTimeInclusive", "20260120100000"),
        ("1 endTimeExclusive", "20260202092000"),
        ("1 healthcare_facility", FACILITY),
        ("1 performer", PERFORMER),
        ("1 bookingId", "B-1"),
        ("1 subject_of_care", SUBJECT),
        ("1 purpose", "<article/>"),
        ("1 reason", "Jag kan inte den dagen"),
        ("1 resourceName", "Rum 1"),
        ("1 healthcare_facility_name", "Vårdcentralen Eken"),
        ("1 performerName", "Leg. läkare Karin Öhman"),
        ("1 resourceID", "R1"),
        ("1 timeTypeName", "Läkarbesök"),
        ("1 timeTypeID", "LAK20"),
        ("1 careTypeName", "Allmänmedicin"),
        ("1 careTypeID", "ALM"),
        ("1 phone", "070-123 45 67"),
        ("1.1 firstName", "Tolvan"),
        ("1.1 lastName", "Tolvansson"),
        ("UpdateBookingResponder:1 notification", "SMS"),
    ]


@pytest.mark.parametrize("nothing", [None, ""])
def test_the_update_leaves_out_what_has_no_value(nothing: str | None) -> None:
    """A reason that isn't given isn't taken from the timeslot either, and no empty element goes out."""
    bare = a_timeslot(
        performer=None,
        resource_name=None,
        healthcare_facility_name=None,
        performer_name=None,
        resource_id=None,
        time_type_name=None,
        time_type_id=None,
        care_type_name=None,
        care_type_id=None,
        reason="left over",
    )

    request = an_update(timeslot=bare, reason=nothing, phone=nothing, notification=nothing)
    envelope = sent(Interaction.UPDATE_BOOKING, update_booking.to_wire(request))

    assert [name.split()[-1] for name, _ in leaves(body(envelope))] == [
        "startTimeInclusive",
        "endTimeExclusive",
        "healthcare_facility",
        "bookingId",
        "subject_of_care",
        "firstName",
        "lastName",
    ]
    assert valid(Interaction.UPDATE_BOOKING, body(envelope))


def test_a_long_time_type_name_is_echoed_whole_in_the_update() -> None:
    """The cut is for filters alone."""
    envelope = sent(
        Interaction.UPDATE_BOOKING, update_booking.to_wire(an_update(timeslot=a_timeslot(time_type_name="ö" * 300)))
    )

    assert field(envelope, "timeTypeName") == "ö" * 300


XML_TEXT = st.text(
    alphabet=st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), min_size=1, max_size=50
).filter(lambda text: text.strip() not in ("", "null"))


@given(XML_TEXT, XML_TEXT, st.sampled_from(["\n", "\r\n", "\t", "  ", "<&>]]>"]))
def test_a_timeslot_read_and_echoed_is_the_same(one: str, other: str, between: str) -> None:
    """Texts of a timeslot come back to the booking system with every blank, line break and bracket."""
    timeslot = a_timeslot(purpose=f"{one}{between}{other}", resource_name=f" {one}", performer_name=f"{other} ")

    envelope = sent(Interaction.UPDATE_BOOKING, update_booking.to_wire(an_update(timeslot=timeslot)))
    detail = body(envelope)[0]
    again = sent(Interaction.UPDATE_BOOKING, update_booking.to_wire(an_update(timeslot=read_timeslot(detail))))

    assert field(envelope, "purpose") == timeslot.purpose
    assert field(envelope, "resourceName") == timeslot.resource_name
    assert etree.tostring(again, method="c14n") == etree.tostring(envelope, method="c14n")
