"""Guarding a booking system, and everybody else from it: rate, bulkhead and breaker around each look-up.

The stories above don't see it: a guarded system refuses with Busy, which is a failure like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.availability.breaker import Admission, Breaker
from services.availability.bulkhead import Bulkhead
from services.availability.unavailable import Busy
from shared.clock import Clock
from shared.configuration import Configuration, Producer
from shared.scheduling.failures import PlatformFault, SchedulingFailure, Sent, TimedOut
from shared.scheduling.rate import Rate

Result = TypeVar("Result")


class Guard:
    """Bulkhead and breaker of one booking system, and its share of the rate."""

    def __init__(self, name: str, producer: Producer, rate: Rate, clock: Clock) -> None:
        limits = producer.limits
        self._name = name
        self._rate = rate
        self._clock = clock
        self._wait = limits.wait
        self.bulkhead = Bulkhead(limits.concurrency, limits.waiting, limits.wait)
        self.breaker = Breaker(producer.breaker.failures, producer.breaker.open_for, clock)

    async def call(self, make: Callable[[float], Awaitable[Result]], *, seconds: float) -> Result:
        """Make a call that must end within so many seconds; `make` gets what is left of them. Raises SchedulingFailure.

        A full bulkhead refuses before anything else is asked; the time left is looked at again after each wait.
        """
        ends = self._clock.monotonic() + seconds
        async with self.bulkhead.place():
            admission = await self.breaker.admit(wait=min(self._wait, ends - self._clock.monotonic()))
            try:
                await self._take_token(ends)
                left = ends - self._clock.monotonic()
                if left <= 0:
                    raise Busy("the time was spent waiting", retry_after=self._wait)
                result = await make(left)
            except Busy:
                self.breaker.gave_up(admission)
                raise
            except SchedulingFailure as failure:
                self._judge(failure, admission)
                raise
            except BaseException:
                self.breaker.gave_up(admission)
                raise
            self.breaker.succeeded(admission)
            return result

    def _judge(self, failure: SchedulingFailure, admission: Admission) -> None:
        if isinstance(failure, PlatformFault) and failure.sent is Sent.NO:
            self.breaker.gave_up(admission)
        else:
            self.breaker.failed(admission)

    async def _take_token(self, ends: float) -> None:
        patience = min(ends, self._clock.monotonic() + self._wait)
        while wait := await self._rate.take(self._name):
            if self._clock.monotonic() + wait > patience:
                raise Busy("the booking system's rate is used up", retry_after=wait)
            await self._clock.sleep(wait)


class Guards:
    """The guards of every booking system of a configuration."""

    def __init__(self, configuration: Configuration, rate: Rate, clock: Clock) -> None:
        self.by_name = {name: Guard(name, producer, rate, clock) for name, producer in configuration.producers.items()}

    async def call(self, name: str, make: Callable[[float], Awaitable[Result]], *, seconds: float) -> Result:
        """Make a guarded call to a booking system. Raises SchedulingFailure."""
        try:
            async with asyncio.timeout(seconds + 1):
                return await self.by_name[name].call(make, seconds=seconds)
        except TimeoutError:
            raise TimedOut("no whole answer in time") from None
