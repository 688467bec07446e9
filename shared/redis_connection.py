"""A connection to Redis that outlives Redis: what dies on a connection that Redis's end has left is written once more.

Only for what may reach Redis twice: scripts whose first key makes them the same, reads, and takings that may be lost.
"""

from __future__ import annotations

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

AGAIN = 5
FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.2


def redis_at(url: str, *, patience: float, most: int = 64) -> redis.asyncio.Redis:
    """Connect to a Redis address with at most so many connections; who finds none free waits `patience` seconds.

    The pool alone would try everything once: after a restart each connection that it kept would fail one command.
    """
    retry = Retry(ExponentialWithJitterBackoff(base=FIRST_PAUSE_SECONDS, cap=LONGEST_PAUSE_SECONDS), AGAIN)
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url, socket_connect_timeout=patience, max_connections=most, timeout=patience, retry=retry
    )
    return redis.asyncio.Redis.from_pool(pool)
