"""The booking systems in memory behave as booking systems do, so that tests on them mean something."""

from __future__ import annotations

import asyncio

import pytest

from shared.contracts.model import Interaction, ResultCode, UpdateResult
from shared.scheduling.failures import NotReached, TimedOut
from shared.scheduling.fake import Applied, FakeBookingSystems
from shared.scheduling.port import LookUps, Updates
from tests.builders.scheduling import (
    FACILITY,
    OTHER_FACILITY,
    a_booking,
    a_context,
    a_subject,
    a_timeslot,
    a_window,
    an_update,
    some_filters,
)


def systems() -> FakeBookingSystems:
    """One booking at one facility, one free timeslot at another."""
    fake = FakeBookingSystems()
    fake.booked[FACILITY] = [a_booking()]
    fake.free[OTHER_FACILITY] = [a_timeslot(healthcare_facility=OTHER_FACILITY)]
    return fake


async def update(fake: FakeBookingSystems) -> UpdateResult:
    """Move the booking to the other facility."""
    connection = await fake.connect(an_update(facility=OTHER_FACILITY), a_context())
    return await connection.send()


def test_it_fits_the_ports() -> None:
    """What takes the real client takes this one."""
    look_ups: LookUps = FakeBookingSystems()
    updates: Updates = FakeBookingSystems()

    assert look_ups is not updates


async def test_an_update_moves_the_booking() -> None:
    """The old time is free at once, the new one is taken, and the reason stands in it."""
    fake = systems()

    result = await update(fake)

    assert result.code is ResultCode.OK
    assert await fake.get_booking_details(FACILITY, "B-1", a_context()) is None
    (moved,) = await fake.get_subject_of_care_schedule(OTHER_FACILITY, a_subject(), a_context())
    assert (moved.start, moved.booking_id, moved.reason) == (a_timeslot().start, "B-1", "Jag kan inte den dagen")
    search = (a_subject(), a_window(), some_filters(), a_context())
    assert [one.start for one in await fake.get_available_timeslots(FACILITY, *search)] == [a_booking().start]
    assert await fake.get_available_dates(OTHER_FACILITY, *search) == ()


async def test_a_booking_may_get_a_new_id() -> None:
    """The answer doesn't tell it; the schedule does."""
    fake = systems()
    fake.new_booking_ids["B-1"] = "B-2"

    await update(fake)

    assert await fake.get_booking_details(OTHER_FACILITY, "B-2", a_context()) is not None


async def test_a_taken_timeslot_is_an_error_and_nothing_moves() -> None:
    """The second of two gets ERROR with a text, and keeps what they had."""
    fake = systems()
    fake.free[OTHER_FACILITY].clear()

    result = await update(fake)

    assert result.code is ResultCode.ERROR
    assert result.text
    assert await fake.get_booking_details(FACILITY, "B-1", a_context()) is not None


async def test_a_lost_answer_after_the_booking_was_moved() -> None:
    """The failure is raised, and the booking has moved all the same."""
    fake = systems()
    fake.script(OTHER_FACILITY, Interaction.UPDATE_BOOKING, Applied(TimedOut("no whole answer in time")))

    with pytest.raises(TimedOut):
        await update(fake)

    assert await fake.get_booking_details(OTHER_FACILITY, "B-1", a_context()) is not None


async def test_a_scripted_failure_moves_nothing_and_is_used_up() -> None:
    """The next call is as usual."""
    fake = systems()
    fake.script(OTHER_FACILITY.lower(), Interaction.UPDATE_BOOKING, TimedOut("no whole answer in time"))
    fake.script_connect(OTHER_FACILITY, NotReached("could not connect"))

    with pytest.raises(NotReached):
        await update(fake)
    with pytest.raises(TimedOut):
        await update(fake)

    assert fake.opened == 1
    assert (await update(fake)).code is ResultCode.OK
    assert [call.facility for call in fake.calls_of(Interaction.UPDATE_BOOKING)] == [OTHER_FACILITY] * 2


async def test_an_answer_may_be_held_back() -> None:
    """It comes when the test lets it, and the call is on record from the start."""
    fake = systems()
    gate = fake.hold(FACILITY, Interaction.GET_BOOKING_DETAILS)

    asking = asyncio.create_task(fake.get_booking_details(FACILITY, "B-1", a_context()))
    await asyncio.sleep(0)
    assert len(fake.calls) == 1
    assert not asking.done()
    gate.set()

    assert await asking == a_booking()
