"""The cache's promises, the same for every adapter; and the booking worker's purge reaches it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import pytest

from services.availability.cache import Cache, MemoryCache
from services.availability.cache_redis import RedisCache
from shared.clock import FixedClock, SystemClock
from shared.scheduling.purge import RedisPurge

FACILITY = "SE2321000016-1AAA"


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    """Each adapter in turn."""
    if request.param == "memory":
        yield MemoryCache(SystemClock())
        return
    adapter = RedisCache(request.getfixturevalue("fresh_cache_url"))
    yield adapter
    await adapter.close()


async def test_bytes_are_kept_by_key(cache: Cache) -> None:
    """What was put is got, byte for byte; another key has nothing."""
    await cache.put("key", b"\x00sealed\xff", seconds=60)
    assert await cache.get("key") == b"\x00sealed\xff"
    assert await cache.get("other") is None


async def test_a_value_ends_with_its_time() -> None:
    """By the clock, in memory; Redis keeps its own time."""
    clock = FixedClock(dt.datetime(2026, 1, 15, tzinfo=dt.UTC))
    cache = MemoryCache(clock)
    await cache.put("key", b"x", seconds=15)
    clock.move(14)
    assert await cache.get("key") == b"x"
    clock.move(1)
    assert await cache.get("key") is None


async def test_a_purge_raises_the_facilitys_generation_alone(cache: Cache) -> None:
    """Every key holds the generation, so raising it forgets everything of that facility at once."""
    before = await cache.generation(FACILITY)
    await cache.purge(FACILITY)
    assert await cache.generation(FACILITY) == before + 1
    assert await cache.generation("SE2321000016-2BBB") == before


@pytest.mark.servers
async def test_the_booking_workers_purge_reaches_the_cache(fresh_cache_url: str) -> None:
    """Whatever the case in which the facility's id is written."""
    cache, purge = RedisCache(fresh_cache_url), RedisPurge(fresh_cache_url)
    before = await cache.generation(FACILITY)
    await purge.purge(FACILITY.lower())
    assert await cache.generation(FACILITY) == before + 1
    await cache.close()
    await purge.close()


async def test_a_cache_that_is_gone_is_a_miss_and_never_an_error() -> None:
    """Slower, never wrong: and nothing is kept under the generation that can't be known."""
    cache = RedisCache("redis://127.0.0.1:1/0")
    await cache.put("key", b"x", seconds=60)
    assert await cache.get("key") is None
    assert await cache.generation(FACILITY) == -1
    await cache.purge(FACILITY)
    purge = RedisPurge("redis://127.0.0.1:1/0")
    await purge.purge(FACILITY)
    await cache.close()
    await purge.close()
