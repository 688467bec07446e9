"""Searching, as several facilities and a patient who changes their mind meet it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.end_to_end.portal import Portal, Rebooking
from tests.end_to_end.stacks import ALMBY, HAMNEN, LINDANGEN, Stack, embedded

BOOKING = "1HZ5-0100001"


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """The whole system, on embedded adapters."""
    async with embedded(tmp_path) as running:
        yield running


async def begun(portal: Portal, *facilities: str) -> Rebooking:
    """A rebooking that has just left page 1."""
    rebooking = await portal.rebook(LINDANGEN, BOOKING)
    await rebooking.connect()
    await rebooking.expect_all("booking.ready", "terms.ready")
    await rebooking.send("choose_facilities", facilities=list(facilities))
    return rebooking


async def test_no_free_days_anywhere_is_empty_and_leaves_timeslots_alone(tmp_path: Path) -> None:
    """All answered and none had a day: empty, two windows searched, and the last event is final."""
    async with embedded(tmp_path, profiles={LINDANGEN: {"free_days": []}}) as stack, stack.portal("saga") as portal:
        rebooking = await begun(portal, LINDANGEN)
        await rebooking.expect_all("days.empty", "performers.ready")
        assert rebooking.data("days")["days"] == []
        assert rebooking.sections["timeslots"]["state"] == "idle"
        assert rebooking.events[-1]["final"] is True
        assert len(await stack.calls("GetAvailableDates")) == 2
        await rebooking.disconnect()


async def test_searching_stops_at_the_horizon(tmp_path: Path) -> None:
    """Searching further beyond horizon_months is refused, and nothing is sent."""
    search = {"auto_extensions": 0, "horizon_months": 2, "first_day_wait": 0.1}
    profiles = {LINDANGEN: {"free_days": []}}
    async with embedded(tmp_path, profiles=profiles, search=search) as stack, stack.portal("saga") as portal:
        rebooking = await begun(portal, LINDANGEN)
        await rebooking.expect("days.empty")
        assert rebooking.data("days")["can_search_further"] is True
        await rebooking.send("search_further")
        await rebooking.expect("days.extended", "days.empty")
        assert rebooking.data("days")["last_day"] == "2026-03-31"
        assert rebooking.data("days")["can_search_further"] is False
        problem = await rebooking.command("search_further", status=422)
        assert problem["type"].endswith("window-too-long")
        assert len(await stack.calls("GetAvailableDates")) == 2
        await rebooking.disconnect()


async def test_days_come_as_each_facility_answers(stack: Stack) -> None:
    """A slow facility delays nobody: the others' days are there, and its own come later without moving the choice."""
    await stack.mishap("GetAvailableDates", HAMNEN, kind="slow", median=0.8, p99=0.9)
    async with stack.portal("saga") as portal:
        rebooking = await begun(portal, LINDANGEN, HAMNEN)
        partial = await rebooking.expect("days.partial")
        searched = partial["data"]["value"]["data"]["searched"]
        assert [one["facility"] for one in searched] == [LINDANGEN]
        while (rebooking.data("days") or {}).get("chosen") is None:
            await rebooking.frame()
        chosen = rebooking.data("days")["chosen"]
        await rebooking.expect("days.ready")
        assert rebooking.data("days")["chosen"] == chosen
        assert {one["facility"] for one in rebooking.data("days")["searched"]} == {LINDANGEN, HAMNEN}
        await rebooking.disconnect()


async def test_timeslots_are_asked_only_of_facilities_that_have_the_day(tmp_path: Path) -> None:
    """The first day is one facility's alone: the other is not asked for it."""
    profiles = {LINDANGEN: {"free_from": "2026-01-20"}, ALMBY: {"free_from": "2026-02-02"}}
    async with embedded(tmp_path, profiles=profiles) as stack, stack.portal("saga") as portal:
        rebooking = await begun(portal, LINDANGEN, ALMBY)
        await rebooking.expect_all("days.ready", "timeslots.ready")
        assert [call["facility"] for call in await stack.calls("GetAvailableTimeslots")] == [LINDANGEN]
        await rebooking.disconnect()


async def test_the_time_that_the_patient_has_is_marked(stack: Stack) -> None:
    """Where the booking system offers the booked time itself, it is shown as theirs and can't be chosen."""
    async with stack.portal("saga") as portal:
        rebooking = await begun(portal, LINDANGEN)
        await rebooking.expect_all("days.ready", "timeslots.ready")
        for day in rebooking.data("days")["days"][:5]:
            await rebooking.send("choose_day", date=day["date"])
            await rebooking.expect("timeslots.ready", "timeslots.empty")
            for timeslot in rebooking.data("timeslots")["timeslots"]:
                assert timeslot["current"] == (timeslot["start"] == rebooking.data("booking")["start"])
                assert timeslot["start"] > "2026-01-15T08:00"
        await rebooking.disconnect()


