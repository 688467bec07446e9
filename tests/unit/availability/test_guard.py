"""The guard of a booking system: places, waiting, the breaker and the time left; and that nobody else feels it."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from services.availability.breaker import Breaker, BreakerState
from services.availability.bulkhead import Bulkhead
from services.availability.guard import Guards
from services.availability.unavailable import Busy
from shared.clock import FixedClock
from shared.configuration import Configuration
from shared.scheduling.failures import ConnectionBroken, PlatformFault, SchedulingFailure
from shared.scheduling.rate import MemoryRate

NOW = dt.datetime(2026, 1, 15, 8, 0, tzinfo=dt.UTC)
PLACES, WAITING, WAIT, FAILURES, OPEN_FOR = 2, 1, 2.0, 3, 30.0


def guards(clock: FixedClock, *, rate: float | None = None) -> Guards:
    """Two booking systems with the same small limits."""
    limits = {"concurrency": PLACES, "waiting": WAITING, "wait": WAIT, "rate": rate, "burst": 1}
    producer = {
        "url": "http://127.0.0.1:1/{contract}",
        "limits": limits,
        "breaker": {"failures": FAILURES, "open_for": OPEN_FOR},
    }
    content = {"producers": {"north": producer, "south": producer}, "facilities": {}}
    configuration = Configuration.model_validate(content)
    return Guards(configuration, MemoryRate.of(configuration, clock), clock)


class Hanging:
    """Calls that begin and don't end until they are let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.let_go = asyncio.Event()

    async def make(self, seconds: float) -> float:
        """Begin; gives the seconds that it was given."""
        self.begun += 1
        await self.let_go.wait()
        return seconds


async def answer(seconds: float) -> float:
    """An answer at once: the seconds that were left for it."""
    return seconds


async def turns() -> None:
    """Let everything that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_full_booking_system_refuses_at_once_and_no_other_one_does() -> None:
    """Places and waiting are taken: the next is told so and when to come again, and the neighbour answers."""
    both, hanging = guards(FixedClock(NOW)), Hanging()
    held = [asyncio.create_task(both.call("north", hanging.make, seconds=600)) for _ in range(PLACES + WAITING)]
    await turns()
    assert hanging.begun == PLACES
    bulkhead = both.by_name["north"].bulkhead
    assert (bulkhead.in_use, bulkhead.waiting) == (PLACES, WAITING)
    with pytest.raises(Busy) as refused:
        await both.call("north", answer, seconds=600)
    assert refused.value.retry_after == WAIT
    assert bulkhead.refused == 1
    assert await both.call("south", answer, seconds=600) == 600
    hanging.let_go.set()
    await asyncio.gather(*held)
    assert (bulkhead.in_use, bulkhead.waiting) == (0, 0)
    assert await both.call("north", answer, seconds=600) == 600


async def test_who_waits_too_long_is_refused() -> None:
    """Waiting has its own bound, and takes no place."""
    bulkhead = Bulkhead(1, 1, 0.01)
    async with bulkhead.place():
        with pytest.raises(Busy):
            async with bulkhead.place():
                pass
        assert (bulkhead.waiting, bulkhead.in_use) == (0, 1)
    async with bulkhead.place():
        assert bulkhead.in_use == 1


async def test_who_leaves_gives_the_place_back() -> None:
    """A superseded call frees its place, and says nothing of the booking system's health."""
    both, hanging = guards(FixedClock(NOW)), Hanging()
    for _ in range(FAILURES + 1):
        leaving = asyncio.create_task(both.call("north", hanging.make, seconds=600))
        await turns()
        leaving.cancel()
        await turns()
    guard = both.by_name["north"]
    assert guard.bulkhead.in_use == 0
    assert guard.breaker.state is BreakerState.CLOSED


async def fail(both: Guards, failure: SchedulingFailure) -> None:
    """One call that ends so."""

    async def make(seconds: float) -> None:
        raise failure

    with pytest.raises(type(failure)):
        await both.call("north", make, seconds=600)


async def test_after_failures_in_a_row_nobody_asks_until_one_call_tries() -> None:
    """Open for its time; then one call tries while the others wait for what it shows, and they all get through."""
    clock = FixedClock(NOW)
    both, hanging = guards(clock), Hanging()
    for _ in range(FAILURES):
        await fail(both, ConnectionBroken("cut"))
    breaker = both.by_name["north"].breaker
    assert breaker.state is BreakerState.OPEN
    with pytest.raises(Busy) as refused:
        await both.call("north", answer, seconds=600)
    assert refused.value.retry_after == OPEN_FOR
    assert await both.call("south", answer, seconds=600) == 600
    clock.move(OPEN_FOR)
    assert breaker.state is BreakerState.HALF_OPEN
    at_once = [asyncio.create_task(both.call("north", hanging.make, seconds=600)) for _ in range(PLACES)]
    await turns()
    assert hanging.begun == 1
    hanging.let_go.set()
    assert await asyncio.gather(*at_once) == [600] * PLACES
    assert hanging.begun == PLACES
    assert breaker.state is BreakerState.CLOSED


