"""Single flight across processes, the same over every adapter of the cache: each "process" has a cache of its own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence

import pytest

from services.availability.cache import Cache, MemoryCache, Place
from services.availability.cache_redis import RedisCache
from services.availability.single_flight import SingleFlight, one_of_all
from shared.clock import SystemClock
from shared.scheduling.failures import ConnectionBroken, TimedOut

PLACE = Place("days", "SE2321000016-1AAA", fresh=60)
PROCESSES = 4


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def caches(request: pytest.FixtureRequest) -> AsyncIterator[Sequence[Cache]]:
    """One cache for each process: in memory it is the same one, at Redis each has connections of its own."""
    if request.param == "memory":
        yield [MemoryCache(SystemClock())] * PROCESSES
        return
    url = request.getfixturevalue("fresh_cache_url")
    adapters = [RedisCache(url) for _ in range(PROCESSES)]
    yield adapters
    for adapter in adapters:
        await adapter.close()


class Calls:
    """Calls that are counted, and each wait until they are let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.let_go = asyncio.Event()
        self.first = asyncio.Event()

    async def make(self) -> bytes:
        """One call: gives its number."""
        self.begun += 1
        number = self.begun
        self.first.set()
        await self.let_go.wait()
        return b"answer %d" % number


async def ask(cache: Cache, calls: Calls, *, seconds: float = 30, lead_seconds: float = 30) -> bytes:
    """Ask as one process does."""
    owner = secrets.token_hex(8)
    found = await cache.lead(PLACE, owner, seconds=lead_seconds)
    return await one_of_all(
        cache, PLACE, found, owner, calls.make, seconds=seconds, clock=SystemClock(), lead_seconds=lead_seconds
    )


async def test_a_thousand_equal_look_ups_over_four_processes_are_one_call(caches: Sequence[Cache]) -> None:
    """Everybody gets the one answer."""
    calls = Calls()
    flights = [SingleFlight() for _ in caches]

    async def one(number: int) -> bytes:
        cache, flight = caches[number % PROCESSES], flights[number % PROCESSES]
        return await flight.do("days", lambda: ask(cache, calls))

    everybody = [asyncio.create_task(one(number)) for number in range(1000)]
    await calls.first.wait()
    calls.let_go.set()
    assert set(await asyncio.gather(*everybody)) == {b"answer 1"}
    assert calls.begun == 1


async def test_when_the_holder_dies_another_takes_over(caches: Sequence[Cache]) -> None:
    """A holder that is never heard of again costs one more call, not an answer: two calls for a thousand look-ups."""
    calls = Calls()
    calls.let_go.set()
    # The process that took the lead and was killed before it called, or before its answer came.
    assert (await caches[0].lead(PLACE, "a process that was killed", seconds=0.2)).leads
    answers = await asyncio.gather(*(ask(cache, calls) for cache in caches[1:]))
    assert set(answers) == {b"answer 1"}
    assert calls.begun == 1


async def test_a_lead_is_held_for_as_long_as_the_call_goes_on(caches: Sequence[Cache]) -> None:
    """A call that takes longer than a lead lasts is still the only one."""
    calls = Calls()
    holder = asyncio.create_task(ask(caches[0], calls, lead_seconds=0.2))
    await calls.first.wait()
    with pytest.raises(TimedOut):
        await ask(caches[1], calls, seconds=0.6, lead_seconds=0.2)
    calls.let_go.set()
    assert await holder == b"answer 1"
    assert calls.begun == 1


async def test_a_holder_that_leaves_lets_the_next_one_call(caches: Sequence[Cache]) -> None:
    """Superseded or failed: the others don't wait for the lead to run out, and get an answer of their own."""
    calls = Calls()
    holder = asyncio.create_task(ask(caches[0], calls))
    await calls.first.wait()
    other = asyncio.create_task(ask(caches[1], calls))
    holder.cancel()
    calls.let_go.set()
    assert await other == b"answer 2"
    with pytest.raises(asyncio.CancelledError):
        await holder


async def test_a_failure_is_the_callers_own(caches: Sequence[Cache]) -> None:
    """It is raised where the call was made; another process tries for itself, at once."""

    async def fail() -> bytes:
        raise ConnectionBroken("cut off")

    found = await caches[0].lead(PLACE, "p", seconds=30)
    with pytest.raises(ConnectionBroken):
        await one_of_all(caches[0], PLACE, found, "p", fail, seconds=30, clock=SystemClock(), lead_seconds=30)
    calls = Calls()
    calls.let_go.set()
    assert await ask(caches[1], calls) == b"answer 1"


async def test_a_cache_that_is_gone_lets_everybody_call() -> None:
    """Slower, never wrong."""
    cache, calls = RedisCache("redis://127.0.0.1:1/0"), Calls()
    calls.let_go.set()
    answers = await asyncio.gather(*(ask(cache, calls) for _ in range(3)))
    assert sorted(answers) == [b"answer 1", b"answer 2", b"answer 3"]
    await cache.close()
