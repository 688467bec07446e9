"""SIGTERM: a role finishes what it can, hands back the rest, and has ended within 45 seconds whatever hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from shared.settings import Settings
from tests.end_to_end.portal import Rebooking
from tests.end_to_end.stacks import LINDANGEN, Role, Stack, servers

pytestmark = pytest.mark.servers

BOOKING = "1HZ5-0100001"
PROMISED = 45.0
"""Seconds within which a role ends with the settings as they come."""

BEYOND_DRAINING = PROMISED - Settings().drain_seconds
"""What an end may take besides the draining itself, which is a setting: tests drain for a shorter while."""

Start = Callable[..., AbstractAsyncContextManager[Stack]]


@pytest.fixture
def start(
    tmp_path: Path, fresh_broker_url: str, fresh_events_url: str, fresh_cache_url: str, fresh_database_url: str
) -> Start:
    """The three roles as processes."""
    return partial(
        servers,
        tmp_path,
        broker_url=fresh_broker_url,
        events_url=fresh_events_url,
        cache_url=fresh_cache_url,
        database_url=fresh_database_url,
    )


async def ended(role: Role) -> float:
    """Ask a role to end and see that it ends well; gives the seconds that it took."""
    began = time.monotonic()
    role.process.terminate()
    assert await asyncio.to_thread(role.process.wait, PROMISED) == 0
    return time.monotonic() - began


async def called(stack: Stack, rebooking: Rebooking, contract: str) -> None:
    """Wait until a booking system has been asked something."""
    while not await stack.calls(contract):
        await rebooking.portal.get("/v1/me")


@asynccontextmanager
async def begun(stack: Stack) -> AsyncIterator[Rebooking]:
    """A rebooking whose first page has come."""
    async with stack.portal("saga") as portal, await portal.rebook(LINDANGEN, BOOKING) as rebooking:
        await rebooking.expect_all("booking.ready", "terms.ready")
        yield rebooking


async def to_the_last_frame(rebooking: Rebooking) -> None:
    """Read until the socket is closed, which raises AssertionError with its code."""
    while True:
        await rebooking.frame()


async def test_what_is_under_way_is_finished_before_the_end(start: Start) -> None:
    """In the middle of a look-up and of an UpdateBooking: the worker that is to end answers first, and nobody else."""
    async with start() as stack, begun(stack) as rebooking:
        await stack.mishap("GetAvailableTimeslots", kind="slow", median=1.0, p99=1.1)
        await rebooking.send("choose_facilities", facilities=[LINDANGEN])
        await called(stack, rebooking, "GetAvailableTimeslots")
        await ended(stack.inside["availability"])
        await rebooking.expect("timeslots.ready")
        await stack.simulator("DELETE", "/mishaps/*/*")
        stack.inside["availability"].restart()
        await stack.inside["availability"].ready()
        await rebooking.go_to_summary()
        await stack.mishap("UpdateBooking", kind="slow", median=1.0, p99=1.1)
        await rebooking.send("confirm")
        await called(stack, rebooking, "UpdateBooking")
        await ended(stack.inside["booking"])
        await rebooking.expect("rebooking.confirmed")
        assert len(await stack.calls("UpdateBooking")) == 1


async def test_what_hangs_for_ever_keeps_no_role_from_its_end(start: Start) -> None:
    """A look-up and an UpdateBooking that nobody answers, and a socket: draining, and two seconds at most besides."""
    draining = 2.0
    patience = {"connect": 1, "read": 300, "update": 300, "deadline": 300}
    async with start(drain_seconds=draining, timeouts=patience) as stack, begun(stack) as rebooking:
        await rebooking.go_to_days()
        await rebooking.go_to_summary()
        await stack.mishap("UpdateBooking", kind="hang")
        await rebooking.send("confirm")
        await called(stack, rebooking, "UpdateBooking")
        assert draining <= await ended(stack.inside["booking"]) <= draining + BEYOND_DRAINING

        async with stack.portal("elias") as portal:
            (booking, *_) = (await portal.bookings())["bookings"]
            await stack.mishap("GetBookingDetails", kind="hang")
            before = len(await stack.calls("GetBookingDetails"))
            async with await portal.rebook(booking["facility"], booking["booking_id"]) as other:
                while len(await stack.calls("GetBookingDetails")) == before:
                    await portal.get("/v1/me")
                assert draining <= await ended(stack.inside["availability"]) <= draining + BEYOND_DRAINING
                assert await ended(stack.inside["gateway"]) <= draining + BEYOND_DRAINING
                for one in (rebooking, other):
                    with pytest.raises(AssertionError, match="the socket closed: 1012"):
                        await to_the_last_frame(one)
