"""The control over HTTP: mishaps, clock, reset, patients, calls and the journal."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest

from services.simulator.app import serve
from tests.builders.simulator import (
    HOME,
    NOW,
    OTHER,
    SUBJECTS,
    SimulatorUnderTest,
    a_body,
    a_booking,
    a_search,
    a_simulator,
    a_simulator_configuration,
    an_update_body,
)


async def rebook(simulator: SimulatorUnderTest, facility: str = HOME) -> None:
    """Move the ordinary booking to the first free timeslot of a facility."""
    booking = a_booking(simulator.world)
    timeslot = simulator.world.timeslots(a_search(simulator.world, booking, facility), NOW)[0]
    system = "north" if facility == HOME else "south"
    await simulator.send(an_update_body(booking, timeslot, phone="070"), facility=facility, system=system)


async def test_a_mishap_can_be_put_read_listed_and_taken_down() -> None:
    """PUT, GET and DELETE of one pair, and the list of all."""
    async with a_simulator() as simulator:
        path = f"/_sim/mishaps/{HOME}/UpdateBooking"
        await simulator.put_mishap("UpdateBooking", kind="info", text="Kom fastande.", times=2)
        async with simulator.client.get(path) as response:
            assert await response.json() == {"kind": "info", "text": "Kom fastande.", "times": 2}
        async with simulator.client.get("/_sim/mishaps") as response:
            assert [one["facility"] for one in (await response.json())["mishaps"]] == [HOME]
        async with simulator.client.delete(path) as response:
            assert response.status == 204
        async with simulator.client.get(path) as response:
            assert response.status == 404


@pytest.mark.parametrize(
    ("path", "content", "status", "field"),
    [
        (f"/_sim/mishaps/{HOME}/UpdateBooking", '{"kind": "slow", "median": -1}', 422, "slow.median"),
        (f"/_sim/mishaps/{HOME}/UpdateBooking", "{", 400, "body"),
        (f"/_sim/mishaps/{HOME}/MakeTea", '{"kind": "down"}', 404, "contract"),
        ("/_sim/mishaps/SE0-NOWHERE/UpdateBooking", '{"kind": "down"}', 404, "facility"),
    ],
)
async def test_a_faulty_request_says_what_is_wrong(path: str, content: str, status: int, field: str) -> None:
    """Each fault is told with its field, and nothing is put up."""
    async with a_simulator() as simulator:
        async with simulator.client.put(path, data=content) as response:
            assert response.status == status
            assert (await response.json())["errors"][0]["field"] == field
        assert simulator.systems.mishaps.all() == []


async def test_mishaps_of_the_file_are_up_from_the_start_and_after_a_reset() -> None:
    """`simulator.mishaps` holds until it is taken down, and a reset puts it up again."""
    configuration = a_simulator_configuration(mishaps=[{"facility": HOME, "kind": "down"}])
    async with a_simulator(configuration) as simulator:
        async with simulator.client.delete("/_sim/mishaps/*/*"):
            assert simulator.systems.mishaps.all() == []
        async with simulator.client.post("/_sim/reset"):
            assert [one["kind"] for one in simulator.systems.mishaps.all()] == ["down"]


async def test_a_reset_makes_the_world_anew() -> None:
    """After a reset the booking has its first time again, and journal and calls are empty."""
    async with a_simulator() as simulator:
        before = a_booking(simulator.world)
        await rebook(simulator)
        async with simulator.client.post("/_sim/reset"):
            pass
        assert a_booking(simulator.world) == before
        assert (await simulator.journal(), await simulator.calls()) == ([], [])


async def test_the_clock_can_be_set_and_let_go() -> None:
    """POST clock sets the civil time, which stands still; null goes back."""
    async with a_simulator() as simulator:
        async with simulator.client.post("/_sim/clock", json={"now": "2026-07-01T09:30:00"}) as response:
            assert await response.json() == {"now": "2026-07-01T09:30:00", "ticking": False}
        assert simulator.systems.clock.now().isoformat() == "2026-07-01T09:30:00"
        async with simulator.client.post("/_sim/clock", json={"now": None}):
            assert simulator.systems.clock.now() == NOW
        async with simulator.client.post("/_sim/clock", json={"now": "yesterday"}) as response:
            assert response.status == 422


async def test_the_patients_are_told_with_their_bookings() -> None:
    """Ten demo patients, each with at least one booking, and where it is now."""
    async with a_simulator() as simulator:
        async with simulator.client.get("/_sim/patients") as response:
            patients = (await response.json())["patients"]
        assert [patient["subject"] for patient in patients] == list(SUBJECTS)
        assert all(patient["bookings"] for patient in patients)
        stories = {booking["story"] for patient in patients for booking in patient["bookings"]}
        assert {
            "ordinary",
            "open-invitation",
            "passed",
            "not-rebookable",
            "docbook-invitation",
            "long-reason",
        } <= stories


async def test_calls_can_be_filtered() -> None:
    """By contract, by facility whatever its case, and after a number."""
    async with a_simulator() as simulator:
        booking = a_booking(simulator.world)
        for name in ("GetBookingDetails", "GetSubjectOfCareSchedule"):
            last = ("bookingId", booking.id) if name == "GetBookingDetails" else ("subject_of_care", booking.subject)
            await simulator.send(a_body(name, ("healthcare_facility", HOME), last))
        assert len(await simulator.calls()) == 2
        assert [call["n"] for call in await simulator.calls("?contract=GetSubjectOfCareSchedule")] == [2]
        assert len(await simulator.calls(f"?facility={HOME.lower()}&after=1")) == 1
        assert await simulator.calls(f"?facility={OTHER}") == []


async def test_a_call_is_recorded_as_it_came() -> None:
    """Producer, contract, address, headers of interest, and the request's own text."""
    async with a_simulator() as simulator:
        body = a_body("GetBookingDetails", ("healthcare_facility", HOME), ("bookingId", "å"))
        await simulator.send(body)
        call = (await simulator.calls())[0]
        assert (call["producer"], call["contract"], call["logical_address"], call["facility"]) == (
            "north",
            "GetBookingDetails",
            HOME,
            HOME,
        )
        assert call["headers"]["SOAPAction"].endswith(':GetBookingDetails"')
        assert ">å</" in call["request"]


