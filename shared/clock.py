"""The clock port: what time it is, for those who decide by it. Tests set it; nobody else reads the system's clock.

Ledger times come from the database instead. Source: architecture, "Clocks".
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from typing import Protocol

from shared.contracts.civil_time import STOCKHOLM


class Clock(Protocol):
    """Now, in three ways, and waiting."""

    def now(self) -> dt.datetime:
        """The time, aware, in UTC."""

    def today(self) -> dt.date:
        """The civil date in Sweden."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back: for durations within this process."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> dt.datetime:
        """The time, aware, in UTC."""
        return dt.datetime.now(dt.UTC)

    def today(self) -> dt.date:
        """The civil date in Sweden."""
        return dt.datetime.now(STOCKHOLM).date()

    def monotonic(self) -> float:
        """Seconds of the process's monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)


class OffsetClock(SystemClock):
    """A clock that runs as the machine's does from another starting time: for demos and end-to-end tests."""

    def __init__(self, start: dt.datetime) -> None:
        self._offset = start.astimezone(dt.UTC) - dt.datetime.now(dt.UTC)

    def now(self) -> dt.datetime:
        """The shifted time, aware, in UTC."""
        return dt.datetime.now(dt.UTC) + self._offset

    def today(self) -> dt.date:
        """The shifted civil date in Sweden."""
        return self.now().astimezone(STOCKHOLM).date()


class FixedClock:
    """A clock that stands until it is moved; sleeping moves it."""

    def __init__(self, now: dt.datetime) -> None:
        self._now = now.astimezone(dt.UTC)
        self._monotonic = 0.0

    def now(self) -> dt.datetime:
        """The set time, aware, in UTC."""
        return self._now

    def today(self) -> dt.date:
        """The set civil date in Sweden."""
        return self._now.astimezone(STOCKHOLM).date()

    def monotonic(self) -> float:
        """Seconds that the clock has been moved."""
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Move the clock and let others run."""
        self.move(seconds)
        await asyncio.sleep(0)

    def move(self, seconds: float) -> None:
        """Move the clock ahead."""
        self._now += dt.timedelta(seconds=seconds)
        self._monotonic += seconds
