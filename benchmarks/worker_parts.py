"""The CPU of the availability process for a look-up, beside the sum of its parts, each measured alone."""

from __future__ import annotations

import asyncio
import datetime as dt
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks import scene
from benchmarks.clients import patients
from benchmarks.load import closed
from benchmarks.machine import Machine, cpu_seconds
from benchmarks.results import Result, Size
from services.availability.cache import Place
from services.availability.cache_redis import RedisCache
from services.availability.sources import Answer, Asking, Sources
from services.availability.telling import Telling
from services.availability.timeslots import DayOfTimeslots
from shared.clock import SystemClock
from shared.configuration import Configuration, Facility, load_configuration
from shared.contracts.commands import CurrentTime, LookUpTimeslots
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Identity, SearchFilters, SourceStatus, Timeslot
from shared.contracts.rules import DateWindow
from shared.contracts.sections import SectionName
from shared.messaging.celery_app import make_celery
from shared.messaging.event_log import Appended, AppendOutcome, Head, NewEntry
from shared.messaging.event_log_redis import RedisEventLog
from shared.scheduling.client import SchedulingClient
from shared.scheduling.port import CallContext
from shared.sealing import Sealer

CLIENTS = 8
GOAL = 1.2


async def worker_parts(machine: Machine, size: Size, say: Callable[[str], None]) -> Result:
    """Whole and parts in turn, so that a noisy moment meets both."""
    result = Result()
    await machine.set(delay=0.0, slots=20)
    whole: list[float] = []
    parts: dict[str, list[float]] = {}
    count = CLIENTS * size.repeats
    async with machine.system() as system, patients(machine, system, count, first=80_000) as everybody:
        worker = system.role("availability").pid
        alone = _Alone(machine)
        await closed(everybody, size.seconds / 3)
        for repeat in range(size.repeats):
            say(f"repeat {repeat + 1}")
            # Others each time, because a rebooking takes no more than 300 commands.
            clients = everybody[CLIENTS * repeat : CLIENTS * (repeat + 1)]
            load = await closed(clients, size.seconds, lambda: cpu_seconds([worker]))
            whole.append(load.cpu_each * 1000)
            for name, milliseconds in (await alone.measure(size.in_block * 10)).items():
                parts.setdefault(name, []).append(milliseconds)
        await alone.close()
    sums = [sum(some) for some in zip(*parts.values(), strict=True)]
    ratios = [a / b for a, b in zip(whole, sums, strict=True)]
    result.raw.update({"whole_ms": whole, "parts_ms": {name: statistics.median(some) for name, some in parts.items()}})
    told = ", ".join(f"{name} {statistics.median(some):.2f}" for name, some in parts.items())
    result.add(
        "Worker CPU for a look-up of 20 timeslots against the sum of its parts",
        f"≤ {GOAL}×",
        f"{statistics.median(whole):.1f} ms against {statistics.median(sums):.1f} ms ({told}): "
        f"{statistics.median(ratios):.2f}× ({min(ratios):.2f} to {max(ratios):.2f})",
        statistics.median(ratios) <= GOAL,
    )
    return result


class _Nowhere(RedisEventLog):
    """An event log that takes everything and keeps nothing."""

    async def append(self, rebooking_id: str, entries: object, *, ttl: float = 0) -> AppendOutcome:
        """Say that it is written."""
        return Appended(1, 1)


class _Given(Sources):
    """Sources that have the answer at hand."""

    def __init__(self, timeslots: tuple[Timeslot, ...]) -> None:
        self._given = Answer(timeslots, SourceStatus.FROM_SOURCE, dt.datetime.now(dt.UTC))

    async def timeslots(
        self, facility: Facility, day: dt.date, filters: SearchFilters, asking: Asking
    ) -> Answer[tuple[Timeslot, ...]]:
        """The answer."""
        return self._given


