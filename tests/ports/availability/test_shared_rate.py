"""The rate over all processes: one bucket in Redis, and a bucket of one's own when Redis is away."""

from __future__ import annotations

import pytest

from shared.clock import SystemClock
from shared.configuration import Configuration
from shared.scheduling.rate_redis import RedisRate


def a_configuration(rate: float | None) -> Configuration:
    """One booking system that bears so many calls a second, three at once."""
    producer = {"url": "http://127.0.0.1:1/{contract}", "limits": {"rate": rate, "burst": 3}}
    return Configuration.model_validate({"producers": {"north": producer}, "facilities": {}})


@pytest.mark.servers
async def test_two_processes_share_a_bucket(fresh_cache_url: str) -> None:
    """Three tokens between them; then both are told how long it is until the next."""
    one = RedisRate(fresh_cache_url, a_configuration(0.01), SystemClock())
    other = RedisRate(fresh_cache_url, a_configuration(0.01), SystemClock())
    waits = [await one.take("north"), await other.take("north"), await one.take("north"), await other.take("north")]
    assert waits[:3] == [0.0, 0.0, 0.0]
    assert 90 < waits[3] <= 100
    await one.take_without_waiting("north")
    assert await other.take("north") > waits[3]
    await one.close()
    await other.close()


async def test_without_redis_each_process_has_its_own() -> None:
    """Look-ups go on."""
    rate = RedisRate("redis://127.0.0.1:1/0", a_configuration(0.01), SystemClock())
    assert [await rate.take("north") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert await rate.take("north") > 90
    await rate.close()


async def test_no_limit_takes_no_token() -> None:
    """`rate: null` asks nobody."""
    rate = RedisRate("redis://127.0.0.1:1/0", a_configuration(None), SystemClock())
    assert await rate.take("north") == 0.0
    await rate.take_without_waiting("north")
    await rate.close()
