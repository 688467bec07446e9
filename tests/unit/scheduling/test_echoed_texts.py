"""A timeslot's texts are kept letter by letter; its times and days are digits or nothing."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.contracts.model import Interaction
from shared.scheduling.interactions import get_available_timeslots, get_booking_details
from shared.scheduling.reading import read_date, read_time
from tests.builders.soap import an_answer


def test_blanks_around_a_text_stay_for_the_echo() -> None:
    """A booking system may compare what it gets back letter by letter."""
    content = (
        "<r:timeslotDetail><c:startTimeInclusive> 20260120100000 </c:startTimeInclusive>"
        "<c:endTimeExclusive>20260120102000</c:endTimeExclusive><c:resourceID> R1</c:resourceID>"
        "<c:performerName>Karin  Öhman </c:performerName><c:timeTypeID>\t</c:timeTypeID></r:timeslotDetail>"
    )

    (timeslot,) = get_available_timeslots.from_wire(an_answer(Interaction.GET_AVAILABLE_TIMESLOTS, content))

    assert (timeslot.resource_id, timeslot.performer_name, timeslot.time_type_id) == (" R1", "Karin  Öhman ", None)
    assert timeslot.start == "20260120100000"


def test_a_booking_of_empty_elements_is_no_booking() -> None:
    """A detail in which nothing stands is not found."""
    content = "<r:timeslotDetail><c:bookingId></c:bookingId><c:performer>null</c:performer></r:timeslotDetail>"

    assert get_booking_details.from_wire(an_answer(Interaction.GET_BOOKING_DETAILS, content)) is None


@pytest.mark.parametrize("text", ["2026115", "２０２６０１１５", "2026-01-15", "20261301", "00000101", "", None])
def test_a_day_is_eight_digits(text: str | None) -> None:
    """Nothing is guessed."""
    assert read_date(text) is None


def test_a_day_may_be_followed_by_a_time() -> None:
    """Some systems send fourteen digits where a day is asked for."""
    assert read_date("20260115000000") == dt.date(2026, 1, 15)


@pytest.mark.parametrize("text", ["２０２６０１１５１０００００", "2026011510000", "20260115240000", "", None])
def test_a_time_is_fourteen_or_twelve_digits(text: str | None) -> None:
    """What can't be sent on isn't taken in."""
    assert read_time(text) is None
