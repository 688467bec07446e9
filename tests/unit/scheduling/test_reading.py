"""Reading what booking systems really send: every habit known from the field is understood."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.contracts.model import Interaction
from shared.scheduling.interactions import (
    get_all_healthcare_facilities,
    get_all_performers,
    get_available_dates,
    get_available_timeslots,
    get_booking_details,
    get_subject_of_care_schedule,
    get_supported_service_contracts,
    ping_for_configuration,
)
from tests.builders.soap import SUBJECT, an_answer

DETAIL = (
    "<r:timeslotDetail><c:startTimeInclusive>{start}</c:startTimeInclusive><c:endTimeExclusive>20260210102000"
    "</c:endTimeExclusive><c:healthcare_facility>SE1-A</c:healthcare_facility>{more}</r:timeslotDetail>"
)


def detail(more: str = "", start: str = "20260210100000") -> str:
    """A timeslotDetail with something more in it."""
    return DETAIL.format(start=start, more=more)


def booking(more: str = "", start: str = "20260210100000") -> object:
    """What GetBookingDetails makes of it."""
    return get_booking_details.from_wire(an_answer(Interaction.GET_BOOKING_DETAILS, detail(more, start)))


def test_twelve_digit_times_get_seconds() -> None:
    """202602101000 is 20260210100000."""
    read = get_booking_details.from_wire(an_answer(Interaction.GET_BOOKING_DETAILS, detail(start="202602101000")))
    assert read is not None
    assert read.start == "20260210100000"


@pytest.mark.parametrize("empty", ["<c:performer></c:performer>", "<c:performer/>", "<c:performer>null</c:performer>"])
def test_empty_and_null_are_absent(empty: str) -> None:
    """Empty tags are forbidden, and sent."""
    read = get_booking_details.from_wire(an_answer(Interaction.GET_BOOKING_DETAILS, detail(empty)))
    assert read is not None
    assert read.performer is None


@pytest.mark.parametrize("prefix", ["c", "e"])
def test_is_invitation_is_read_in_either_namespace(prefix: str) -> None:
    """The release candidate had it in the core namespace."""
    more = f"<{prefix}:isInvitation> true </{prefix}:isInvitation>"
    read = get_booking_details.from_wire(an_answer(Interaction.GET_BOOKING_DETAILS, detail(more)))
    assert read is not None
    assert read.is_invitation is True


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), (" TRUE ", True), ("false", False), ("0", False), ("ja", None)]
)
def test_booleans_come_in_many_forms(text: str, value: bool | None) -> None:
    """And one that isn't one is absent, never a guess."""
    more = f"<c:rebooking_allowed>{text}</c:rebooking_allowed>"
    read = get_booking_details.from_wire(an_answer(Interaction.GET_BOOKING_DETAILS, detail(more)))
    assert read is not None
    assert read.rebooking_allowed is value


def test_a_wrong_order_loses_nothing() -> None:
    """Elements are found by name."""
    content = (
        "<r:timeslotDetail><c:reason>Ont</c:reason><c:bookingId>B</c:bookingId>"
        "<c:startTimeInclusive>20260210100000</c:startTimeInclusive></r:timeslotDetail>"
    )
    read = get_booking_details.from_wire(an_answer(Interaction.GET_BOOKING_DETAILS, content))
    assert read is not None
    assert (read.reason, read.booking_id, read.start) == ("Ont", "B", "20260210100000")


@pytest.mark.parametrize("content", ["", "<r:timeslotDetail/>"])
def test_a_missing_detail_is_not_found(content: str) -> None:
    """There is no legal way to say it, so systems leave it out."""
    assert get_booking_details.from_wire(an_answer(Interaction.GET_BOOKING_DETAILS, content)) is None


def test_an_impossible_time_is_absent_and_the_rest_is_read() -> None:
    """30 February, hour 24, or no time at all."""
    for start in ("20260230100000", "20260210240000", "i morgon"):
        read = booking("<c:bookingId>B</c:bookingId>", start)
        assert read is not None
        assert (read.start, read.booking_id) == (None, "B")  # type: ignore[attr-defined]