class _Alone:
    """The parts of a look-up, each by itself in this process."""

    def __init__(self, machine: Machine) -> None:
        self._configuration: Configuration = load_configuration(Path(machine.configured()))
        self._systems = SchedulingClient(self._configuration)
        self._cache = RedisCache(machine.cache.url)
        self._events = RedisEventLog(machine.events.url)
        self._sealer = Sealer((machine.keys["data_keys"],), machine.keys["hmac_key"])
        self._app = make_celery("bench", machine.broker.url)
        self._day = dt.date.today() + dt.timedelta(days=5)
        self._clock = SystemClock()

    async def close(self) -> None:
        """Give the connections up."""
        await self._systems.close()
        await self._cache.close()
        await self._events.close()

    async def measure(self, times: int) -> dict[str, float]:
        """The CPU milliseconds of each part."""
        subject = SubjectOfCareId(scene.subject(1))
        identity = Identity(subject=subject, actor=Actor(id=subject, type=ActorType.SUBJECT_OF_CARE))
        command = self._command(identity)
        context = CallContext(identity.actor, timeout=10)
        window = DateWindow.of_day(self._day)
        facility = self._configuration.facilities[scene.facility(1)]

        async def call() -> tuple[Timeslot, ...]:
            return await self._systems.get_available_timeslots(facility.id, subject, window, command.filters, context)

        found = await call()
        place = Place(f"bench {uuid.uuid4().hex}", "bench", 0.001)
        sealed = self._sealer.seal(b"x" * 12_000)

        async def cache() -> None:
            await self._cache.lead(place, "bench", seconds=2)
            await self._cache.keep(place, 0, "bench", sealed)

        nowhere = _Nowhere("redis://127.0.0.1:1/0")
        asking = Asking(identity, time.time() + 10)

        async def telling() -> None:
            told = Telling(nowhere, self._clock, command, (SectionName.TIMESLOTS,))
            day = DayOfTimeslots(
                self._day,
                command,
                command.current,
                told,
                asking,
                sources=_Given(found),
                sealer=self._sealer,
                clock=self._clock,
            )
            await day.ask(facility, command.filters)
            await day.end()

        rebooking_id = uuid.uuid4().hex
        first = NewEntry(key="choice:1", public=b"{}", expected_choice=0, rebase=("timeslots",))
        await self._events.open(rebooking_id, Head("owner", rebooking_id, b"-"), [first])

        async def append() -> None:
            entry = NewEntry(str(uuid.uuid4()), b"x" * 8_000, b"y" * 8_000, section="timeslots", basis=1)
            await self._events.append(rebooking_id, [entry])

        async def seal() -> None:
            self._sealer.open_identity(command.sealed)
            self._sealer.seal(b"x" * 9_000)

        measured = {
            "message": await asyncio.to_thread(self._receive, command, times),
            "SOAP": await _cpu(call, times),
            "sealing for the cache": await _cpu(seal, times),
            "cache": await _cpu(cache, times),
            "telling": await _cpu(telling, times),
            "event log": await _cpu(append, times),
        }
        await nowhere.close()
        return measured

    def _receive(self, command: LookUpTimeslots, times: int) -> float:
        """Take messages that wait already, as plain kombu does, and check each."""
        name, content = f"bench.{uuid.uuid4().hex}", command.model_dump(mode="json")
        with self._app.connection_for_write() as connection, connection.SimpleQueue(name) as queue:
            for _ in range(times):
                queue.put({"message": content})
            used = time.thread_time()
            for _ in range(times):
                message = queue.get(timeout=10)
                LookUpTimeslots.model_validate(message.payload["message"])
                message.ack()
            used = time.thread_time() - used
            # A queue that is deleted under its consumer is an error to whoever uses the connection next.
            queue.close()
            connection.default_channel.queue_delete(name)
        return used / times * 1000

    def _command(self, identity: Identity) -> LookUpTimeslots:
        return LookUpTimeslots(
            rebooking_id=uuid.uuid4().hex,
            command_id=str(uuid.uuid4()),
            basis=1,
            deadline=time.time() + 60,
            today=dt.date.today(),
            language="sv",
            sealed=self._sealer.seal_identity(identity),
            date=self._day,
            booking_facility=scene.facility(1),
            facilities=(scene.facility(1),),
            filters=SearchFilters(booking_id="B-1"),
            current=CurrentTime(facility=scene.facility(1)),
        )


async def _cpu(part: Callable[[], Awaitable[object]], times: int) -> float:
    await part()
    used = time.thread_time()
    for _ in range(times):
        await part()
    return (time.thread_time() - used) / times * 1000
