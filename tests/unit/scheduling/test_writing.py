"""What is sent is strictly valid: in order, in its namespaces, and nothing without a value."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from shared.contracts.model import Interaction, SearchFilters
from shared.contracts.rules import COMMENT_CHARACTERS, DateWindow
from shared.scheduling import envelopes
from shared.scheduling.interactions import (
    get_all_healthcare_facilities,
    get_all_performers,
    get_available_dates,
    get_booking_details,
    get_subject_of_care_schedule,
    get_supported_service_contracts,
    ping_for_configuration,
    update_booking,
)
from shared.scheduling.port import UpdateRequest
from tests.builders.booking import a_timeslot
from tests.builders.soap import ACTOR, SUBJECT

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
SCHEMAS = Path(envelopes.__file__).parent / "wsdl" / "xsd"
WINDOW = DateWindow(dt.date(2026, 1, 15), dt.date(2026, 2, 28))
BARE = SearchFilters(booking_id="B1")
FULL = SearchFilters(
    booking_id="B1",
    performer="SE1-P",
    time_type_name="Läkarbesök",
    time_type_id="L",
    care_type_name="Allmän",
    care_type_id="A",
)


def an_update(**changes: Any) -> UpdateRequest:
    """A rebooking's update."""
    values: dict[str, Any] = {
        "facility": "SE1-A",
        "timeslot": a_timeslot(),
        "booking_id": "B1",
        "subject": SUBJECT,
        "first_name": "Tolvan",
        "last_name": "Tolvansson",
    }
    return UpdateRequest(**{**values, **changes})


REQUESTS: list[tuple[Interaction, dict[str, Any]]] = [
    (Interaction.GET_SUBJECT_OF_CARE_SCHEDULE, get_subject_of_care_schedule.to_wire("SE1-A", SUBJECT)),
    (Interaction.GET_BOOKING_DETAILS, get_booking_details.to_wire("SE1-A", "B1")),
    (Interaction.GET_ALL_HEALTHCARE_FACILITIES, get_all_healthcare_facilities.to_wire("SE1-A", SUBJECT, "B1")),
    (Interaction.GET_ALL_PERFORMERS, get_all_performers.to_wire("SE1-A", SUBJECT, ["T1", "T2"])),
    (Interaction.GET_ALL_PERFORMERS, get_all_performers.to_wire("SE1-A", SUBJECT, [])),
    (Interaction.GET_AVAILABLE_DATES, get_available_dates.to_wire("SE1-A", SUBJECT, WINDOW, BARE)),
    (Interaction.GET_AVAILABLE_DATES, get_available_dates.to_wire("SE1-A", SUBJECT, WINDOW, FULL)),
    (Interaction.GET_AVAILABLE_TIMESLOTS, get_available_dates.to_wire("SE1-A", SUBJECT, WINDOW, FULL)),
    (Interaction.UPDATE_BOOKING, update_booking.to_wire(an_update())),
    (Interaction.UPDATE_BOOKING, update_booking.to_wire(an_update(reason="Ont", phone="070", notification="SMS"))),
    (Interaction.PING_FOR_CONFIGURATION, ping_for_configuration.to_wire("SE1-A")),
    (Interaction.GET_SUPPORTED_SERVICE_CONTRACTS, get_supported_service_contracts.to_wire("SE1-C", "SE1-A")),
]


def built(interaction: Interaction, fields: dict[str, Any]) -> etree._Element:
    """The envelope as a tree."""
    return etree.fromstring(envelopes.build(interaction, fields, logical_address="SE1-A", actor=ACTOR))


def body_of(envelope: etree._Element) -> etree._Element:
    """What the Body holds."""
    body = envelope.find(f"{SOAP}Body")
    assert body is not None
    return body[0]


@pytest.mark.parametrize(("interaction", "fields"), REQUESTS)
def test_every_request_is_valid_and_holds_no_empty_element(interaction: Interaction, fields: dict[str, Any]) -> None:
    """Against our schema; optional elements without a value are left out."""
    content = body_of(built(interaction, fields))
    etree.XMLSchema(etree.parse(str(SCHEMAS / f"{interaction.value}.xsd"))).assertValid(content)
    assert all(element.text or len(element) for element in content.iter())


@pytest.mark.parametrize(("interaction", "fields"), REQUESTS)
def test_the_profiles_headers_go_along(interaction: Interaction, fields: dict[str, Any]) -> None:
    """LogicalAddress always, without white space; Actor on crm:scheduling alone."""
    header = built(interaction, fields).find(f"{SOAP}Header")
    assert header is not None
    names = [etree.QName(element).localname for element in header]
    domain = interaction not in (Interaction.PING_FOR_CONFIGURATION, Interaction.GET_SUPPORTED_SERVICE_CONTRACTS)
    assert names == (["LogicalAddress", "Actor"] if domain else ["LogicalAddress"])
    assert header[0].text == "SE1-A"


def test_a_scheduling_request_without_an_actor_is_never_built() -> None:
    """Zeep would leave the header out without a word."""
    with pytest.raises(ValueError, match="needs an actor"):
        envelopes.build(Interaction.GET_BOOKING_DETAILS, {}, logical_address="SE1-A", actor=None)


def test_a_long_time_type_name_is_left_out_and_its_id_goes_alone() -> None:
    """Over 100 characters it is the booking system's fault (source: the seed)."""
    for length, sent in ((100, True), (101, False)):
        filters = FULL.model_copy(update={"time_type_name": "x" * length})
        fields = get_available_dates.to_wire("SE1-A", SUBJECT, WINDOW, filters)
        assert (fields["timeTypeName"] is not None) is sent
        assert fields["timeTypeID"] == "L"


def test_the_update_leaves_out_what_is_not_ours_to_say() -> None:
    """Flags, isInvitation and the free timeslot's own reason; the booking id is the original's."""
    timeslot = a_timeslot().model_copy(
        update={
            "reason": "gammal",
            "booking_id": "FREE",
            "message_allowed": True,
            "rebooking_allowed": False,
            "is_invitation": True,
        }
    )
    texts = [
        element.text
        for element in body_of(
            built(Interaction.UPDATE_BOOKING, update_booking.to_wire(an_update(timeslot=timeslot)))
        ).iter()
    ]
    assert "gammal" not in texts
    assert "FREE" not in texts
    assert not {"true", "false"} & set(texts)
    assert "B1" in texts


@given(st.text(alphabet=sorted(COMMENT_CHARACTERS), min_size=1, max_size=60).filter(lambda text: text.strip()))
def test_a_comment_arrives_as_it_was_written(comment: str) -> None:
    """Whatever allowed characters it has, the reason that is read equals the one that was given."""
    fields = update_booking.to_wire(an_update(reason=comment))
    (reason,) = body_of(built(Interaction.UPDATE_BOOKING, fields)).iter("{urn:riv:crm:scheduling:1}reason")
    assert reason.text == comment


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "\uffff"])
def test_what_xml_cannot_hold_is_an_error_of_ours(text: str) -> None:
    """The rules refuse it long before; here it ends as a ValueError and not on the wire."""
    with pytest.raises(ValueError):
        envelopes.build(
            Interaction.UPDATE_BOOKING,
            update_booking.to_wire(an_update(reason=text)),
            logical_address="SE1-A",
            actor=ACTOR,
        )
