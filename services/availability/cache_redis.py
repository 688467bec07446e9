"""The cache in Redis, shared by every availability process; what it can't do in time it leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.exceptions import RedisError

from shared.redis_connection import redis_at
from shared.scheduling.purge import generation_key

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.25
GENERATION_SECONDS = 24 * 3600
Result = TypeVar("Result")
Other = TypeVar("Other")


def _bytes(found: object) -> bytes | None:
    return found if isinstance(found, bytes) else None


class RedisCache:
    """The cache at a Redis address (no persistence, evicting). Never raises: a cache that is gone is a miss."""

    def __init__(self, url: str) -> None:
        self._redis = redis_at(url, patience=PATIENCE_SECONDS)

    async def get(self, key: str) -> bytes | None:
        """The value, None when it isn't there or Redis doesn't answer."""
        return _bytes(await self._bounded(lambda: self._redis.get(f"omboka:{key}"), None))

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        """Keep a value for so long."""
        await self._bounded(lambda: self._redis.set(f"omboka:{key}", value, px=max(1, int(seconds * 1000))), None)

    async def generation(self, facility: str) -> int:
        """The number of purges of a facility; -1, under which nothing is kept, when Redis doesn't answer."""
        unreachable = b"-1"
        found = await self._bounded(lambda: self._redis.get(generation_key(facility)), unreachable)
        return int(found or 0)

    async def purge(self, facility: str) -> None:
        """Forget every answer of a facility."""

        async def both() -> None:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.incr(generation_key(facility))
                pipe.expire(generation_key(facility), GENERATION_SECONDS)
                await pipe.execute()

        await self._bounded(both, None)

    async def close(self) -> None:
        """Give the connections up."""
        await self._redis.aclose()

    async def _bounded(self, make: Callable[[], Awaitable[Result]], otherwise: Other) -> Result | Other:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await make()
        except (RedisError, OSError, TimeoutError):
            log.debug("the cache doesn't answer", exc_info=True)
            return otherwise
