"""An event loop on which waiting takes no time: when nobody can run, its clock jumps to whoever wakes first."""

from __future__ import annotations

import asyncio
import datetime as dt
import selectors
from collections.abc import Mapping
from typing import Any

from shared.contracts.civil_time import STOCKHOLM

TURN_SECONDS = 1e-6
"""What each turn of the loop takes: on a clock that stood still who waits for 1e-17 s would do so for ever."""


class _Skipping(selectors.BaseSelector):
    """Selects without waiting, and adds what it was to wait to `now`."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = self._real.select(0)
        if not found and timeout is None:
            raise RuntimeError("everybody waits for somebody else: nobody will ever wake")
        self.now += max(TURN_SECONDS, 0.0 if found else timeout or 0.0)
        return found

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at 0. For what happens on the loop alone: a thread that is waited for isn't waited for."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Seconds that have been skipped."""
        return self._skipping.now


class LoopClock:
    """A clock that goes with a loop, from a moment on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: dt.datetime) -> None:
        self._loop = loop
        self._start = start.astimezone(dt.UTC)

    def now(self) -> dt.datetime:
        """The time, aware, in UTC."""
        return self._start + dt.timedelta(seconds=self._loop.time())

    def today(self) -> dt.date:
        """The civil date in Sweden."""
        return self.now().astimezone(STOCKHOLM).date()

    def monotonic(self) -> float:
        """The loop's own seconds."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the loop."""
        await asyncio.sleep(seconds)
