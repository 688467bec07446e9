"""A connection to Redis that outlives Redis: what dies on a connection that Redis's end has left is written once more.

Only for what may reach Redis twice: scripts whose first key makes them the same, reads, and takings that may be lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
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

TURN_SECONDS = 0.008
SILENT_TURNS = 10
"""A Redis that says nothing for so many turns of the event loop is silent. A new connection's greetings take seven."""

Result = TypeVar("Result")
Other = TypeVar("Other")


def redis_at(url: str, *, patience: float, most: int = 64) -> redis.asyncio.Redis:
    """Connect to a Redis address with at most so many connections; who finds none free waits `patience` seconds.

    The pool alone would try everything once: after a restart each connection that it kept would fail one command. Who
    asks bounds the answer themselves, so that the client's own bounds, a task and two timers a command, are left out.
    """
    retry = Retry(ExponentialWithJitterBackoff(base=FIRST_PAUSE_SECONDS, cap=LONGEST_PAUSE_SECONDS), AGAIN)
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        socket_timeout=None,
        socket_connect_timeout=patience,
        max_connections=most,
        timeout=patience,
        retry=retry,
    )
    return redis.asyncio.Redis.from_pool(pool)


class Dispensable:
    """Asks a Redis that one can do without: an answer in time, or none.

    Once it has failed nobody waits for it again until it has answered a ping, which is sent beside everybody's way. So
    a Redis that is gone costs a few askers their patience, once, and not every asker each time.

    What tells a Redis that is gone from one with a long queue before it is silence: an asker who waits while others are
    answered waits on, for `patience` seconds. Silence is counted in turns of the event loop, at most one for each
    `TURN_SECONDS`, so that a process with much to do, which hears answers late, doesn't take Redis for gone either.
    """

    def __init__(self, connection: redis.asyncio.Redis, *, patience: float) -> None:
        self._redis = connection
        self._patience = patience
        self._heard = 0
        self._gone = False
        self._probe_from = 0.0
        self._probing: asyncio.Task[None] | None = None

    async def ask(self, make: Callable[[], Awaitable[Result]], otherwise: Other) -> Result | Other:
        """What `make` gives; `otherwise` when Redis fails, takes longer than the patience, or is known to be gone."""
        if self._gone:
            self._probe()
            return otherwise
        try:
            return await self._unless_silent(make)
        except TimeoutError:
            self._probe()
            return otherwise
        except (RedisError, OSError):
            log.debug("Redis doesn't answer", exc_info=True)
            self._gone = True
            self._probe()
            return otherwise

    async def close(self) -> None:
        """Give the connections up."""
        if self._probing is not None:
            self._probing.cancel()
        await self._redis.aclose()

    async def _unless_silent(self, make: Callable[[], Awaitable[Result]]) -> Result:
        loop = asyncio.get_running_loop()
        ends, heard, silent = loop.time() + self._patience, self._heard, 0
        timer: asyncio.TimerHandle

        def turn() -> None:
            nonlocal heard, silent, timer
            heard, silent = self._heard, silent + 1 if self._heard == heard else 0
            if silent < SILENT_TURNS and loop.time() < ends:
                timer = loop.call_later(TURN_SECONDS, turn)
            else:
                bound.reschedule(loop.time())

        try:
            async with asyncio.timeout(None) as bound:
                timer = loop.call_later(TURN_SECONDS, turn)
                try:
                    answer = await make()
                finally:
                    timer.cancel()
        except TimeoutError:
            # When others were answered it is this one answer that was long.
            self._gone = self._gone or silent >= SILENT_TURNS
            raise
        self._heard += 1
        return answer

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
