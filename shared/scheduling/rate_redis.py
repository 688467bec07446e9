"""The rate over all processes: a token bucket for each booking system in Redis, by Redis's own clock.

When Redis doesn't answer each process falls back on a bucket of its own, so that look-ups go on.
"""

from __future__ import annotations

from shared.clock import Clock
from shared.configuration import Configuration
from shared.redis_connection import Dispensable, redis_at
from shared.scheduling.rate import MemoryRate

PATIENCE_SECONDS = 0.25

_TAKE = """
local rate, burst, must = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'since')
local tokens, since = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
tokens = math.min(burst, tokens + (now - since) * rate)
local wait = 0
if must and tokens < 1 then wait = (1 - tokens) / rate else tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'since', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], 3600)
return tostring(wait)
"""


class RedisRate:
    """Buckets that every process of the system shares."""

    def __init__(self, url: str, configuration: Configuration, clock: Clock) -> None:
        self._limits = {name: producer.limits for name, producer in configuration.producers.items()}
        self._alone = MemoryRate(self._limits, clock)
        connection = redis_at(url, patience=PATIENCE_SECONDS)
        self._asked = Dispensable(connection, patience=PATIENCE_SECONDS)
        self._take = connection.register_script(_TAKE)

    async def take(self, producer: str) -> float:
        """Take a token, or say how many seconds it is until one will be there."""
        limits = self._limits.get(producer)
        if limits is None or limits.rate is None:
            return 0.0
        wait = await self._ask(producer, must=True)
        return wait if wait is not None else await self._alone.take(producer)

    async def take_without_waiting(self, producer: str) -> None:
        """Take a token whether there is one or not."""
        limits = self._limits.get(producer)
        if limits is not None and limits.rate is not None and await self._ask(producer, must=False) is None:
            await self._alone.take_without_waiting(producer)

    async def close(self) -> None:
        """Give the connections up."""
        await self._asked.close()

    async def _ask(self, producer: str, *, must: bool) -> float | None:
        limits = self._limits[producer]
        arguments: list[str | float] = [limits.rate or 0.0, limits.burst, "1" if must else "0"]

        async def take() -> float:
            return float(await self._take(keys=[f"omboka:rate:{producer}"], args=arguments))

        return await self._asked.ask(take, None)
