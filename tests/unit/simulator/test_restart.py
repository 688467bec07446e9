"""A simulator that is started again: what it has confirmed it still knows, whatever ended it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from services.simulator.booking_systems import LONGEST_KEPT, BookingSystems
from services.simulator.world import Booking, World
from shared.configuration import ConfigurationError
from tests.builders.simulator import (
    HOME,
    NOW,
    OTHER,
    SUBJECTS,
    SimulatorUnderTest,
    a_booking,
    a_search,
    a_simulator,
    a_simulator_configuration,
    an_update_body,
)

NEW_IDS = a_simulator_configuration({HOME: {"booking_id": "new"}, OTHER: {"booking_id": "new"}})


def all_bookings(world: World) -> list[Booking]:
    """Every booking of the demo's patients."""
    return [booking for subject in SUBJECTS for booking in world.bookings(subject)]


async def move(simulator: SimulatorUnderTest, story: str, facility: str) -> None:
    """Move a story's booking to the first free timeslot of a facility."""
    booking = a_booking(simulator.world, story)
    timeslot = simulator.world.timeslots(a_search(simulator.world, booking, facility), NOW)[0]
    system = "north" if facility == HOME else "south"
    await simulator.send(
        an_update_body(booking, timeslot, phone="070-1", reason="Kö & köld"), facility=facility, system=system
    )


def restarted(path: Path, now: dt.datetime = NOW) -> BookingSystems:
    """What a new process makes of the journal's file."""
    return BookingSystems(NEW_IDS, clock=lambda: now, journal_path=path)


async def test_what_was_moved_is_where_it_was_moved_to(tmp_path: Path) -> None:
    """Bookings, their ids and who has which timeslot; a new id is one that nobody has had, and the journal goes on."""
    path = tmp_path / "journal"
    async with a_simulator(NEW_IDS, journal_path=path) as simulator:
        await move(simulator, "ordinary", OTHER)
        await move(simulator, "docbook-invitation", HOME)
        before, journal = all_bookings(simulator.world), simulator.systems.journal.lines()
        assert len(simulator.systems.journal.entries) == 2
        # Its process is killed: nothing is closed.
        again = restarted(path, NOW + dt.timedelta(minutes=1))
        assert all_bookings(again.world) == before
        assert again.journal.lines() == journal
        facility = again.world.facility(HOME)
        assert facility is not None
        assert again.world.new_booking_id(facility) == simulator.world.new_booking_id(facility)
        again.journal.close()
    async with a_simulator(NEW_IDS, journal_path=path) as simulator:
        await move(simulator, "docbook-invitation", HOME)
        assert [entry["n"] for entry in simulator.systems.journal.entries] == [1, 2, 3]
    assert len(path.read_text(encoding="utf-8").splitlines()) == 3


async def test_a_change_that_was_half_written_was_told_to_nobody(tmp_path: Path) -> None:
    """The kill came in the middle of a line: that change isn't there, the ones before it are."""
    path = tmp_path / "journal"
    async with a_simulator(NEW_IDS, journal_path=path) as simulator:
        await move(simulator, "ordinary", OTHER)
        before, whole = all_bookings(simulator.world), path.read_bytes()
        await move(simulator, "docbook-invitation", HOME)
    path.write_bytes(path.read_bytes()[:-1])
    again = restarted(path)
    assert all_bookings(again.world) == before
    assert path.read_bytes() == whole
    again.journal.close()


async def test_a_world_of_yesterday_begins_anew(tmp_path: Path) -> None:
    """Else the demo's bookings would be past one day; the journal begins anew with it."""
    path = tmp_path / "journal"
    async with a_simulator(NEW_IDS, journal_path=path) as simulator:
        await move(simulator, "ordinary", OTHER)
    kept = restarted(path, NOW + LONGEST_KEPT - dt.timedelta(seconds=1))
    assert a_booking(kept.world, facility=OTHER)
    kept.journal.close()
    anew = restarted(path, NOW + LONGEST_KEPT)
    assert a_booking(anew.world, facility=HOME)
    assert path.read_bytes() == b""
    anew.journal.close()


async def test_a_journal_of_another_configuration_begins_anew(tmp_path: Path) -> None:
    """Its facilities are others: there is nothing that its changes could be of."""
    path = tmp_path / "journal"
    async with a_simulator(NEW_IDS, journal_path=path) as simulator:
        await move(simulator, "ordinary", OTHER)
    path.write_text(path.read_text(encoding="utf-8").replace(OTHER, "SE2321000016-9ZZZ"), encoding="utf-8")
    anew = restarted(path)
    assert a_booking(anew.world, facility=HOME)
    assert anew.journal.entries == []
    anew.journal.close()


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    """Whoever named it is told so."""
    path = tmp_path / "notes.txt"
    path.write_text("mjölk\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="is no journal"):
        restarted(path)
    assert path.read_text(encoding="utf-8") == "mjölk\n"
