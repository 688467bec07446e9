"""Work that nobody waits for: kept until it is done, its surprises logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Background:
    """Tasks of one event loop that outlive the request which began them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin it now."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def settle(self) -> None:
        """Wait until everything begun so far, and what that began, is done."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def close(self, *, patience: float) -> None:
        """Wait for what is going on, but not longer than `patience` seconds; the rest is cancelled."""
        if self._tasks:
            _, slow = await asyncio.wait(list(self._tasks), timeout=patience)
            for task in slow:
                task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed: %s", type(task.exception()).__name__, exc_info=task.exception())
