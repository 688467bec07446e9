"""A breaker: after so many failures in a row a booking system isn't asked for a while; then one call tries it.

Whoever comes while that call is under way waits a little for what it shows, for it is mostly good news: without that,
each process would refuse its next patient although the booking system is back. Only what says something of the system's
health counts: a fault of the platform before routing doesn't.
"""

from __future__ import annotations

import asyncio
from enum import Enum

from services.availability.unavailable import Busy
from shared.clock import Clock


class BreakerState(Enum):
    """Closed lets calls through, open none, half open one."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Admission:
    """A call that the breaker has let through: how it ended is told once."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()


class Breaker:
    """The breaker of one booking system in this process."""

    def __init__(self, failures: int, open_for: float, clock: Clock) -> None:
        self._most = failures
        self._open_for = open_for
        self._clock = clock
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probe: Admission | None = None

    def __repr__(self) -> str:
        return f"<Breaker {self.state.name.lower()}, {self._in_a_row} failures in a row>"

    @property
    def state(self) -> BreakerState:
        """What the breaker does with the next call."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._left() <= 0 else BreakerState.OPEN

    async def admit(self, *, wait: float) -> Admission:
        """Let a call through, after at most `wait` seconds if another one is just trying the system.

        Raises Busy while the breaker is open, and when that other one takes longer.
        """
        try:
            async with asyncio.timeout(wait):
                while self.state is BreakerState.HALF_OPEN and self._probe is not None:
                    await self._probe.ended.wait()
        except TimeoutError:
            raise self._busy() from None
        if self.state is BreakerState.OPEN:
            raise self._busy()
        admission = Admission()
        if self.state is BreakerState.HALF_OPEN:
            self._probe = admission
        return admission

    def succeeded(self, admission: Admission) -> None:
        """Note that a call was answered."""
        self._in_a_row, self._opened_at = 0, None
        self._end(admission)

    def failed(self, admission: Admission) -> None:
        """Note that a call wasn't answered; one that began before the breaker opened says nothing new."""
        self._in_a_row += 1
        if admission is self._probe or (self._opened_at is None and self._in_a_row >= self._most):
            self._opened_at = self._clock.monotonic()
        self._end(admission)

    def gave_up(self, admission: Admission) -> None:
        """Note that a call ended without saying anything of the system: cancelled, or refused on our side."""
        self._end(admission)

    def _end(self, admission: Admission) -> None:
        if admission is self._probe:
            self._probe = None
        admission.ended.set()

    def _busy(self) -> Busy:
        return Busy("the booking system has just been failing", retry_after=max(1.0, self._left()))

    def _left(self) -> float:
        return self._open_for - (self._clock.monotonic() - (self._opened_at or 0.0))
