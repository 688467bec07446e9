"""The cache of look-ups: final bytes, sealed, seconds long, each under a key that only its own patient has.

A cache that fails makes things slower and never wrong. Source: architecture, "Cache"; the reliability rules 4.1.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar, cast

from shared.clock import Clock

Result = TypeVar("Result")


class Cache(Protocol):
    """Bytes by key, for a while. An implementation never raises: what it can't do it leaves."""

    async def get(self, key: str) -> bytes | None:
        """The value, None when it isn't there."""

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        """Keep a value for so long."""

    async def generation(self, facility: str) -> int:
        """The number of times a facility's answers have been purged; part of every key."""

    async def purge(self, facility: str) -> None:
        """Forget every answer of a facility."""


class MemoryCache:
    """The cache of one process; usable from every thread."""

    def __init__(self, clock: Clock, *, most: int = 10_000) -> None:
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._generations: dict[str, int] = {}

    async def get(self, key: str) -> bytes | None:
        """The value, None when it isn't there or its time is over."""
        with self._lock:
            expires, value = self._kept.get(key, (0.0, b""))
        return value if expires > self._clock.monotonic() else None

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        """Keep a value; the oldest makes room."""
        with self._lock:
            self._kept[key] = (self._clock.monotonic() + seconds, value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    async def generation(self, facility: str) -> int:
        """The number of purges of a facility."""
        return self._generations.get(facility, 0)

    async def purge(self, facility: str) -> None:
        """Forget every answer of a facility."""
        with self._lock:
            self._generations[facility] = self._generations.get(facility, 0) + 1


@dataclass(eq=False)
class _Flight:
    """A call under way, and how many wait for it."""

    task: asyncio.Task[object]
    waiters: int = 0


class SingleFlight:
    """Callers who want the same thing at once share one call; it ends when its last waiter has left."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}
        self.shared = 0

    async def do(self, key: str, make: Callable[[], Awaitable[Result]]) -> Result:
        """Give the result of the call under this key, made by whoever came first."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(_coroutine(make)))
            flight.task.add_done_callback(partial(self._land, key, flight))
        else:
            self.shared += 1
        flight.waiters += 1
        try:
            return await asyncio.shield(cast("asyncio.Task[Result]", flight.task))
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.task.done():
                # Whoever comes from here on needs a call of their own: this one is only ending.
                self._land(key, flight, flight.task)
                flight.task.cancel()

    def _land(self, key: str, flight: _Flight, _: asyncio.Task[object]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


async def _coroutine(make: Callable[[], Awaitable[Result]]) -> Result:
    return await make()