async def test_only_the_latest_calls_are_kept() -> None:
    """The record is bounded; numbers go on."""
    async with a_simulator(calls_kept=2) as simulator:
        for number in range(3):
            await simulator.send(a_body("GetBookingDetails", ("healthcare_facility", HOME), ("bookingId", str(number))))
        assert [call["n"] for call in await simulator.calls()] == [2, 3]


async def test_the_journal_tells_the_change() -> None:
    """One line for a move to another facility: from, to, identities, times, subject and delivery."""
    configuration = a_simulator_configuration({OTHER: {"booking_id": "new"}})
    async with a_simulator(configuration) as simulator:
        booking = a_booking(simulator.world)
        await rebook(simulator, OTHER)
        (line,) = await simulator.journal()
        entry = json.loads(line)
        after = simulator.world.bookings(booking.subject)[0]
        assert booking.start
        assert after.start
        assert {key: entry[key] for key in entry if key not in ("at", "new_end", "old_end", "resource_id")} == {
            "n": 1,
            "world": NOW.isoformat(),
            "facility_from": HOME,
            "facility_to": OTHER,
            "booking_id": booking.id,
            "new_booking_id": after.id,
            "old_start": booking.start.strftime("%Y%m%d%H%M%S"),
            "new_start": after.start.strftime("%Y%m%d%H%M%S"),
            "subject": booking.subject,
            "reason": booking.reason,
            "phone": "070",
            "call": 1,
            "delivery": 1,
            "late": False,
        }


async def test_the_journal_is_read_from_a_number_on() -> None:
    """`after` gives only what came later."""
    async with a_simulator() as simulator:
        await rebook(simulator)
        assert len(await simulator.journal(after=0)) == 1
        assert await simulator.journal(after=1) == []


async def test_the_journal_is_in_the_file_too(tmp_path: Path) -> None:
    """The file has the same lines, and is empty again after a reset."""
    path = tmp_path / "journal.jsonl"
    async with a_simulator(journal_path=path) as simulator:
        await rebook(simulator)
        assert path.read_text(encoding="utf-8").splitlines() == await simulator.journal()
        async with simulator.client.post("/_sim/reset"):
            assert path.read_text(encoding="utf-8") == ""


async def test_serving_takes_a_free_port_and_ends_when_told() -> None:
    """`serve` listens where it is told, for a process that holds more than the simulator."""
    runner = await serve(a_simulator_configuration(), "127.0.0.1", 0)
    try:
        host, port = runner.addresses[0][:2]
        async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/healthz") as response:
            assert response.status == 200
    finally:
        await runner.cleanup()


async def test_healthz_answers() -> None:
    """A container's health check gets 200."""
    async with a_simulator() as simulator, simulator.client.get("/healthz") as response:
        assert response.status == 200
