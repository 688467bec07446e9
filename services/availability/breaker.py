"""A breaker: after so many failures in a row a booking system isn't asked for a while; then one call tries it.

Only what says something of the system's health counts: a fault of the platform before routing doesn't.
"""

from __future__ import annotations

from enum import Enum

from services.availability.unavailable import Busy
from shared.clock import Clock


class BreakerState(Enum):
    """Closed lets calls through, open none, half open one."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """The breaker of one booking system in this process."""

    def __init__(self, failures: int, open_for: float, clock: Clock) -> None:
        self._most = failures
        self._open_for = open_for
        self._clock = clock
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probing = False

    def __repr__(self) -> str:
        return f"<Breaker {self.state.name.lower()}, {self._in_a_row} failures in a row>"

    @property
    def state(self) -> BreakerState:
        """What the breaker does with the next call."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._left() <= 0 else BreakerState.OPEN

    def ask(self) -> None:
        """Ask to make a call. Raises Busy while the breaker is open, or another call is trying the system."""
        if self.state is BreakerState.CLOSED:
            return
        if self.state is BreakerState.OPEN or self._probing:
            raise Busy("the booking system has just been failing", retry_after=max(1.0, self._left()))
        self._probing = True

    def succeeded(self) -> None:
        """Note that a call was answered."""
        self._in_a_row, self._opened_at, self._probing = 0, None, False

    def failed(self) -> None:
        """Note that a call wasn't answered."""
        self._in_a_row += 1
        if self._probing or self._in_a_row >= self._most:
            self._opened_at = self._clock.monotonic()
        self._probing = False

    def gave_up(self) -> None:
        """Note that a call ended without saying anything of the system: cancelled, or refused on our side."""
        self._probing = False

    def _left(self) -> float:
        return self._open_for - (self._clock.monotonic() - (self._opened_at or 0.0))
