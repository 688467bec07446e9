"""A rebooking from end to end, as a portal sees it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.gateway.commands import deadline
from tests.end_to_end.stacks import ALMBY, HAMNEN, LINDANGEN, Stack, embedded, servers

BOOKING = "1HZ5-0100001"


@pytest.fixture(params=["embedded", pytest.param("servers", marks=pytest.mark.servers)])
async def stack(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stack]:
    """The whole system: on embedded adapters, and as three processes with RabbitMQ, Redis and PostgreSQL."""
    if request.param == "embedded":
        async with embedded(tmp_path) as running:
            yield running
        return
    urls = {
        name: request.getfixturevalue(f"fresh_{name}")
        for name in ("broker_url", "events_url", "cache_url", "database_url")
    }
    async with servers(tmp_path, **urls) as running:
        yield running


async def test_a_booking_is_moved(stack: Stack) -> None:
    """Snapshot, facilities, performers, days and timeslots stream in; choose, details, confirm; the list shows it."""
    async with stack.portal("saga") as portal:
        before = (await portal.bookings(facility=LINDANGEN))["bookings"]
        assert [one["booking_id"] for one in before] == [BOOKING]
        assert before[0]["can_rebook"] is True
        async with await portal.rebook(LINDANGEN, BOOKING) as rebooking:
            await rebooking.go_to_days()
            await rebooking.expect_all("performers.ready", "days.ready")
            timeslot = await rebooking.go_to_summary()
            outcome = await rebooking.confirm()
            assert outcome["state"] == "confirmed"
            assert outcome["summary"]["heading"]["start"] == timeslot["start"][11:16]
            snapshot = await rebooking.snapshot()
            assert snapshot["outcome"] == rebooking.outcome
            assert snapshot["sections"] == {**snapshot["sections"], **_without(rebooking.sections, "contracts")}
            assert snapshot["choices"] == rebooking.choices
        after = (await portal.bookings(facility=LINDANGEN))["bookings"]
        assert after[0]["start"] == timeslot["start"]
        assert after[0]["rebooking"]["outcome"]["state"] == "confirmed"


async def test_a_booking_is_moved_to_another_facility(stack: Stack) -> None:
    """Searching several facilities at once says where each timeslot is; the booking moves there, under a new id."""
    async with stack.portal("saga") as portal, await portal.rebook(LINDANGEN, BOOKING) as rebooking:
        await rebooking.go_to_days(ALMBY, HAMNEN)
        timeslot = await rebooking.go_to_summary()
        assert timeslot["facility"] in (ALMBY, HAMNEN)
        outcome = await rebooking.confirm()
        assert outcome["state"] == "confirmed"
        assert outcome["booking_id"] != BOOKING
        there = (await portal.bookings(facility=timeslot["facility"]))["bookings"]
        assert [one["start"] for one in there] == [timeslot["start"]]


def moment(text: str) -> dt.datetime:
    """A time of an event."""
    return dt.datetime.fromisoformat(text)


def _without(sections: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in sections.items() if key != name}


@pytest.mark.servers
async def test_a_killed_availability_worker_is_told_as_failed(
    tmp_path: Path, fresh_broker_url: str, fresh_events_url: str, fresh_cache_url: str, fresh_database_url: str
) -> None:
    """Killed with -9 in a look-up: `section.failed` within 3 s of its deadline; a new worker serves the retry."""
    async with servers(
        tmp_path,
        broker_url=fresh_broker_url,
        events_url=fresh_events_url,
        cache_url=fresh_cache_url,
        database_url=fresh_database_url,
    ) as stack:
        await stack.mishap("GetAvailableDates", kind="hang")
        async with stack.portal("saga") as portal, await portal.rebook(LINDANGEN, BOOKING) as rebooking:
            await rebooking.expect_all("booking.ready", "terms.ready")
            await rebooking.send("choose_facilities", facilities=[LINDANGEN])
            await rebooking.expect("choice.made")
            while not await stack.calls("GetAvailableDates"):
                await rebooking.portal.get("/v1/me")
            stack.inside["availability"].kill()
            waiting_since = moment(rebooking.sections["days"]["waiting_since"])
            while (failed := await rebooking.expect("section.failed"))["data"]["section"] != "days":
                pass  # people who were asked for at the same moment
            late = moment(failed["at"]).timestamp() - deadline(stack.configuration, [LINDANGEN], waiting_since)
            assert 0 <= late <= 3
            await stack.simulator("DELETE", "/mishaps/*/*")
            stack.inside["availability"].restart()
            await stack.inside["availability"].ready()
            await rebooking.send("retry", section="days")
            await rebooking.expect("timeslots.ready")


@pytest.mark.servers
async def test_a_killed_booking_worker_leaves_its_rebooking_to_the_next(
    tmp_path: Path, fresh_broker_url: str, fresh_events_url: str, fresh_cache_url: str, fresh_database_url: str
) -> None:
    """Killed with -9 in the middle of UpdateBooking: the next worker sends nothing, finds out, and tells the truth."""
    async with servers(
        tmp_path,
        broker_url=fresh_broker_url,
        events_url=fresh_events_url,
        cache_url=fresh_cache_url,
        database_url=fresh_database_url,
    ) as stack:
        async with stack.portal("saga") as portal, await portal.rebook(LINDANGEN, BOOKING) as rebooking:
            await rebooking.go_to_days()
            await rebooking.go_to_summary()
            await stack.mishap("UpdateBooking", kind="hang", applied=True)
            await rebooking.send("confirm")
            while not await stack.calls("UpdateBooking"):
                await rebooking.portal.get("/v1/me")
            stack.inside["booking"].kill()
            stack.inside["booking"].restart()
            await rebooking.expect("rebooking.confirmed")
        assert len(await stack.calls("UpdateBooking")) == 1
