"""The ledger from the loop: in threads, and given up in time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.gateway.ledger_calls import LedgerCalls
from shared.clock import FixedClock
from shared.ledger.port import LedgerUnavailable, Told
from tests.builders.gateway import NOW, RememberingLedger


class HangingLedger(RememberingLedger):
    """A ledger whose reading hangs until it is let go."""

    def __init__(self) -> None:
        super().__init__(FixedClock(NOW))
        self.go = threading.Event()

    def read(self, rebooking_id: str) -> Told | None:
        """Hang."""
        self.go.wait(30)
        return None


async def test_a_ledger_that_hangs_is_given_up_and_holds_nobody_else():
    """The hanging call is unavailable after its time; another one is answered meanwhile."""
    ledger = HangingLedger()
    calls = LedgerCalls(ledger, patience=0.1)
    try:
        hanging = asyncio.create_task(calls.read("r1"))
        await calls.ping()
        with pytest.raises(LedgerUnavailable):
            await hanging
    finally:
        ledger.go.set()
        calls.close()
