"""A connection to Redis that outlives Redis: what dies on a connection that Redis's end has left is written once more.

Only for what may reach Redis twice: scripts whose first key makes them the same, reads, and takings that may be lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

AGAIN = 5
FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.2
PROBE_SECONDS = 0.5

TICK_SECONDS = 0.025
QUIET_TICKS = 4
"""After so many ticks without an answer to anybody a Redis is gone: longer than it ever needs, and shorter than what a
patient would feel."""

Result = TypeVar("Result")
Other = TypeVar("Other")


def redis_at(url: str, *, patience: float, most: int = 64) -> redis.asyncio.Redis:
    """Connect to a Redis address with at most so many connections; who finds none free waits `patience` seconds.

    The pool alone would try everything once: after a restart each connection that it kept would fail one command.
    """
    retry = Retry(ExponentialWithJitterBackoff(base=FIRST_PAUSE_SECONDS, cap=LONGEST_PAUSE_SECONDS), AGAIN)
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url, socket_connect_timeout=patience, max_connections=most, timeout=patience, retry=retry
    )
    return redis.asyncio.Redis.from_pool(pool)


class Dispensable:
    """Asks a Redis that one can do without: an answer in time, or none.

    Once it has failed nobody waits for it again until it has answered a ping, which is sent beside everybody's way. So
    a Redis that is gone costs a few askers a moment, once, and not every asker their patience each time.
    """

    def __init__(self, connection: redis.asyncio.Redis, *, patience: float, tick: float = TICK_SECONDS) -> None:
        self._redis = connection
        self._patience = patience
        self._tick_seconds = tick
        self._waiting: set[asyncio.Timeout] = set()
        self._heard = False
        self._quiet = 0
        self._ticking: asyncio.TimerHandle | None = None
        self._gone = False
        self._probe_from = 0.0
        self._probing: asyncio.Task[None] | None = None

    async def ask(self, make: Callable[[], Awaitable[Result]], otherwise: Other) -> Result | Other:
        """What `make` gives; `otherwise` when Redis fails, takes longer than the patience, or is known to be gone."""
        if self._gone:
            self._probe()
            return otherwise
        try:
            async with asyncio.timeout(self._patience) as patience:
                with self._waits(patience):
                    return await make()
        except TimeoutError:
            # It may be this process that was late, with much to do at once: the ping says which of them it was.
            self._probe()
            return otherwise
        except (RedisError, OSError):
            log.debug("Redis doesn't answer", exc_info=True)
            self._gone = True
            self._probe()
            return otherwise

    async def close(self) -> None:
        """Give the connections up."""
        if self._ticking is not None:
            self._ticking.cancel()
        if self._probing is not None:
            self._probing.cancel()
        await self._redis.aclose()

    @contextmanager
    def _waits(self, patience: asyncio.Timeout) -> Iterator[None]:
        self._waiting.add(patience)
        if self._ticking is None:
            self._quiet = 0
            self._tick_later()
        try:
            yield
            self._heard = True
        finally:
            self._waiting.discard(patience)

    def _tick_later(self) -> None:
        self._heard = False
        self._ticking = asyncio.get_running_loop().call_later(self._tick_seconds, self._tick)

    def _tick(self) -> None:
        """Take it for gone when it has said nothing to anybody for some ticks, each of which came in time.

        A tick that came late says that this process had too much to do to hear anything.
        """
        assert self._ticking is not None
        now = asyncio.get_running_loop().time()
        late = now - self._ticking.when() > self._tick_seconds
        self._ticking = None
        if not self._waiting:
            return
        self._quiet = 0 if late or self._heard else self._quiet + 1
        if self._quiet < QUIET_TICKS:
            self._tick_later()
            return
        log.debug("Redis says nothing")
        self._gone = True
        for patience in self._waiting:
            patience.reschedule(now)

    def _probe(self) -> None:
        if time.monotonic() >= self._probe_from and (self._probing is None or self._probing.done()):
            self._probing = asyncio.create_task(self._ping())

    async def _ping(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._redis.ping()
            self._gone = False
        except (RedisError, OSError, TimeoutError):
            self._gone = True
            self._probe_from = time.monotonic() + PROBE_SECONDS
