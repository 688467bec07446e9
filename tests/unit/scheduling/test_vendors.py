"""Whole answers in the manner of real booking systems (contract description 5): read, and echoed as they were."""

from __future__ import annotations

import pytest
from lxml import etree

from shared.contracts.model import Interaction
from shared.scheduling import envelopes
from shared.scheduling.answers import read_answer
from shared.scheduling.failures import ProducerFault, Sent
from shared.scheduling.interactions import (
    get_all_performers,
    get_available_dates,
    get_available_timeslots,
    get_subject_of_care_schedule,
    update_booking,
)
from tests.builders.scheduling import FACILITY, SUBJECT, an_actor, an_update
from tests.builders.soap import a_fault, an_answer

ADAPTER_TIMESLOT = """
<r:timeslotDetail>
  <c:startTimeInclusive>20260210100000</c:startTimeInclusive><c:endTimeExclusive>20260210100000</c:endTimeExclusive>
  <c:healthcare_facility>se2321000016-1hz5</c:healthcare_facility><c:performer>1</c:performer><c:bookingId></c:bookingId>
  <c:subject_of_care></c:subject_of_care><c:purpose></c:purpose><c:reason></c:reason>
  <c:resourceName>Rum 3</c:resourceName><c:healthcare_facility_name>VC</c:healthcare_facility_name>
  <c:performerName></c:performerName><c:resourceID>191212121212</c:resourceID><c:timeTypeName>null</c:timeTypeName>
  <c:timeTypeID>0</c:timeTypeID><c:careTypeName></c:careTypeName><c:careTypeID></c:careTypeID>
  <c:cancel_booking_allowed>false</c:cancel_booking_allowed><c:rebooking_allowed>false</c:rebooking_allowed>
  <c:message_allowed>true</c:message_allowed>
</r:timeslotDetail>"""
"""An adapter's free timeslot: no length, a resource's number as performer, empty elements, no right to rebook."""

DEMO_TIMESLOT = f"""
<r:timeslotDetail>
  <c:startTimeInclusive>20260210080000</c:startTimeInclusive><c:endTimeExclusive>20260210090000</c:endTimeExclusive>
  <c:healthcare_facility>{FACILITY}</c:healthcare_facility><c:performer>SE1-P</c:performer>
  <c:bookingId>OF-THE-REQUEST</c:bookingId><c:subject_of_care>201212121212</c:subject_of_care>
  <c:performerName>Karin Öhman, Leg. läkare</c:performerName>
</r:timeslotDetail>"""
"""A demo system's: it gives back the request's patient and booking."""


def free(content: str) -> list[object]:
    """What GetAvailableTimeslots makes of it."""
    return list(get_available_timeslots.from_wire(an_answer(Interaction.GET_AVAILABLE_TIMESLOTS, content)))


def echoed(content: str) -> dict[str, str | None]:
    """The requestedTimeslot that a timeslot read becomes in a valid UpdateBooking, by local name."""
    (timeslot,) = get_available_timeslots.from_wire(an_answer(Interaction.GET_AVAILABLE_TIMESLOTS, content))
    fields = update_booking.to_wire(an_update(timeslot=timeslot, reason="Kan inte"))
    envelope = envelopes.build(Interaction.UPDATE_BOOKING, fields, logical_address=FACILITY, actor=an_actor())
    body = etree.fromstring(envelope)[-1][0]
    schema = etree.XMLSchema(etree.parse(str(envelopes.DOCUMENTS / "xsd" / "UpdateBooking.xsd")))
    schema.assertValid(etree.fromstring(etree.tostring(body)))
    return {etree.QName(one).localname: one.text for one in body[0]}


def test_an_adapters_timeslot_is_offered_and_echoed_without_what_is_empty() -> None:
    """Nothing is invented for it, and what the adapter wrote in the wrong place goes back to that place."""
    assert len(free(ADAPTER_TIMESLOT)) == 1
    assert echoed(ADAPTER_TIMESLOT) == {
        "startTimeInclusive": "20260210100000",
        "endTimeExclusive": "20260210100000",
        "healthcare_facility": FACILITY,
        "performer": "1",
        "bookingId": "B-1",
        "subject_of_care": SUBJECT,
        "reason": "Kan inte",
        "resourceName": "Rum 3",
        "healthcare_facility_name": "VC",
        "resourceID": "191212121212",
        "timeTypeID": "0",
    }


def test_a_number_that_a_system_calls_a_resource_is_not_logged_by_its_timeslot() -> None:
    """A resource's id may be somebody's personal number: it isn't in what stands for the timeslot in a log."""
    (timeslot,) = free(ADAPTER_TIMESLOT)
    assert "191212121212" not in repr(timeslot)


def test_a_demo_systems_echo_of_the_request_changes_nothing() -> None:
    """Patient and booking in the update are ours, whatever the free timeslot carried."""
    sent = echoed(DEMO_TIMESLOT)
    assert (sent["bookingId"], sent["subject_of_care"]) == ("B-1", SUBJECT)
    assert sent["performerName"] == "Karin Öhman, Leg. läkare"


def test_an_aggregators_bookings_may_lack_their_times() -> None:
    """They are read in the order in which they came; whoever shows them decides what to do without a time."""
    content = (
        "<r:timeslotDetail><c:bookingId>B-2</c:bookingId></r:timeslotDetail>"
        "<r:timeslotDetail><c:startTimeInclusive>202602101000</c:startTimeInclusive><c:bookingId>B-1</c:bookingId>"
        "</r:timeslotDetail>"
    )
    read = get_subject_of_care_schedule.from_wire(an_answer(Interaction.GET_SUBJECT_OF_CARE_SCHEDULE, content))
    assert [(one.booking_id, one.start) for one in read] == [("B-2", None), ("B-1", "20260210100000")]


def test_a_days_resource_may_be_the_facilitys_name() -> None:
    """The day counts, whatever else stands beside it."""
    content = (
        "<r:performerAvailabilityByDate><r:healthcare_facility>SE1</r:healthcare_facility><r:performer></r:performer>"
        "<r:date>20260210</r:date><r:resourceName>Vårdcentralen</r:resourceName><r:timeTypeID>0</r:timeTypeID>"
        "</r:performerAvailabilityByDate>"
    )
    (day,) = get_available_dates.from_wire(an_answer(Interaction.GET_AVAILABLE_DATES, content))
    assert (day.date.isoformat(), day.performer, day.resource_id) == ("2026-02-10", None, None)


def test_a_person_without_a_name_can_still_be_chosen() -> None:
    """Names are mandatory, and sent empty."""
    content = "<r:performerInfos><c:perfomer>7</c:perfomer><c:firstName/><c:lastName/></r:performerInfos>"
    (person,) = get_all_performers.from_wire(an_answer(Interaction.GET_ALL_PERFORMERS, content))
    assert (person.performer, person.first_name, person.last_name) == ("7", "", "")


def test_a_refusal_that_comes_as_a_fault_proves_nothing() -> None:
    """An adapter says "taken" as a fault; only looking tells it from a crash, and its text is never shown."""
    with pytest.raises(ProducerFault) as caught:
        read_answer(Interaction.UPDATE_BOOKING, 500, a_fault("resultCode: 3001 resultText: Illegal argument!"))
    assert caught.value.sent is Sent.UNKNOWN
    assert "3001" not in str(caught.value)
