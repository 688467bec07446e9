"""Sections: shown whole, with what has no value left out."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic_core import from_json, to_json

from shared.contracts.model import SourceStatus, Timeslot
from shared.contracts.sections import (
    OPEN_OUTCOMES,
    TRY_AGAIN_OUTCOMES,
    BookingData,
    DaysData,
    Outcome,
    OutcomeState,
    Section,
    State,
    Summary,
    SummaryHeading,
)

AT = dt.datetime(2026, 1, 15, 7, tzinfo=dt.UTC)
SUMMARY = Summary(heading=SummaryHeading())


def an_outcome(**changes: Any) -> Outcome:
    """An outcome, confirmed unless told otherwise."""
    return Outcome(**{"state": OutcomeState.CONFIRMED, "command_id": "c1", "updated_at": AT, **changes})


def test_a_section_leaves_out_what_it_lacks_and_its_data_does_not() -> None:
    """Outside `data` what has no value is absent; within it, it is null."""
    days = DaysData(first_day=AT.date(), last_day=AT.date(), can_search_further=True)
    section = Section(state=State.READY, source_status=SourceStatus.FROM_SOURCE, data=days)
    shown = from_json(to_json(section.parts()))
    assert set(shown) == {"state", "source_status", "data"}
    assert shown["data"]["chosen"] is None
    assert shown["data"]["first_day"] == "2026-01-15"


def test_a_booking_without_flags_allows_nothing() -> None:
    """An absent flag is no."""
    booking = BookingData.of(
        Timeslot(), booking_id="b1", facility="SE1", facility_name="A", facility_phone="08-1", summary=SUMMARY
    )
    assert not any(
        (booking.rebooking_allowed, booking.cancel_booking_allowed, booking.message_allowed, booking.is_invitation)
    )
    assert booking.start is None


def test_a_bookings_facility_is_the_catalogues() -> None:
    """The booking system's own name for the facility is never shown."""
    booking = BookingData.of(
        Timeslot(healthcare_facility_name="Their name", healthcare_facility="se1"),
        booking_id="b1",
        facility="SE1",
        facility_name="Our name",
        facility_phone="08-1",
        summary=SUMMARY,
    )
    assert "Their name" not in booking.model_dump_json()


def test_waiting_is_told_only_while_it_is_so() -> None:
    """An outcome says that it waits only when it does; everything else is always there."""
    assert "waiting" not in an_outcome().public()
    assert an_outcome(state=OutcomeState.SENDING, waiting=True).public()["waiting"] is True
    assert an_outcome().public()["result_text"] is None


def test_an_outcome_is_open_or_may_be_tried_again_or_is_the_end() -> None:
    """No outcome is both open and to be tried again, and neither holds what ends a rebooking."""
    assert not OPEN_OUTCOMES & TRY_AGAIN_OUTCOMES
    ends = set(OutcomeState) - OPEN_OUTCOMES - TRY_AGAIN_OUTCOMES
    assert ends == {OutcomeState.CONFIRMED, OutcomeState.OTHER_TIME, OutcomeState.MANUAL}
