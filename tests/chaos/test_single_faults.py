"""One fault at a time, each with its time limit: a worker, the broker, the event log, a gateway.

The system runs as real processes with short durations (settling 12 s); the clocks are the ledger's and the client's.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import psycopg
import pytest
import pytest_asyncio
from kombu import Connection

from tests.chaos.patient import Patient
from tests.chaos.run import people
from tests.chaos.system import SHORT, Backing, Process, System, running

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

LEASE_SECONDS = 10.0
TICKS_SECONDS = 4.0
"""The dispatcher looks each second: for the dead lease, for each of the two looks, and for sending once more."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """Everything, without faults of its own."""
    folder = tmp_path_factory.mktemp("single")
    async with running(folder, times=SHORT, chance=random.Random(1), patients=300, spoiled=False) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(system: System) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Patients who haven't begun yet."""
    return iter(await people(system))


@asynccontextmanager
async def prepared(system: System, everybody: Any, count: int = 1) -> AsyncIterator[list[Patient]]:
    """Patients who have only the confirmation left."""
    async with aiohttp.ClientSession() as session:
        some = []
        for _ in range(count):
            person, booking = next(everybody)
            some.append(Patient(session, system.gateways, system.auth_key, person, booking, random.Random(count)))
        try:
            async with asyncio.timeout(120):
                await asyncio.gather(*(one.prepare() for one in some))
            yield some
        finally:
            for one in some:
                await one.leave()


def row(system: System, patient: Patient) -> dict[str, Any]:
    """The patient's row of the ledger."""
    names = ("state", "lease_owner", "lease_until", "settle_until", "attempt")
    with psycopg.connect(system.database_url.replace("+psycopg", "")) as connection:
        found = connection.execute(
            f"SELECT {', '.join(names)} FROM rebooking_row WHERE rebooking_id = %s", [patient.record.rebooking_id]
        ).fetchone()
    assert found is not None
    return dict(zip(names, found, strict=True))


async def journal_of(system: System, patient: Patient) -> list[dict[str, Any]]:
    """What really happened to the patient's booking."""
    lines = (await system.simulator("GET", "/journal")).splitlines()
    return [one for one in map(json.loads, lines) if one["subject"] == patient.record.subject]


