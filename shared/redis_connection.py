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
CONNECT_SECONDS = 1.0
PING_SECONDS = 1.0
PROBE_SECONDS = 0.5

TURN_SECONDS = 0.008
SILENT_TURNS = 10
"""A Redis that says nothing for so many turns of the event loop is silent. A new connection's greetings take seven."""

Result = TypeVar("Result")
Other = TypeVar("Other")


def redis_at(url: str, *, patience: float, most: int = 64) -> redis.asyncio.Redis:
    """Connect to a Redis address with at most so many connections; who finds none free waits `patience` seconds.

    The pool alone would try everything once: after a restart each connection that it kept would fail one command.
    """
    retry = Retry(ExponentialWithJitterBackoff(base=FIRST_PAUSE_SECONDS, cap=LONGEST_PAUSE_SECONDS), AGAIN)
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        socket_connect_timeout=min(patience, CONNECT_SECONDS),
        max_connections=most,
        timeout=patience,
        retry=retry,
    )
    return redis.asyncio.Redis.from_pool(pool)


class Dispensable:
    """Asks a Redis that one can do without: an answer in time, or none.

    Once it has failed nobody waits for it again until it has answered a ping, which is sent beside everybody's way. So
    a Redis that is gone costs a few askers a moment, once, and not every asker each time.

    What tells a Redis that is gone from one with a long queue before it is silence: while anybody is answered the
    others wait on, for `patience` seconds. Silence is counted in turns of the event loop, at most one for each
    `TURN_SECONDS`, so that a process with much to do, which hears answers late, doesn't take Redis for gone either. A
    Redis some tens of milliseconds away is taken for gone until there are connections enough: it belongs near.
    """

    def __init__(self, connection: redis.asyncio.Redis, *, patience: float) -> None:
        self._redis = connection
        self._patience = patience
        self._waiting: set[asyncio.Timeout] = set()
        self._turning: asyncio.TimerHandle | None = None
        self._silent_turns = 0
        self._gone = False
        self._probe_from = 0.0
        self._probing: asyncio.Task[None] | None = None

    async def ask(self, make: Callable[[], Awaitable[Result]], otherwise: Other) -> Result | Other:
        """What `make` gives; `otherwise` when Redis fails, is silent, or takes longer than the patience."""
        if self._gone:
            self._probe()
            return otherwise
        try:
            return await self._answered(make)
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
        if self._turning is not None:
            self._turning.cancel()
        await self._redis.aclose()

    async def _answered(self, make: Callable[[], Awaitable[Result]]) -> Result:
        async with asyncio.timeout(self._patience) as bound:
            self._waiting.add(bound)
            if self._turning is None:
                self._turn_later()
            try:
                answer = await make()
            finally:
                self._waiting.discard(bound)
        self._silent_turns = 0
        return answer

    def _turn_later(self) -> None:
        self._turning = asyncio.get_running_loop().call_later(TURN_SECONDS, self._turn)

    def _turn(self) -> None:
        """Note that a turn has passed without an answer to anybody; after too many everybody gives up."""
        self._turning = None
        self._silent_turns += 1
        if not self._waiting:
            self._silent_turns = 0
        elif self._silent_turns < SILENT_TURNS:
            self._turn_later()
        else:
            self._gone, self._silent_turns = True, 0
            now = asyncio.get_running_loop().time()
            for bound in self._waiting:
                if not bound.expired():
                    bound.reschedule(now)

    def _probe(self) -> None:
        if time.monotonic() >= self._probe_from and (self._probing is None or self._probing.done()):
            self._probing = asyncio.create_task(self._ping())

    async def _ping(self) -> None:
        try:
            async with asyncio.timeout(min(self._patience, PING_SECONDS)):
                await self._redis.ping()
            self._gone = False
        except (RedisError, OSError, TimeoutError):
            self._gone = True
            self._probe_from = time.monotonic() + PROBE_SECONDS