async def test_the_same_look_up_again_is_answered_from_the_cache(stack: Stack) -> None:
    """Seconds later nobody is asked again, and the section says where the answer came from."""
    async with stack.portal("saga") as portal:
        rebooking = await begun(portal, LINDANGEN)
        await rebooking.expect_all("days.ready", "timeslots.ready")
        first = rebooking.data("days")["chosen"]
        await rebooking.send("choose_day", date=rebooking.data("days")["days"][1]["date"])
        await rebooking.expect("timeslots.ready")
        before = len(await stack.calls("GetAvailableTimeslots"))
        ids = {one["timeslot_id"] for one in rebooking.data("timeslots")["timeslots"]}
        await rebooking.send("choose_day", date=first)
        await rebooking.expect("timeslots.ready")
        assert rebooking.sections["timeslots"]["source_status"] == "DataFromCache"
        await rebooking.send("choose_day", date=rebooking.data("days")["days"][1]["date"])
        await rebooking.expect("timeslots.ready")
        assert {one["timeslot_id"] for one in rebooking.data("timeslots")["timeslots"]} == ids
        assert len(await stack.calls("GetAvailableTimeslots")) == before
        await rebooking.disconnect()


async def test_a_rebooking_attempt_forgets_what_was_cached_there(stack: Stack) -> None:
    """After a rejection the day's timeslots are fetched again from their source."""
    await stack.mishap("UpdateBooking", kind="taken", times=1)
    async with stack.portal("saga") as portal:
        rebooking = await begun(portal, LINDANGEN)
        await rebooking.expect_all("days.ready", "timeslots.ready")
        await rebooking.go_to_summary()
        assert (await rebooking.confirm())["state"] == "rejected"
        before = len(await stack.calls("GetAvailableTimeslots"))
        await rebooking.send("choose_day", date=rebooking.data("days")["chosen"])
        await rebooking.expect("timeslots.ready")
        assert len(await stack.calls("GetAvailableTimeslots")) == before + 1
        await rebooking.disconnect()


async def test_two_patients_never_meet_in_the_cache(stack: Stack) -> None:
    """The same facility, day and time type: each patient's look-up is asked under their own name."""
    for patient, booking_id in (("saga", BOOKING), ("nils", "1HZ5-0100003")):
        async with stack.portal(patient) as portal, await portal.rebook(LINDANGEN, booking_id) as rebooking:
            await rebooking.go_to_days(LINDANGEN)
    subjects = ["198706222380", "195103092390"]
    asked = await stack.calls("GetAvailableDates")
    assert [subject in call["request"] for call, subject in zip(asked, subjects, strict=True)] == [True, True]


async def test_a_hanging_booking_system_is_not_felt_by_the_others(stack: Stack) -> None:
    """Its facility is told as unavailable in its own time; another system's facility is served meanwhile."""
    await stack.mishap("GetAvailableDates", HAMNEN, kind="hang")
    async with stack.portal("saga") as portal:
        rebooking = await begun(portal, LINDANGEN, HAMNEN)
        await rebooking.expect("timeslots.partial", "timeslots.ready")
        assert rebooking.sections["days"]["state"] == "partial"
        await rebooking.expect("days.ready")
        searched = {one["facility"]: one.get("problem") for one in rebooking.data("days")["searched"]}
        assert searched[LINDANGEN] is None
        assert searched[HAMNEN]["type"].endswith("facility-unavailable")
        await rebooking.disconnect()


async def test_a_silent_registry_hides_the_optional_and_tries_the_mandatory(tmp_path: Path) -> None:
    """Never answered: facilities and people are hidden as registry_unavailable, and the search goes on."""
    async with embedded(tmp_path) as stack, stack.portal("saga") as portal:
        await stack.mishap("GetSupportedServiceContracts", kind="fault")
        async with await portal.rebook(LINDANGEN, BOOKING) as rebooking:
            await rebooking.expect_all("booking.ready", "facilities.hidden", "terms.ready")
            assert rebooking.sections["facilities"]["reason"] == "registry_unavailable"
            await rebooking.send("choose_facilities", facilities=[LINDANGEN])
            await rebooking.expect_all("performers.hidden", "days.ready", "timeslots.ready")
            assert rebooking.sections["performers"]["reason"] == "registry_unavailable"


async def test_a_superseded_search_leaves_no_trace(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    """Changing one's mind while facilities still answer: no error is logged, and the last choice stands."""
    await stack.mishap("GetAvailableDates", HAMNEN, kind="hang")
    await stack.mishap("GetAvailableTimeslots", LINDANGEN, kind="slow", median=0.3, p99=0.4)
    async with stack.portal("saga") as portal:
        rebooking = await begun(portal, LINDANGEN, HAMNEN)
        await rebooking.expect("days.partial")
        await rebooking.send("choose_facilities", facilities=[LINDANGEN, ALMBY, HAMNEN])
        await rebooking.expect("days.partial")
        await rebooking.send("choose_facilities", facilities=[ALMBY])
        await rebooking.expect("timeslots.ready")
        assert {one["facility"] for one in rebooking.data("timeslots")["timeslots"]} == {ALMBY}
        assert [one["facility"] for one in rebooking.data("days")["searched"]] == [ALMBY]
        await rebooking.disconnect()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
