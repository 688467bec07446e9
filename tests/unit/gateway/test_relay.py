"""The relay: every follower gets everything once and in order, whoever comes when, and lost wake-ups are made good."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack

from services.gateway.relay import Relay, Wake
from shared.clock import FixedClock, SystemClock
from shared.contracts.events import EventName, encode
from shared.messaging.event_log import Entry, Head, NewEntry
from shared.messaging.event_log_memory import MemoryEventLog
from tests.builders.gateway import NOW


class Reader:
    """A follower that keeps the seqs it was given."""

    def __init__(self, after: int = 0) -> None:
        self.after = after
        self.seqs: list[int] = []
        self.told: list[str] = []
        self.changed = asyncio.Condition()

    def deliver(self, frames: Sequence[bytes]) -> None:
        """Keep the seqs."""
        self.seqs += [json.loads(frame)["seq"] for frame in frames]
        self._tell("deliver")

    def resync(self) -> None:
        """Keep it."""
        self._tell("resync")

    def gone(self) -> None:
        """Keep it."""
        self._tell("gone")

    def _tell(self, what: str) -> None:
        self.told.append(what)
        asyncio.get_running_loop().create_task(self._notify())

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, seq: int) -> None:
        """Wait until this seq has come."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: self.seqs and self.seqs[-1] >= seq)

    async def until_told(self, what: str) -> None:
        """Wait until this was told."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: what in self.told)


def an_event(n: int, *, deadline: float | None = None) -> NewEntry:
    """An entry."""
    public = encode(
        EventName.SECTION_LOADING, command_id=None, at=NOW, final=False, data={"section": "days", "value": {}}
    )
    return NewEntry(key=f"k{n}", public=public, deadline=deadline)


async def a_log(events: MemoryEventLog, name: str = "r1") -> None:
    """A log with one entry."""
    await events.open(name, Head(owner="o", index=name, body=b""), [an_event(0)])


async def nothing(rebooking_id: str) -> None:
    """Sweep nothing."""


def learn_nothing(rebooking_id: str, entries: Sequence[Entry]) -> None:
    """Fold nothing."""


async def test_followers_who_come_at_any_time_get_everything_once_in_order():
    """Fifty events and ten followers that come and go between them, each with its own last seq."""
    events = MemoryEventLog(FixedClock(NOW))
    await a_log(events)
    dice = random.Random(3)
    async with Relay(events, FixedClock(NOW), nothing, learn_nothing).running() as relay:

        async def follow(reader: Reader) -> None:
            async with relay.following("r1", reader):
                await reader.until(51)

        tasks, readers = [], []
        for n in range(1, 51):
            await events.append("r1", [an_event(n)])
            if n % 5 == 0:
                readers.append(Reader(after=dice.randint(0, n)))
                tasks.append(asyncio.create_task(follow(readers[-1])))
            if dice.random() < 0.5:
                await asyncio.sleep(0)
        first = [reader.after for reader in readers]
        await asyncio.gather(*tasks)
    assert len(first) == 10
    for reader in readers:
        assert reader.seqs == list(range(reader.seqs[0], 52))


async def test_a_rebooking_that_cannot_be_relayed_holds_nobody_up():
    """Many that wake at once are read together; one of them fails, and all the others get theirs, then and later."""
    events = MemoryEventLog(FixedClock(NOW))
    names = [f"r{n}" for n in range(100)]
    for name in names:
        await a_log(events, name)

    def learn(rebooking_id: str, entries: Sequence[Entry]) -> None:
        if rebooking_id == "r3":
            raise ValueError("this one can't be folded")

    async with Relay(events, FixedClock(NOW), nothing, learn).running() as relay, AsyncExitStack() as following:
        readers = {name: Reader() for name in names}
        for name in names:
            await following.enter_async_context(relay.following(name, readers[name]))
        for name in names:
            await events.append(name, [an_event(1)])
        for name in names:
            if name != "r3":
                await readers[name].until(2)
    assert all(readers[name].seqs == [1, 2] for name in names if name != "r3")
    assert readers["r3"].seqs == []


async def test_a_lost_wake_up_is_made_good_by_comparing():
    """The last seqs are compared: what no wake-up told comes all the same, and what is gone is told."""
    clock = FixedClock(NOW)
    events = MemoryEventLog(clock)
    await a_log(events)
    async with Relay(events, clock, nothing, learn_nothing).running() as relay:
        reader = Reader()
        async with relay.following("r1", reader):
            await reader.until(1)
            events._listeners.clear()  # the wake-ups are lost from here on
            await events.append("r1", [an_event(1)])
            await relay.compare()
            await reader.until(2)
            clock.move(3601)
            await relay.compare()
            await reader.until_told("gone")


async def test_a_follower_ahead_of_the_log_is_told_to_resync():
    """It then gets what comes next."""
    events = MemoryEventLog(FixedClock(NOW))
    await a_log(events)
    async with Relay(events, FixedClock(NOW), nothing, learn_nothing).running() as relay:
        reader = Reader(after=7)
        async with relay.following("r1", reader):
            await reader.until_told("resync")
            await events.append("r1", [an_event(1)])
            await reader.until(2)
        assert reader.seqs == [2]


async def test_nobody_who_left_is_followed():
    """When the last follower of a rebooking has left, nothing is kept of it."""
    events = MemoryEventLog(FixedClock(NOW))
    await a_log(events)
    async with Relay(events, FixedClock(NOW), nothing, learn_nothing).running() as relay:
        async with relay.following("r1", Wake(1)), relay.following("r1", Reader()):
            assert set(relay._followed) == {"r1"}
        assert relay._followed == {}


async def test_a_deadline_that_passes_is_looked_at():
    """A little after a look-up should have ended the rebooking is swept, for as long as somebody follows it."""
    clock = SystemClock()
    events = MemoryEventLog(clock)
    await a_log(events)
    swept = asyncio.Event()

    async def sweep(rebooking_id: str) -> None:
        assert rebooking_id == "r1"
        swept.set()

    soon = (clock.now() - dt.timedelta(seconds=1.95)).timestamp()
    async with (
        Relay(events, clock, sweep, learn_nothing).running() as relay,
        relay.following("r1", Reader(), deadlines=[soon]),
    ):
        await asyncio.wait_for(swept.wait(), 10)


async def test_a_long_poll_ends_with_an_event_or_with_time():
    """A wake returns when there is something after its seq, or when its time is over."""
    events = MemoryEventLog(FixedClock(NOW))
    await a_log(events)
    async with Relay(events, FixedClock(NOW), nothing, learn_nothing).running() as relay:
        wake = Wake(1)
        async with relay.following("r1", wake):
            await wake.wait(0.01)
            waiting = asyncio.create_task(wake.wait(25))
            await events.append("r1", [an_event(1)])
            await asyncio.wait_for(waiting, 10)
