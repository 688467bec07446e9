"""The dispatcher: once a second, whatever is due, so that a message that never came costs at most that second.

It takes rows by the same step as the Celery task, as many as this process has places for, and tells events that the
log may lack, in order. It never publishes a command. Source: the saga's rules 3.5.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from functools import partial

from services.booking.rebook import Saga
from services.booking.telling import Teller
from shared.ledger.ledger import Ledger
from shared.ledger.port import LedgerEvent, LedgerUnavailable

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
ROWS_AT_ONCE = 64
STEPS_FOR_EACH = 16
"""Steps that the dispatcher has under way for one booking system: the rows of a slow one leave room for the others'."""

FRESH_SECONDS = 2.0
"""An event younger than this is being told by whoever committed it."""


class Dispatcher:
    """Runs on the saga's event loop until it is cancelled."""

    def __init__(self, ledger: Ledger, saga: Saga, teller: Teller, *, tick: float = TICK_SECONDS) -> None:
        self._ledger = ledger
        self._saga = saga
        self._teller = teller
        self._tick = tick
        self._steps: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = False

    async def run(self) -> None:
        """Tick until cancelled; a ledger that can't be reached is asked again at the next tick."""
        while True:
            try:
                await self.tick()
            except LedgerUnavailable:
                log.warning("the ledger can't be reached; trying again")
            except Exception:
                log.exception("a tick of the dispatcher ended in an unforeseen error")
            await asyncio.sleep(self._tick)

    async def tick(self) -> None:
        """Begin a step for each row due, and tell what the log lacks."""
        if not self.draining:
            under_way = Counter(self._steps.values())
            full = {name for name, free in self._saga.free_places().items() if not free}
            full |= {name for name, steps in under_way.items() if steps >= STEPS_FOR_EACH}
            for row_id, producer in await asyncio.to_thread(self._ledger.due, limit=ROWS_AT_ONCE, without=full):
                if row_id not in self._steps and under_way[producer] < STEPS_FOR_EACH:
                    under_way[producer] += 1
                    self._begin(row_id, producer)
        await self._tell(await asyncio.to_thread(self._ledger.unpublished, older_than=FRESH_SECONDS))

    async def drain(self) -> None:
        """Begin nothing more and wait for the steps under way."""
        self.draining = True
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, row_id: str, producer: str) -> None:
        task = asyncio.create_task(self._saga.step(row_id))
        self._steps[row_id] = producer
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, row_id))

    async def _tell(self, events: Iterable[LedgerEvent]) -> None:
        failed: set[str] = set()
        for event in events:
            # The order within a row holds: what follows an event that can't be told waits for it.
            if event.row_id in failed:
                continue
            if await self._teller.tell(event):
                await asyncio.to_thread(self._ledger.published, event.row_id, event.n)
            else:
                failed.add(event.row_id)

    def _ended(self, row_id: str, task: asyncio.Task[None]) -> None:
        self._steps.pop(row_id, None)
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, LedgerUnavailable):
            log.warning("a step of row %s ended without the ledger; it is taken up again when its lease ends", row_id)
        else:
            log.error("a step of row %s ended in an unforeseen error", row_id, exc_info=error)
