"""A bulkhead: so many calls at once to one booking system, so many callers waiting, and everybody else told at once.

A slow booking system fills its own bulkhead and nobody else's. Source: architecture, "Look-ups never wait for each
other".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.availability.unavailable import Busy
from shared.configuration import Configuration


class Bulkhead:
    """The places of one booking system in this process."""

    def __init__(self, places: int, waiting: int, wait: float) -> None:
        self._places = asyncio.Semaphore(places)
        self._most_waiting = waiting
        self._wait = wait
        self.in_use = 0
        self.waiting = 0
        self.refused = 0

    def __repr__(self) -> str:
        return f"<Bulkhead {self.in_use} in use, {self.waiting} waiting, {self.refused} refused>"

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place. Raises Busy when too many wait already, or none is free within `wait` seconds."""
        await self._take()
        self.in_use += 1
        try:
            yield
        finally:
            self.in_use -= 1
            self._places.release()

    async def _take(self) -> None:
        if self._places.locked():
            if self.waiting >= self._most_waiting:
                self.refused += 1
                raise Busy("every place is taken, and too many wait", retry_after=self._wait)
            self.waiting += 1
            try:
                async with asyncio.timeout(self._wait):
                    await self._places.acquire()
            except TimeoutError:
                self.refused += 1
                raise Busy("no place became free in time", retry_after=self._wait) from None
            finally:
                self.waiting -= 1
        else:
            await self._places.acquire()


def in_flight_bound(configuration: Configuration) -> int:
    """How many commands a process may hold: beyond what all bulkheads together can, so that none starves another."""
    limits = [producer.limits for producer in configuration.producers.values()]
    return max(256, 2 * sum(one.concurrency + one.waiting for one in limits))