def test_a_timeslot_without_times_cannot_be_offered() -> None:
    """It is left out; the others stay."""
    content = detail() + detail(start="")
    read = get_available_timeslots.from_wire(an_answer(Interaction.GET_AVAILABLE_TIMESLOTS, content))
    assert [one.start for one in read] == ["20260210100000"]


def test_purpose_and_reason_keep_their_white_space() -> None:
    """They are texts for people, maybe DocBook, decoded once."""
    more = "<c:purpose>&lt;article&gt;\n x &lt;/article&gt;</c:purpose>"
    read = get_subject_of_care_schedule.from_wire(an_answer(Interaction.GET_SUBJECT_OF_CARE_SCHEDULE, detail(more)))
    assert read[0].purpose == "<article>\n x </article>"


@pytest.mark.parametrize("spelling", ["perfomer", "performer"])
def test_performers_are_read_in_either_spelling(spelling: str) -> None:
    """The wire's spelling is official; the right one is sent too."""
    content = (
        f"<r:performerInfos><c:{spelling}>SE1-P</c:{spelling}><c:firstName>Åsa</c:firstName>"
        "<c:lastName>Öst</c:lastName></r:performerInfos><r:performerInfos><c:firstName>X</c:firstName></r:performerInfos>"
    )
    (person,) = get_all_performers.from_wire(an_answer(Interaction.GET_ALL_PERFORMERS, content))
    assert (person.performer, person.first_name, person.last_name, person.title) == ("SE1-P", "Åsa", "Öst", None)


def test_days_are_read_and_impossible_ones_left_out() -> None:
    """The children are in the responder's own namespace."""
    content = "".join(
        f"<r:performerAvailabilityByDate><r:healthcare_facility>SE1-A</r:healthcare_facility><r:date>{day}</r:date>"
        "</r:performerAvailabilityByDate>"
        for day in ("20260210", "20260431", "")
    )
    read = get_available_dates.from_wire(an_answer(Interaction.GET_AVAILABLE_DATES, content))
    assert [one.date for one in read] == [dt.date(2026, 2, 10)]


def test_facilities_are_read() -> None:
    """Their names on the wire are kept apart: they are never shown."""
    content = (
        "<r:healthcareFacilityInfos><c:healthcare_facility>SE1-A</c:healthcare_facility></r:healthcareFacilityInfos>"
    )
    (facility,) = get_all_healthcare_facilities.from_wire(an_answer(Interaction.GET_ALL_HEALTHCARE_FACILITIES, content))
    assert (facility.healthcare_facility, facility.name) == ("SE1-A", None)


def test_the_registry_is_read_in_every_form() -> None:
    """With and without Responder, in any case, several in one wrapper; other domains are nobody's business."""
    name = "urn:riv:crm:scheduling:"
    leaves = "".join(
        f"<x:ServiceContractNamespace xmlns:x='urn:riv:itintegration:registry:1'>{text}</x:ServiceContractNamespace>"
        for text in (
            f"{name}UpdateBookingResponder:1",
            f"{name}GetAvailableDates:1",
            f"{name}GETSUBJECTOFCARESCHEDULERESPONDER:1",
            f"{name}GetBookingDetailsResponder:2",
            "urn:riv:other:UpdateBookingResponder:1",
        )
    )
    content = f"<r:serviceContractNamespace>{leaves}</r:serviceContractNamespace>"
    read = get_supported_service_contracts.from_wire(an_answer(Interaction.GET_SUPPORTED_SERVICE_CONTRACTS, content))
    assert read == {
        Interaction.UPDATE_BOOKING,
        Interaction.GET_AVAILABLE_DATES,
        Interaction.GET_SUBJECT_OF_CARE_SCHEDULE,
    }


def test_a_ping_gives_its_version() -> None:
    """And one without a version is alive all the same."""
    assert (
        ping_for_configuration.from_wire(an_answer(Interaction.PING_FOR_CONFIGURATION, "<r:version>7</r:version>"))
        == "7"
    )
    assert ping_for_configuration.from_wire(an_answer(Interaction.PING_FOR_CONFIGURATION, "")) == "unknown version"


def test_a_subject_in_the_answer_is_an_identity_not_a_text() -> None:
    """It can't get into a log by accident."""
    more = f"<c:subject_of_care>{SUBJECT.reveal()}</c:subject_of_care>"
    read = booking(more)
    assert "191212121212" not in repr(read)
