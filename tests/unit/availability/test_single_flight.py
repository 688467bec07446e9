"""Single flight: who shares a call, and whose leaving ends it."""

from __future__ import annotations

import asyncio

from services.availability.single_flight import SingleFlight


class Calls:
    """Calls that each wait until they are let go, and are counted."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.let_go = asyncio.Event()

    async def make(self) -> int:
        """One call: gives its number."""
        self.begun += 1
        number = self.begun
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return number


async def turns(count: int = 5) -> None:
    """Let everything that can run do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_who_wants_the_same_shares_one_call() -> None:
    """Two callers, one call, the same answer; a later caller makes a new one."""
    flights, calls = SingleFlight(), Calls()
    both = [asyncio.create_task(flights.do("days", calls.make)) for _ in range(2)]
    await turns()
    calls.let_go.set()
    assert await asyncio.gather(*both) == [1, 1]
    assert await flights.do("days", calls.make) == 2
    assert flights.shared == 1


async def test_a_call_ends_with_its_last_waiter_and_no_sooner() -> None:
    """The first to leave ends nothing; the last one does."""
    flights, calls = SingleFlight(), Calls()
    first, second = (asyncio.create_task(flights.do("days", calls.make)) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    assert calls.cancelled == 0
    second.cancel()
    await turns()
    assert calls.cancelled == 1


async def test_nobody_joins_a_call_that_is_only_ending() -> None:
    """Who comes in the moment after the last waiter left gets a call of their own, and its answer."""
    flights, calls = SingleFlight(), Calls()
    leaving = asyncio.create_task(flights.do("days", calls.make))
    await turns()
    leaving.cancel()
    coming = asyncio.create_task(flights.do("days", calls.make))
    await turns()
    calls.let_go.set()
    assert await coming == 2
    assert leaving.cancelled()


async def test_a_failure_reaches_everybody_and_is_not_kept() -> None:
    """The call's error is each waiter's; the next caller tries again."""
    flights = SingleFlight()

    async def fail() -> int:
        raise LookupError

    results = await asyncio.gather(*(flights.do("days", fail) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [LookupError] * 3
    assert await flights.do("days", answer) == 7


async def answer() -> int:
    """An answer at once."""
    return 7
