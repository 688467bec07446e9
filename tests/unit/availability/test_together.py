"""Facilities that answer together are told together; nobody who has answered waits for one who hasn't."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import uuid

from cryptography.fernet import Fernet

from services.availability.sources import Answer, Asking, Sources
from services.availability.telling import Telling
from services.availability.timeslots import DayOfTimeslots, ask_all
from shared.clock import FixedClock
from shared.configuration import Facility, parse_configuration
from shared.contracts.civil_time import CivilTime
from shared.contracts.commands import CurrentTime, LookUpTimeslots
from shared.contracts.model import SearchFilters, SourceStatus, Timeslot
from shared.contracts.sections import SectionName
from shared.messaging.event_log import Head, NewEntry
from shared.messaging.event_log_memory import MemoryEventLog
from shared.sealing import Sealer
from tests.builders.availability import NOW, a_look_up, an_identity
from tests.builders.scheduling import a_timeslot

NAMES = [f"SE2321000016-{number}AAA" for number in range(9)]
CONFIGURATION = parse_configuration(
    'producers: {north: {url: "http://127.0.0.1:9/{contract}"}}\nfacilities:\n'
    + "".join(f"  {name}: {{name: Eken, phone: 08-1, producers: [north], contracts: []}}\n" for name in NAMES)
)


class GatedSources(Sources):
    """Each facility has one timeslot, and answers when it is let."""

    def __init__(self) -> None:
        self.gates = {name: asyncio.Event() for name in NAMES}

    async def timeslots(
        self, facility: Facility, day: dt.date, filters: SearchFilters, asking: Asking
    ) -> Answer[tuple[Timeslot, ...]]:
        """Wait, and answer."""
        await self.gates[facility.id].wait()
        start, end = CivilTime("20260120100000"), CivilTime("20260120102000")
        return Answer((a_timeslot(start=start, end=end),), SourceStatus.FROM_SOURCE, NOW)


class Day:
    """A day that is asked of nine facilities at once."""

    def __init__(self) -> None:
        self.sources, self._clock, self._rebooking_id = GatedSources(), FixedClock(NOW), uuid.uuid4().hex
        self._events = MemoryEventLog(self._clock)

    async def ask(self) -> None:
        """Ask them all, and tell the end."""
        first = NewEntry(key="choice:1", public=b"{}", expected_choice=0, rebase=("timeslots",))
        await self._events.open(self._rebooking_id, Head("owner", "index", b"-"), [first])
        identity, sealer = an_identity(), Sealer((Fernet.generate_key().decode(),), "k" * 32)
        command = a_look_up(
            LookUpTimeslots,
            self._rebooking_id,
            sealer.seal_identity(identity),
            date=dt.date(2026, 1, 20),
            booking_facility=NAMES[0],
            facilities=tuple(NAMES),
            filters=SearchFilters(booking_id="B-1"),
            current=CurrentTime(facility=NAMES[0]),
        )
        day = DayOfTimeslots(
            command.date,
            command,
            command.current,
            Telling(self._events, self._clock, command, (SectionName.TIMESLOTS,)),
            Asking(identity, command.deadline),
            sources=self.sources,
            sealer=sealer,
            clock=self._clock,
        )
        await ask_all(day, [(CONFIGURATION.facilities[name], command.filters) for name in NAMES])

    async def told(self) -> list[tuple[str, int]]:
        """The events so far: their names, and how many timeslots each tells."""
        view = await self._events.read(self._rebooking_id, after=1)
        frames = [json.loads(entry.public) for entry in view.entries] if view else []
        return [(frame["name"], len(frame["data"]["value"]["data"]["timeslots"])) for frame in frames]

    async def until(self, *events: tuple[str, int]) -> None:
        """Wait until the last event is this."""
        async with asyncio.timeout(10):
            while (await self.told())[-len(events) :] != list(events):  # noqa: ASYNC110 -- a log has no other sign
                await asyncio.sleep(0.001)


async def test_those_who_answer_together_are_told_together() -> None:
    """The first at once, the seven beside it a moment later as one, the last with the end."""
    day = Day()
    asking = asyncio.create_task(day.ask())
    for name in NAMES[:-1]:
        day.sources.gates[name].set()
    await day.until(("timeslots.partial", 8))
    assert len(await day.told()) <= 3
    day.sources.gates[NAMES[-1]].set()
    await asking
    assert (await day.told())[-1] == ("timeslots.ready", 9)


async def test_when_all_have_answered_the_end_waits_for_nothing() -> None:
    """A part that was still to be told is told with it, once."""
    day = Day()
    asking = asyncio.create_task(day.ask())
    day.sources.gates[NAMES[0]].set()
    await day.until(("timeslots.partial", 1))
    for name in NAMES[1:]:
        day.sources.gates[name].set()
    await asking
    assert [name for name, _ in await day.told()].count("timeslots.ready") == 1
    assert (await day.told())[-1] == ("timeslots.ready", 9)
