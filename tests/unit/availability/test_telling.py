"""What a look-up has found is told, also when the event log was away for a moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest

from services.availability.telling import Telling
from shared.clock import FixedClock
from shared.contracts.commands import LookUpBooking
from shared.contracts.problems import Problem, ProblemType
from shared.contracts.sections import Section, SectionName, State
from shared.messaging.event_log import AppendOutcome, Head, LogUnavailable, NewEntry
from shared.messaging.event_log_memory import MemoryEventLog

NOW = dt.datetime(2026, 1, 15, 9, tzinfo=dt.UTC)
READY = Section(state=State.READY)


class AwayLog(MemoryEventLog):
    """A log that doesn't answer the next so many writings."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.away = 0.0

    async def append(self, rebooking_id: str, entries: Sequence[NewEntry], *, ttl: float = 24 * 3600) -> AppendOutcome:
        """Append, or be away."""
        if self.away > 0:
            self.away -= 1
            raise LogUnavailable("away")
        return await super().append(rebooking_id, entries, ttl=ttl)


@pytest.fixture
def clock() -> FixedClock:
    """A clock that the telling itself moves."""
    return FixedClock(NOW)


async def a_telling(clock: FixedClock) -> tuple[AwayLog, Telling]:
    """A telling of one section, with 10 s left."""
    log = AwayLog(clock)
    choice = NewEntry(key="start", public=b"{}", expected_choice=0, rebase=("booking",))
    await log.open("r", Head("o", "i", b""), [choice])
    command = LookUpBooking.model_construct(
        rebooking_id="r", command_id="start", basis=1, deadline=NOW.timestamp() + 10, language="sv"
    )
    return log, Telling(log, clock, command, [SectionName.BOOKING])


async def told(log: AwayLog) -> int:
    """How many events stand after the choice."""
    return (await log.last_seqs(["r"]))["r"] - 1


async def test_a_log_that_comes_back_gets_the_answer(clock: FixedClock) -> None:
    """An answer that a booking system was asked for isn't dropped because Redis was restarted."""
    log, telling = await a_telling(clock)
    log.away = 3
    await telling.tell(SectionName.BOOKING, READY, last=True)
    assert await told(log) == 1
    assert clock.now() > NOW


async def test_nobody_waits_past_the_deadline(clock: FixedClock) -> None:
    """From then on whoever follows the rebooking tells that no answer came."""
    log, telling = await a_telling(clock)
    log.away = float("inf")
    with pytest.raises(LogUnavailable):
        await telling.tell(SectionName.BOOKING, READY, last=True)
    assert 10 <= (clock.now() - NOW).total_seconds() < 11


async def test_giving_up_asks_a_log_that_is_away_once(clock: FixedClock) -> None:
    """A worker that stops isn't held by a log that doesn't answer."""
    log, telling = await a_telling(clock)
    log.away = 1
    await telling.fail_open(Problem(type=ProblemType.FACILITY_UNAVAILABLE))
    assert (log.away, await told(log), clock.now()) == (0, 0, NOW)
    assert not telling.open
