"""Events: encoded once, named for what they tell."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from shared.contracts.events import EventName, encode, of_outcome, of_section, rfc3339, with_seq
from shared.contracts.sections import OutcomeState, SectionName, State

AT = dt.datetime(2026, 1, 15, 8, 0, 0, 123456, tzinfo=dt.timezone(dt.timedelta(hours=1)))


def test_a_sequence_number_is_put_in_front_of_the_same_bytes() -> None:
    """The frame with its number is JSON of the interface's form, and the rest of it wasn't encoded again."""
    public = encode(EventName.DAYS_READY, command_id="c1", at=AT, final=False, data={"section": "days", "value": "å"})
    frame = with_seq(public, 17)
    assert frame.endswith(public[1:])
    assert json.loads(frame) == {
        "seq": 17,
        "type": "event",
        "at": "2026-01-15T07:00:00.123Z",
        "command_id": "c1",
        "name": "days.ready",
        "final": False,
        "data": {"section": "days", "value": "å"},
    }


def test_times_are_told_in_utc() -> None:
    """RFC 3339 in UTC with milliseconds."""
    assert rfc3339(AT) == "2026-01-15T07:00:00.123Z"


@pytest.mark.parametrize("outcome", list(OutcomeState))
def test_every_outcome_has_its_event(outcome: OutcomeState) -> None:
    """Each state of an outcome is told by the event of its name."""
    assert of_outcome(outcome).value == f"rebooking.{outcome.value}"


@pytest.mark.parametrize(
    ("section", "states"),
    [
        (SectionName.BOOKING, {State.READY}),
        (SectionName.FACILITIES, {State.READY, State.HIDDEN, State.EMPTY}),
        (SectionName.TERMS, {State.READY}),
        (SectionName.PERFORMERS, {State.READY, State.HIDDEN, State.EMPTY}),
        (SectionName.DAYS, {State.PARTIAL, State.READY, State.EMPTY}),
        (SectionName.TIMESLOTS, {State.PARTIAL, State.READY, State.EMPTY}),
        (SectionName.DETAILS, {State.READY}),
    ],
)
def test_every_section_has_its_events(section: SectionName, states: set[State]) -> None:
    """Each state that a section can come to has an event; loading and failed share theirs."""
    assert of_section(section, State.FAILED) is EventName.SECTION_FAILED
    assert of_section(section, State.LOADING) is EventName.SECTION_LOADING
    for state in states:
        assert of_section(section, state).value == f"{section.value}.{state.value}"
