"""The rate: look-ups wait for their turn, a rebooking never does, and nobody waits at somebody else's system."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.clock import FixedClock
from shared.configuration import ProducerLimits
from shared.scheduling.rate import MemoryRate

NOW = dt.datetime(2026, 1, 15, 8, tzinfo=dt.UTC)


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands."""
    return FixedClock(NOW)


@pytest.fixture
def rate(clock: FixedClock) -> MemoryRate:
    """One system with two calls a second and three at once, one without a limit."""
    limits = {"north": ProducerLimits(rate=2.0, burst=3), "south": ProducerLimits(rate=None)}
    return MemoryRate(limits, clock)


async def test_a_burst_is_let_through_and_then_it_is_said_how_long_to_wait(rate: MemoryRate) -> None:
    """Three at once; the fourth half a second later."""
    assert [await rate.take("north") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


async def test_a_refusal_takes_nothing(rate: MemoryRate, clock: FixedClock) -> None:
    """However often it is asked meanwhile, the wait is over when it was said to be."""
    for _ in range(10):
        await rate.take("north")

    clock.move(0.5)

    assert await rate.take("north") == 0.0
    assert await rate.take("north") == pytest.approx(0.5)


async def test_a_rebooking_takes_without_waiting_and_look_ups_pay_for_it(rate: MemoryRate, clock: FixedClock) -> None:
    """The bucket may be left in debt."""
    for _ in range(5):
        await rate.take_without_waiting("north")

    assert await rate.take("north") == pytest.approx(1.5)
    clock.move(1.5)
    assert await rate.take("north") == 0.0


async def test_rest_fills_the_bucket_no_further_than_its_size(rate: MemoryRate, clock: FixedClock) -> None:
    """An hour's rest allows one burst, not an hour's calls at once."""
    await rate.take("north")
    clock.move(3600)

    assert [await rate.take("north") == 0.0 for _ in range(4)] == [True, True, True, False]


async def test_systems_do_not_share_and_no_limit_is_none(rate: MemoryRate) -> None:
    """One system used up leaves the others as they were."""
    for _ in range(4):
        await rate.take("north")

    assert [await rate.take(name) for name in ("south", "unheard of") for _ in range(50)] == [0.0] * 100
