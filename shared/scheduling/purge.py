"""Purging what look-ups remember of a facility: done around every rebooking attempt there.

The availability processes put a facility's generation into each key, so raising it forgets everything at once.
"""

from __future__ import annotations

import asyncio
import logging

from redis.exceptions import RedisError

from shared.contracts.identifiers import hsa_key
from shared.redis_connection import redis_at

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.25
GENERATION_SECONDS = 24 * 3600


def generation_key(facility: str) -> str:
    """Where a facility's generation stands."""
    return f"omboka:generation:{hsa_key(facility)}"


class RedisPurge:
    """Purges the shared cache; a cache that doesn't answer ends its answers by their few seconds instead."""

    def __init__(self, url: str) -> None:
        self._redis = redis_at(url, patience=PATIENCE_SECONDS)

    async def purge(self, facility: str) -> None:
        """Forget every cached answer of a facility."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._redis.pipeline(transaction=True) as pipe:
                pipe.incr(generation_key(facility))
                pipe.expire(generation_key(facility), GENERATION_SECONDS)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError):
            log.warning("the cache of %s could not be purged", facility)

    async def close(self) -> None:
        """Give the connections up."""
        await self._redis.aclose()


async def purge_nothing(facility: str) -> None:
    """Purge a cache that isn't shared: the availability processes' own answers live a few seconds."""
