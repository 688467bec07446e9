"""Single-use tickets in Redis: any gateway may take what another has given."""

from __future__ import annotations

import asyncio

from redis.exceptions import RedisError

from shared.messaging.event_log import LogUnavailable
from shared.messaging.event_log_redis import PATIENCE_SECONDS
from shared.redis_connection import redis_at


class RedisTickets:
    """Tickets beside the event log. Both methods raise LogUnavailable within a second."""

    def __init__(self, url: str) -> None:
        self._redis = redis_at(url, patience=PATIENCE_SECONDS)

    async def put(self, digest: str, content: bytes, *, seconds: float) -> None:
        """Keep a ticket's sealed content for so long. Raises LogUnavailable."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._redis.set(f"omboka:ticket:{digest}", content, px=int(seconds * 1000))
        except (RedisError, OSError, TimeoutError) as error:
            raise LogUnavailable("the tickets can't be reached") from error

    async def take(self, digest: str) -> bytes | None:
        """Give the content and forget it; None when it isn't there, has expired or was taken. Raises LogUnavailable."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                content = await self._redis.getdel(f"omboka:ticket:{digest}")
                return content if isinstance(content, bytes) else None
        except (RedisError, OSError, TimeoutError) as error:
            raise LogUnavailable("the tickets can't be reached") from error

    async def close(self) -> None:
        """Give the connections up."""
        await self._redis.aclose()
