"""The ledger from an event loop: each call in one of eight threads, and given up after three seconds.

A call that is given up may still be committed: for an accept that is an unknown outcome, which the same command id
resolves later. Source: architecture, "A rebooking is a ledger row first".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.ledger.port import Accepting, AcceptOutcome, LedgerUnavailable, NewRebooking, Told

PATIENCE_SECONDS = 3.0
THREADS = 8

Answer = TypeVar("Answer")


class LedgerCalls:
    """The gateway's part of the ledger, awaitable. Every method raises LedgerUnavailable after three seconds."""

    def __init__(self, ledger: Accepting, *, patience: float = PATIENCE_SECONDS) -> None:
        self._ledger = ledger
        self._patience = patience
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ledger")

    async def accept(self, new: NewRebooking) -> AcceptOutcome:
        """Commit a row in ACCEPTED with its first event, or say why not."""
        return await self._call(lambda: self._ledger.accept(new))

    async def read(self, rebooking_id: str) -> Told | None:
        """The last row of a rebooking."""
        return await self._call(lambda: self._ledger.read(rebooking_id))

    async def of_bookings(self, owner: str, bookings: list[tuple[str, str]]) -> list[Told]:
        """The last row of each of the subject's bookings."""
        return await self._call(lambda: self._ledger.of_bookings(owner, bookings))

    async def first_booked(self, owner: str, facility: str, booking_id: str) -> tuple[str, str]:
        """The facility and id that a booking of the subject's had before the first of its moves."""
        return await self._call(lambda: self._ledger.first_booked(owner, facility, booking_id))

    async def published(self, row_id: str, n: int) -> None:
        """Note that a row's n-th event stands in the event log."""
        await self._call(lambda: self._ledger.published(row_id, n))

    async def ping(self) -> None:
        """Return when the database answers."""
        await self._call(self._ledger.ping)

    def close(self) -> None:
        """Give the threads up without waiting for one that hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(self, call: Callable[[], Answer]) -> Answer:
        running = asyncio.get_running_loop().run_in_executor(self._threads, call)
        try:
            return await asyncio.wait_for(running, self._patience)
        except TimeoutError as error:
            raise LedgerUnavailable("the ledger didn't answer in time") from error