async def opened(clock: FixedClock) -> Breaker:
    """A breaker of one failure whose time has just passed."""
    breaker = Breaker(1, OPEN_FOR, clock)
    breaker.failed(await breaker.admit(wait=WAIT))
    clock.move(OPEN_FOR)
    return breaker


async def test_a_probe_that_fails_opens_it_again() -> None:
    """For as long as the first time; who waited for the probe is refused with the time."""
    clock = FixedClock(NOW)
    breaker = await opened(clock)
    probe = await breaker.admit(wait=WAIT)
    waiting = asyncio.create_task(breaker.admit(wait=WAIT))
    await turns()
    breaker.failed(probe)
    with pytest.raises(Busy) as refused:
        await waiting
    assert refused.value.retry_after == OPEN_FOR
    clock.move(OPEN_FOR - 1)
    assert breaker.state is BreakerState.OPEN


async def test_a_probe_that_is_given_up_makes_room_for_the_next() -> None:
    """One of those who waited for it tries, and only one."""
    breaker = await opened(FixedClock(NOW))
    probe = await breaker.admit(wait=WAIT)
    waiting = [asyncio.create_task(breaker.admit(wait=WAIT)) for _ in range(2)]
    await turns()
    breaker.gave_up(probe)
    await turns()
    assert [one.done() for one in waiting] == [True, False]
    breaker.succeeded(waiting[0].result())
    await waiting[1]


async def test_a_probe_is_not_waited_for_longer_than_for_a_place() -> None:
    """Its caller may wait for it as long as a look-up lasts; nobody else does."""
    breaker = await opened(FixedClock(NOW))
    await breaker.admit(wait=WAIT)
    with pytest.raises(Busy):
        await breaker.admit(wait=0.01)


async def test_calls_that_began_before_it_opened_say_nothing_of_the_probe() -> None:
    """Late failures neither keep it open for longer nor let a second call try; a late answer closes it."""
    clock = FixedClock(NOW)
    breaker = Breaker(1, OPEN_FOR, clock)
    first, late, later, last = [await breaker.admit(wait=WAIT) for _ in range(4)]
    breaker.failed(first)
    clock.move(OPEN_FOR - 1)
    breaker.failed(late)
    clock.move(1)
    assert breaker.state is BreakerState.HALF_OPEN
    await breaker.admit(wait=WAIT)
    breaker.failed(later)
    breaker.gave_up(later)
    assert breaker.state is BreakerState.HALF_OPEN
    with pytest.raises(Busy):
        await breaker.admit(wait=0.01)
    breaker.succeeded(last)
    assert breaker.state is BreakerState.CLOSED


async def test_an_answer_between_failures_starts_the_count_anew() -> None:
    """Only failures in a row count."""
    both = guards(FixedClock(NOW))
    for _ in range(3):
        for _ in range(FAILURES - 1):
            await fail(both, ConnectionBroken("cut"))
        await both.call("north", answer, seconds=600)
    assert both.by_name["north"].breaker.state is BreakerState.CLOSED


async def test_what_the_platform_refused_before_routing_says_nothing_of_the_system() -> None:
    """VP faults that come before the booking system was asked never open its breaker."""
    both = guards(FixedClock(NOW))
    for _ in range(FAILURES + 1):
        await fail(both, PlatformFault("platform fault VP007", vp_code="VP007"))
    assert both.by_name["north"].breaker.state is BreakerState.CLOSED


async def test_a_call_gets_what_is_left_of_its_time() -> None:
    """Waiting for the rate is taken off; and a rate that can't be waited for refuses at once, with the time."""
    clock = FixedClock(NOW)
    both = guards(clock, rate=1.0)
    assert await both.call("north", answer, seconds=10) == 10
    assert await both.call("north", answer, seconds=10) == pytest.approx(9)
    slow = guards(clock, rate=0.1)
    assert await slow.call("north", answer, seconds=10) == 10
    with pytest.raises(Busy) as refused:
        await slow.call("north", answer, seconds=10)
    assert refused.value.retry_after == pytest.approx(10)
    assert slow.by_name["north"].bulkhead.in_use == 0
