"""The cache's promises, the same for every adapter; and the booking worker's purge reaches it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import pytest

from services.availability.cache import NOTHING, Cache, MemoryCache, Place
from services.availability.cache_redis import RedisCache
from shared.clock import FixedClock, SystemClock
from shared.scheduling.purge import RedisPurge

FACILITY = "SE2321000016-1AAA"
DAYS = Place("days", FACILITY, fresh=60, stale=600)
OWNER, OTHER = "one process", "another"


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    """Each adapter in turn."""
    if request.param == "memory":
        yield MemoryCache(SystemClock())
        return
    adapter = RedisCache(request.getfixturevalue("fresh_cache_url"))
    yield adapter
    await adapter.close()


async def test_bytes_are_kept_by_place(cache: Cache) -> None:
    """What was kept is found, byte for byte and fresh; another place has nothing."""
    generation = (await cache.look(DAYS)).generation
    assert generation is not None
    await cache.keep(DAYS, generation, OWNER, b"\x00sealed\xff 1")
    found = await cache.look(DAYS)
    assert (found.value, found.fresh, found.generation) == (b"\x00sealed\xff 1", True, generation)
    assert (await cache.look(Place("other", FACILITY, fresh=60))).value is None


async def test_an_answer_is_fresh_then_stale_then_gone() -> None:
    """By the clock, in memory; Redis keeps its own time."""
    clock = FixedClock(dt.datetime(2026, 1, 15, tzinfo=dt.UTC))
    cache, place = MemoryCache(clock), Place("days", FACILITY, fresh=15, stale=10)
    await cache.keep(place, 0, OWNER, b"x")
    seen = []
    for seconds in (14, 1, 9, 1):
        clock.move(seconds)
        found = await cache.look(place)
        seen.append((found.value, found.fresh))
    assert seen == [(b"x", True), (b"x", False), (b"x", False), (None, False)]


async def test_who_looks_more_strictly_finds_the_same_answer_stale(cache: Cache) -> None:
    """What is kept for ten minutes as stale alone is never taken for fresh."""
    place = Place("days", FACILITY, fresh=0.0, stale=600)
    await cache.keep(place, 0, OWNER, b"x")
    found = await cache.look(place)
    assert (found.value, found.fresh) == (b"x", False)


async def test_a_purge_forgets_the_facilitys_answers_alone(cache: Cache) -> None:
    """Everything of that facility at once, also what was asked for before the purge and comes after it."""
    elsewhere = Place("elsewhere", "SE2321000016-2BBB", fresh=60)
    for place in (DAYS, elsewhere):
        await cache.keep(place, 0, OWNER, b"x")
    before = (await cache.look(DAYS)).generation
    assert before is not None
    await cache.purge(FACILITY)
    assert (await cache.look(DAYS)).value is None
    await cache.keep(DAYS, before, OWNER, b"asked for before")
    found = await cache.look(DAYS)
    assert (found.value, found.generation) == (None, before + 1)
    assert (await cache.look(elsewhere)).value == b"x"


async def test_one_has_the_lead(cache: Cache) -> None:
    """The first who finds nothing fresh; the owner again; nobody else until it is given up, kept or over."""
    assert (await cache.lead(DAYS, OWNER, seconds=60)).leads
    assert not (await cache.lead(DAYS, OTHER, seconds=60)).leads
    assert (await cache.lead(DAYS, OWNER, seconds=60)).leads
    await cache.leave(DAYS, 0, OTHER)
    assert not (await cache.lead(DAYS, OTHER, seconds=60)).leads
    await cache.leave(DAYS, 0, OWNER)
    assert (await cache.lead(DAYS, OTHER, seconds=60)).leads
    await cache.keep(DAYS, 0, OTHER, b"x")
    found = await cache.lead(DAYS, OWNER, seconds=60)
    assert (found.value, found.fresh, found.leads) == (b"x", True, False)


async def test_a_lead_of_before_a_purge_holds_nobody_up_after_it(cache: Cache) -> None:
    """Who asks after a purge needs an answer of after it."""
    assert (await cache.lead(DAYS, OWNER, seconds=60)).leads
    await cache.purge(FACILITY)
    assert (await cache.lead(DAYS, OTHER, seconds=60)).leads


async def test_a_lead_ends_with_its_time_unless_it_is_renewed(cache: Cache) -> None:
    """So a holder's death delays the others by that time at most."""
    lasting = Place("lasting", FACILITY, fresh=60)
    for place in (DAYS, lasting):
        assert (await cache.lead(place, OWNER, seconds=0.05)).leads
    await cache.go_on_leading(lasting, 0, OWNER, seconds=60)
    await cache.go_on_leading(DAYS, 0, OTHER, seconds=60)
    async with asyncio.timeout(10):
        while not (await cache.lead(DAYS, OTHER, seconds=60)).leads:  # noqa: ASYNC110 -- the time is the adapter's
            await asyncio.sleep(0)
    assert not (await cache.lead(lasting, OTHER, seconds=60)).leads


@pytest.mark.servers
async def test_the_booking_workers_purge_reaches_the_cache(fresh_cache_url: str) -> None:
    """Whatever the case in which the facility's id is written."""
    cache, purge = RedisCache(fresh_cache_url), RedisPurge(fresh_cache_url)
    await cache.keep(DAYS, 0, OWNER, b"x")
    await purge.purge(FACILITY.lower())
    found = await cache.look(DAYS)
    assert (found.value, found.generation) == (None, 1)
    await cache.close()
    await purge.close()


async def test_a_cache_that_is_gone_is_a_miss_and_never_an_error() -> None:
    """Slower, never wrong: and nothing is kept, for the generation can't be known."""
    cache = RedisCache("redis://127.0.0.1:1/0")
    await cache.keep(DAYS, 0, OWNER, b"x")
    assert await cache.look(DAYS) == NOTHING
    assert await cache.lead(DAYS, OWNER, seconds=1) == NOTHING
    await cache.go_on_leading(DAYS, 0, OWNER, seconds=1)
    await cache.leave(DAYS, 0, OWNER)
    await cache.purge(FACILITY)
    purge = RedisPurge("redis://127.0.0.1:1/0")
    await purge.purge(FACILITY)
    await cache.close()
    await purge.close()
