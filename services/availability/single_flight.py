"""Single flight: who want the same thing at the same time share one call, within a process and across processes.

Across processes one takes the lead in the cache and calls; the others look again every few milliseconds until the
answer is there. The lead is short and renewed while the call goes on, so when its holder dies another takes it over.
A cache that doesn't answer lets everybody call by themselves. Source: architecture, "Cache".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

from services.availability.cache import Cache, Found, Place
from shared.clock import Clock
from shared.scheduling.failures import TimedOut

Result = TypeVar("Result")

LEAD_SECONDS = 2.0
"""How long a lead outlives its holder, and so about how long a holder's death delays the others."""

RENEWALS = 4
"""How often a lead is renewed within that time."""

FIRST_PAUSE_SECONDS = 0.004
LONGEST_PAUSE_SECONDS = 0.032


@dataclass(eq=False)
class _Flight:
    """A call under way, and how many wait for it."""

    task: asyncio.Task[object]
    waiters: int = 0


class SingleFlight:
    """Callers of one process who want the same thing share one call; it ends when its last waiter has left."""

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


async def one_of_all(
    cache: Cache,
    place: Place,
    found: Found,
    owner: str,
    make: Callable[[], Awaitable[bytes]],
    *,
    seconds: float,
    clock: Clock,
    lead_seconds: float = LEAD_SECONDS,
) -> bytes:
    """The fresh answer at a place: made by one process, found there by the others, who wait at most `seconds`.

    `found` is what `owner`, which stands for this process, has got by asking for the lead. What `make` raises is raised
    here and reaches nobody else: the next one tries. Raises TimedOut.
    """
    ends = clock.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    while not found.leads:
        if found.fresh and found.value is not None:
            return found.value
        if found.generation is None:
            return await make()
        if clock.monotonic() + pause > ends:
            raise TimedOut("nobody had an answer in time")
        await clock.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        found = await cache.lead(place, owner, seconds=lead_seconds)
    generation = found.generation
    assert generation is not None
    renewing = asyncio.create_task(_renew(cache, place, generation, owner, lead_seconds))
    try:
        value = await make()
    except BaseException:
        await cache.leave(place, generation, owner)
        raise
    finally:
        renewing.cancel()
    await cache.keep(place, generation, owner, value)
    return value


async def _renew(cache: Cache, place: Place, generation: int, owner: str, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds / RENEWALS)
        await cache.go_on_leading(place, generation, owner, seconds=seconds)


async def _coroutine(make: Callable[[], Awaitable[Result]]) -> Result:
    return await make()
