"""The clock: tests set it, and the civil date is Sweden's."""

from __future__ import annotations

import datetime as dt

from shared.clock import FixedClock, OffsetClock


def test_the_civil_date_is_swedish() -> None:
    """Half past eleven in the evening in UTC is already tomorrow in Sweden."""
    clock = FixedClock(dt.datetime(2026, 1, 14, 23, 30, tzinfo=dt.UTC))
    assert clock.today() == dt.date(2026, 1, 15)


async def test_sleeping_moves_a_fixed_clock() -> None:
    """Nothing waits in a test: the time is moved instead."""
    clock = FixedClock(dt.datetime(2026, 1, 15, tzinfo=dt.UTC))
    await clock.sleep(90)
    assert clock.now() == dt.datetime(2026, 1, 15, 0, 1, 30, tzinfo=dt.UTC)
    assert clock.monotonic() == 90


def test_an_offset_clock_starts_where_it_is_told() -> None:
    """A demo can begin on any day."""
    start = dt.datetime(2030, 5, 1, 8, tzinfo=dt.UTC)
    assert OffsetClock(start).now() - start < dt.timedelta(minutes=1)
    assert OffsetClock(start).today() == dt.date(2030, 5, 1)
