"""A rebooking from end to end, as a portal sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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


def _without(sections: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in sections.items() if key != name}
