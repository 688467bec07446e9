"""Large answers: what is done for each of very many timeslots is done beside the event loop, so nobody is stalled."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from cryptography.fernet import Fernet

from services.availability.large import LARGE
from shared.clock import FixedClock
from shared.contracts.civil_time import CivilTime
from shared.contracts.commands import CurrentTime, LookUpTimeslots
from shared.contracts.model import SearchFilters, Timeslot
from shared.messaging.event_log_memory import MemoryEventLog
from shared.scheduling.fake import FakeBookingSystems
from shared.sealing import Sealer
from tests.builders.availability import NOW, a_look_up, a_rebooking, an_availability, an_identity, eken
from tests.builders.scheduling import FACILITY, a_timeslot

DAY = dt.date(2026, 1, 20)


class WatchedSealer(Sealer):
    """A sealer that knows on which threads it was used: for each timeslot's id, what is kept and what is sealed."""

    def __init__(self) -> None:
        super().__init__((Fernet.generate_key().decode(),), "k" * 32)
        self.threads: set[int] = set()

    def digest(self, *parts: str) -> str:
        """A digest; the ids of timeslots are noted."""
        if parts[0] == "timeslot":
            self.threads.add(threading.get_ident())
        return super().digest(*parts)

    def seal(self, clear: bytes) -> bytes:
        """Seal."""
        self.threads.add(threading.get_ident())
        return super().seal(clear)

    def open(self, sealed: bytes | str) -> bytes:
        """Open; the identity, which comes as text, is small."""
        if isinstance(sealed, bytes):
            self.threads.add(threading.get_ident())
        return super().open(sealed)


def timeslots(count: int) -> list[Timeslot]:
    """So many different timeslots of the day."""
    start, end = CivilTime("20260120100000"), CivilTime("20260120102000")
    return [a_timeslot(start=start, end=end, resource_id=f"R{number}") for number in range(count)]


@pytest.mark.parametrize(("count", "on_the_loop"), [(LARGE, True), (2_000, False)])
async def test_only_a_small_answer_is_worked_on_by_the_loop(count: int, on_the_loop: bool) -> None:
    """Twice, so that the second time it comes from the cache; every timeslot is told both times."""
    clock, sealer, systems = FixedClock(NOW), WatchedSealer(), FakeBookingSystems()
    systems.free[FACILITY] = timeslots(count)
    events = MemoryEventLog(clock)
    rebooking_id = await a_rebooking(events, "timeslots")
    availability = an_availability(eken(), systems, events, sealer, clock)
    sealed = sealer.seal_identity(an_identity())
    sealer.threads.clear()
    for number in range(2):
        await availability.handle(
            a_look_up(
                LookUpTimeslots,
                rebooking_id,
                sealed,
                command_id=f"c{number}",
                date=DAY,
                booking_facility=FACILITY,
                facilities=(FACILITY,),
                filters=SearchFilters(booking_id="B-1"),
                current=CurrentTime(facility=FACILITY),
            )
        )
    view = await events.read(rebooking_id)
    assert view is not None
    told = [entry.public.count(b'"timeslot_id"') for entry in view.entries]
    assert told == [0, count, count]
    assert len(systems.calls) == 1
    assert (threading.get_ident() in sealer.threads) == on_the_loop
    assert sealer.threads
