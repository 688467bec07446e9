"""Single-use tickets: taken at most once, by whichever gateway."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import pytest

from shared.clock import FixedClock, SystemClock
from shared.messaging.event_log import LogUnavailable
from shared.messaging.tickets import Tickets
from shared.messaging.tickets_memory import MemoryTickets
from shared.messaging.tickets_redis import RedisTickets


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def tickets(request: pytest.FixtureRequest) -> AsyncIterator[Tickets]:
    """Each adapter in turn."""
    if request.param == "memory":
        yield MemoryTickets(SystemClock())
        return
    adapter = RedisTickets(request.getfixturevalue("fresh_events_url"))
    yield adapter
    await adapter.close()


async def test_a_ticket_is_taken_once(tickets: Tickets) -> None:
    """Of twenty who ask at once, one gets it."""
    await tickets.put("digest", b"content", seconds=30)
    taken = await asyncio.gather(*(tickets.take("digest") for _ in range(20)))
    assert sorted(taken, key=lambda one: one is None) == [b"content", *[None] * 19]


async def test_a_ticket_that_was_never_given_is_not_there(tickets: Tickets) -> None:
    """Whatever secret somebody guesses."""
    assert await tickets.take("unknown") is None


async def test_a_ticket_ends_with_its_time() -> None:
    """Thirty seconds, by the clock."""
    clock = FixedClock(dt.datetime(2026, 1, 15, tzinfo=dt.UTC))
    tickets = MemoryTickets(clock)
    await tickets.put("digest", b"x", seconds=30)
    clock.move(30)
    assert await tickets.take("digest") is None


async def test_tickets_that_cannot_be_reached_say_so() -> None:
    """Redis away: an error within a second, never a ticket."""
    tickets = RedisTickets("redis://127.0.0.1:1/0")
    with pytest.raises(LogUnavailable):
        await tickets.put("digest", b"x", seconds=30)
    with pytest.raises(LogUnavailable):
        await tickets.take("digest")
    await tickets.close()