async def told_what_happened(system: System, patient: Patient) -> bool:
    """Whether a patient was told once, and truly; another patient of the same test may have taken the timeslot."""
    changes = len(await journal_of(system, patient))
    return (patient.record.ends, changes) in ((["confirmed"], 1), (["rejected"], 0))


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what another process does, 20 s at most."""
    async with asyncio.timeout(20):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)  # another process can't be awaited otherwise


async def updates(system: System) -> int:
    """How many UpdateBookings the booking systems have had."""
    return len(json.loads(await system.simulator("GET", "/calls?contract=UpdateBooking"))["calls"])


async def killed_in_the_middle(system: System, patient: Patient, *, applied: bool) -> float:
    """Kill the worker whose UpdateBooking is under way; gives when its lease ends (the ledger's clock)."""
    before = await updates(system)
    await system.simulator("PUT", "/mishaps/*/UpdateBooking", {"kind": "hang", "applied": applied, "times": 1})
    await patient.confirm()

    async def has_come() -> bool:
        return await updates(system) > before

    await until(has_come)
    owner = row(system, patient)["lease_owner"]
    workers: list[Process] = system.victims["booking"]
    (worker,) = [one for one in workers if owner.endswith(f"-{one.pid}")]
    await worker.kill()
    ends = float(row(system, patient)["lease_until"])
    await worker.again()
    return ends


async def test_a_worker_killed_in_an_update_that_was_applied(system: System, everybody: Any) -> None:
    """The booking system shows the new time: the truth is told within 5 s of the lease's end, and sent was once."""
    async with prepared(system, everybody) as (patient,):
        lease_ends = await killed_in_the_middle(system, patient, applied=True)
        async with asyncio.timeout(60):
            await patient.until_ended()
        assert patient.record.ends == ["confirmed"]
        assert patient.record.told[-1][0] <= lease_ends + 5.0
        assert row(system, patient)["attempt"] == 1
        assert len(await journal_of(system, patient)) == 1


async def test_a_worker_killed_in_an_update_that_never_was_applied(system: System, everybody: Any) -> None:
    """Settled, looked at twice ten seconds apart, sent once more: told within the settling time and 10 s, and ticks."""
    async with prepared(system, everybody) as (patient,):
        lease_ends = await killed_in_the_middle(system, patient, applied=False)
        async with asyncio.timeout(120):
            await patient.until_ended()
        assert patient.record.ends == ["confirmed"]
        assert patient.record.told[-1][0] <= lease_ends + SHORT.settle + 10.0 + TICKS_SECONDS
        assert row(system, patient)["attempt"] == 2
        assert len(await journal_of(system, patient)) == 1


async def test_without_the_broker_accepting_goes_on_and_nothing_is_lost(system: System, everybody: Any) -> None:
    """The broker killed and not started again: confirmations are accepted, and end, while it is away."""
    (broker,) = system.victims["broker"]
    async with prepared(system, everybody, 5) as patients:
        await broker.kill()
        try:
            began = time.monotonic()
            async with asyncio.timeout(30):
                await asyncio.gather(*(one.confirm() for one in patients))
                took = time.monotonic() - began
                await asyncio.gather(*(one.until_ended() for one in patients))
        finally:
            await broker.again()
        for patient in patients:
            assert await told_what_happened(system, patient), patient.record.ends
        assert took < 8.0, "a dead broker holds an answer up for three seconds at most, each gateway its own"


@asynccontextmanager
async def blocked(broker: Backing) -> AsyncIterator[None]:
    """The broker says that its memory is full, and takes no message from anybody."""
    await broker.run("rabbitmqctl", "set_vm_memory_high_watermark", "0")
    try:
        yield
    finally:
        await broker.run("rabbitmqctl", "set_vm_memory_high_watermark", "0.6")


def takes_messages(broker_url: str) -> bool:
    """Whether the broker confirms messages within a second each; even a blocked one takes a connection's first."""
    options = {"confirm_publish": True, "read_timeout": 1}
    connection = Connection(broker_url, transport_options=options)
    try:
        producer = connection.Producer()
        for _ in range(3):
            producer.publish("", routing_key="nobody")
        return True
    except OSError:
        return False
    finally:
        connection.collect(socket_timeout=0.1)  # closing politely waits for a broker that doesn't listen


async def test_a_blocked_broker_keeps_nobody_from_being_accepted(system: System, everybody: Any) -> None:
    """Connected, and silent: confirmations are accepted and end while it takes no message, and nothing is lost."""
    broker = system.victims["broker"][0]
    assert isinstance(broker, Backing)
    async with prepared(system, everybody, 10) as patients:
        async with blocked(broker):
            assert not await asyncio.to_thread(takes_messages, broker.url)
            began = time.monotonic()
            async with asyncio.timeout(30):
                await asyncio.gather(*(one.confirm() for one in patients))
                took = time.monotonic() - began
                await asyncio.gather(*(one.until_ended() for one in patients))
        assert await asyncio.to_thread(takes_messages, broker.url)
        for patient in patients:
            assert await told_what_happened(system, patient), patient.record.ends
        assert took < 8.0, "a silent broker holds an answer up for three seconds at most, each gateway its own"


async def test_without_the_event_log_the_accepted_end_and_the_new_are_refused_at_once(
    system: System, everybody: Any
) -> None:
    """Accepted ones end and their outcome is readable while Redis is away; new ones get 503 within a second."""
    (events,) = system.victims["events"]

    async def ended() -> bool:
        return bool(row(system, accepted)["state"] == "confirmed")

    async with prepared(system, everybody, 2) as (accepted, new):
        await system.simulator(
            "PUT", "/mishaps/*/UpdateBooking", {"kind": "slow", "median": 2.5, "p99": 2.6, "times": 1}
        )
        await accepted.confirm()
        await events.kill()
        try:
            refused, took = await new.try_once("confirm")
            assert (refused, took < 1.0) == (503, True), took
            refused, took = await new.try_to_begin()
            assert (refused, took < 1.0) == (503, True), took
            await until(ended)
            await accepted.ask_again()
            assert accepted.record.says == "confirmed"
        finally:
            await events.again()
        async with asyncio.timeout(60):
            await accepted.until_ended()
            await new.confirm()
            await new.until_ended()
        for patient in (accepted, new):
            assert await told_what_happened(system, patient), patient.record.ends
            assert (patient.record.missed, patient.record.repeated) == (0, 0)


async def test_whoever_followed_at_a_killed_gateway_resumes_at_another(system: System, everybody: Any) -> None:
    """Thirty clients: each is back within 3 s, and has missed no event and had none twice."""
    gateway: Process = system.victims["gateway"][0]
    async with prepared(system, everybody, 30) as patients:
        await gateway.kill()
        async with asyncio.timeout(120):
            await asyncio.gather(*(one.confirm() for one in patients))
            await asyncio.gather(*(one.until_ended() for one in patients))
        outages = [outage for one in patients for outage in one.record.outages]
        assert outages, "nobody followed there"
        assert max(outages) <= 3.0
        assert {(one.record.missed, one.record.repeated, one.record.resynced) for one in patients} == {(0, 0, 0)}
        assert {tuple(one.record.ends) for one in patients} <= {("confirmed",), ("rejected",)}
        await gateway.again()
