"""A thousand equal look-ups at once over four processes: one call; and two when the one that calls is killed."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from yarl import URL

from benchmarks import scene
from benchmarks.machine import Machine, System
from benchmarks.results import Result, Size
from shared.contracts.commands import CurrentTime, LookUpTimeslots
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Identity, SearchFilters
from shared.messaging.celery_app import make_celery
from shared.messaging.event_log import Head, LogUnavailable, NewEntry
from shared.messaging.event_log_redis import RedisEventLog
from shared.messaging.publisher_kombu import KombuPublisher
from shared.sealing import Sealer

WORKERS = 4
KEPT = {"contracts": 300, "facilities": 60, "performers": 60, "days": 60, "timeslots": 60}
PATIENCE = 60.0
QUIET_SECONDS = 3.0


async def one_call(machine: Machine, size: Size, say: Callable[[str], None]) -> Result:
    """Publish them and count what the booking system is asked."""
    result = Result()
    async with machine.system(workers=WORKERS, cache=KEPT) as system:
        crowd = _Crowd(machine, system)
        try:
            calls, took = [], []
            for repeat in range(size.repeats):
                say(f"repeat {repeat + 1}")
                await machine.set(delay=0.05, slots=20)
                answered, seconds = await crowd.ask(size.equal)
                if answered != size.equal:
                    raise RuntimeError(f"{answered} of {size.equal} look-ups were answered")
                calls.append((await machine.counts())["GetAvailableTimeslots"])
                took.append(seconds)
            say("with the holder killed")
            await machine.set(delay=3.0, slots=20)
            answered, seconds = await crowd.ask(size.equal, kill=True)
            killed_calls = (await machine.counts())["GetAvailableTimeslots"]
        finally:
            await crowd.close()
    result.raw.update({"calls": calls, "seconds": took, "holder killed": {"calls": killed_calls, "answered": answered}})
    result.add(
        f"{size.equal:,} equal look-ups at once over {WORKERS} worker processes",
        "1 SOAP call",
        f"{max(calls)} call{'s' if max(calls) > 1 else ''} in each of {len(calls)} repeats; all answered "
        f"within {max(took):.1f} s",
        max(calls) == 1,
    )
    result.add(
        "The same with the holder killed",
        "2 SOAP calls",
        f"{killed_calls} calls; {answered} answered, those of the three processes that lived",
        killed_calls == 2,
    )
    return result


class _Crowd:
    """Publishes equal look-ups of one patient, and counts their events."""

    def __init__(self, machine: Machine, system: System) -> None:
        self._machine, self._system = machine, system
        self._events = RedisEventLog(machine.events.url)
        self._publisher = KombuPublisher(make_celery("bench", machine.broker.url))
        self._sealer = Sealer((machine.keys["data_keys"],), machine.keys["hmac_key"])
        self._asked = 0

    async def ask(self, count: int, *, kill: bool = False) -> tuple[int, float]:
        """Ask for a day that nobody has asked for yet; gives how many were answered, and in how many seconds."""
        self._asked += 1
        rebooking_id = uuid.uuid4().hex
        entry = NewEntry(key="choice:1", public=b"{}", expected_choice=0, rebase=("timeslots",))
        await self._events.open(rebooking_id, Head("owner", rebooking_id, b"-"), [entry])
        began = time.perf_counter()
        messages = [self._message(rebooking_id) for _ in range(count)]
        await asyncio.gather(*(self._publisher.publish(message, patience=30) for message in messages))
        if kill:
            await self._kill_holder()
        answered, last_change = 0, time.perf_counter()
        while answered < count and time.perf_counter() - began < PATIENCE:
            await asyncio.sleep(0.05)
            try:
                now = (await self._events.last_seqs([rebooking_id])).get(rebooking_id, 1) - 1
            except LogUnavailable:
                continue  # busy with the very answers that are waited for
            if now != answered:
                answered, last_change = now, time.perf_counter()
            if kill and answered and time.perf_counter() - last_change > QUIET_SECONDS:
                break  # those of the killed process are answered by nobody here
        return answered, last_change - began

    async def close(self) -> None:
        """Give the connections up."""
        await self._publisher.close()
        await self._events.close()

    def _message(self, rebooking_id: str) -> LookUpTimeslots:
        subject = SubjectOfCareId(scene.subject(60_000))
        identity = Identity(subject=subject, actor=Actor(id=subject, type=ActorType.SUBJECT_OF_CARE))
        today = dt.date.today()
        return LookUpTimeslots(
            rebooking_id=rebooking_id,
            command_id=str(uuid.uuid4()),
            basis=1,
            deadline=time.time() + PATIENCE,
            today=today,
            language="sv",
            sealed=self._sealer.seal_identity(identity),
            date=today + dt.timedelta(days=2 + self._asked),
            booking_facility=scene.facility(1),
            facilities=(scene.facility(1),),
            filters=SearchFilters(booking_id="B-60000"),
            current=CurrentTime(facility=scene.facility(1)),
        )

    async def _kill_holder(self) -> None:
        while "port" not in (counts := await self._machine.counts()):  # noqa: ASYNC110 -- another process
            await asyncio.sleep(0.02)
        for role in self._system.roles:
            if _has_connection(role.pid, counts["port"], URL(self._machine.booking_systems).port):
                role.kill()
                return
        raise RuntimeError("nobody is found who made the call")


def _has_connection(pid: int, port: int, to: int | None) -> bool:
    """Whether a process has a TCP connection from this local port to that one; each alone may stand for several."""
    rows = [row.split() for row in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    ends = {row[9]: tuple(int(end.rpartition(":")[2], 16) for end in row[1:3]) for row in rows}
    inodes = {inode for inode, both in ends.items() if both == (port, to)}
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if os.readlink(descriptor).removeprefix("socket:[").rstrip("]") in inodes:
                return True
    return False
