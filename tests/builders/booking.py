"""Builders for the saga: a booking system in memory under a virtual clock, with every mishap it can have.

The journal is the truth: it holds each effective change, whatever anybody was told.
"""

from __future__ import annotations

import datetime as dt
import random
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from cryptography.fernet import Fernet
from sqlalchemy import event

from services.booking.looks import Schedule
from services.booking.rebook import Deps, Saga
from services.booking.telling import Teller
from shared.audit.audit_log import MemoryAudit
from shared.audit.auditor import Auditor
from shared.clock import FixedClock
from shared.configuration import Configuration
from shared.contracts.civil_time import STOCKHOLM, CivilTime
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Identity, ResultCode, Timeslot, UpdateResult
from shared.contracts.sections import OPEN_OUTCOMES, Outcome
from shared.ledger.ledger import Ledger
from shared.ledger.migrate import migrate
from shared.ledger.port import Accepted, AcceptOutcome, NewRebooking, Sealed
from shared.messaging.event_log import AppendOutcome, Head, LogUnavailable, NewEntry
from shared.messaging.event_log_memory import MemoryEventLog
from shared.presentation.yellow_box import yellow_box
from shared.scheduling.failures import (
    ConnectionBroken,
    HttpFailure,
    NotReached,
    PlatformFault,
    ProducerFault,
    SchedulingFailure,
    TimedOut,
    Unreadable,
)
from shared.scheduling.port import CallContext, UpdateRequest
from shared.scheduling.rate import MemoryRate
from shared.sealing import Sealer

START = dt.datetime(2026, 1, 15, 8, 0, tzinfo=STOCKHOLM)
HOME, OTHER = "SE2321000016-1AAA", "SE2321000016-2BBB"
SUBJECT = SubjectOfCareId("191212121212")
IDENTITY = Identity(
    subject=SUBJECT,
    given_name="Tolvan",
    family_name="Tolvansson",
    actor=Actor(id=SUBJECT, type=ActorType.SUBJECT_OF_CARE),
)
SETTLE = 90.0
FOREVER_SECONDS = 1e9


class Crash(BaseException):
    """The worker dies here: nothing after this point happens in its process."""


KindOfLedger = TypeVar("KindOfLedger", bound=Ledger)
Gate = Callable[[str], Awaitable[None]]
"""Where a test may hold a worker: `look`, `connect`, `purge`, `answer`."""


async def open_gate(point: str) -> None:
    """Hold nobody."""


def a_booking(start: str = "20260203090000", end: str = "20260203092000", **fields: Any) -> Timeslot:
    """The booked time, rebookable."""
    fields = {"healthcare_facility": HOME, "booking_id": "B1", "rebooking_allowed": True, **fields}
    return Timeslot(start=CivilTime(start), end=CivilTime(end), subject_of_care=SUBJECT, **fields)


def a_timeslot(start: str = "20260210100000", end: str = "20260210102000", facility: str = HOME) -> Timeslot:
    """The chosen free timeslot."""
    return Timeslot(start=CivilTime(start), end=CivilTime(end), healthcare_facility=facility, message_allowed=True)


def a_saga_configuration() -> Configuration:
    """Two facilities under one booking system."""
    facility = {"phone": "08-1", "producers": ["north"], "contracts": ["UpdateBooking"]}
    return Configuration.model_validate(
        {
            "producers": {
                "north": {"url": "http://127.0.0.1:1/{contract}", "settle": SETTLE, "limits": {"rate": None}}
            },
            "facilities": {HOME: {"name": "Hemma", **facility}, OTHER: {"name": "Borta", **facility}},
        }
    )


@dataclass
class FakeBookingSystem:
    """One booking, and what happens to the next update. `mishap` is taken once, then `then`, then all is well again.

    Kinds: ok, info, error, taken_silently, lost, not_applied, late, resend, fault, fault_applied, vp004, vp008, vp009,
    vp009_applied, http404, http404_applied, malformed, malformed_applied, not_reached, hang, crash_before,
    crash_after, crash_late.

    `stale` = a look that is answered as if nothing had been applied, once.
    """

    clock: FixedClock
    booking: Timeslot = field(default_factory=a_booking)
    mishap: str = "ok"
    then: str = "ok"
    keeps_id: bool = True
    late_by: float = 20.0
    silent_until: float = -1.0
    forgets: bool = False
    another: Timeslot | None = None
    breaks: bool = False
    stale: bool = False
    before: Timeslot | None = None
    gate: Gate = open_gate
    journal: list[tuple[float, str]] = field(default_factory=list)
    sends: int = 0
    requests: list[UpdateRequest] = field(default_factory=list)
    looks: int = 0
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def take_mishap(self) -> str:
        """What befalls this update; the next one is befallen by what follows it."""
        kind, self.mishap, self.then = self.mishap, self.then, "ok"
        return kind

    def move_time(self, seconds: float) -> None:
        """Let time pass, and what was to happen meanwhile."""
        self.clock.move(seconds)
        for due in sorted((one for one in self.later if one[0] <= self.clock.monotonic()), key=lambda one: one[0]):
            self.later.remove(due)
            due[1]()

    async def silent_from_the_answer_on(self, point: str) -> None:
        """Be a gate: whoever looks in the hundred seconds after an update's answer hears nothing."""
        if point == "answer":
            self.silent_until = self.clock.monotonic() + 100.0

    def facility_moves_it(self, start: str = "20260301080000", end: str = "20260301082000") -> None:
        """Somebody at the facility moves the booking."""
        times = {"start": CivilTime(start), "end": CivilTime(end)}
        self.booking = self.booking.model_copy(update=times)

    async def get_booking_details(self, facility: str, booking_id: str, context: CallContext) -> Timeslot | None:
        """The booking where it is, under the id that it has."""
        await self.gate("look")
        self._look()
        booking = self.booking
        if self.stale and self.before is not None:
            booking, self.stale = self.before, False
        here = booking.healthcare_facility == facility and booking.booking_id == booking_id
        return booking if here and not self.forgets else None

    async def get_subject_of_care_schedule(
        self, facility: str, subject: SubjectOfCareId, context: CallContext
    ) -> tuple[Timeslot, ...]:
        """The booking, when it is here."""
        await self.gate("look")
        self._look()
        booked = () if self.forgets else (self.booking, self.another)
        return tuple(one for one in booked if one is not None and one.healthcare_facility == facility)

    async def connect(self, request: UpdateRequest, context: CallContext) -> FakeConnection:
        """Open a connection, unless the mishap is that it can't be."""
        await self.gate("connect")
        if self.mishap == "not_reached":
            self.take_mishap()
            raise NotReached("refused")
        return FakeConnection(self, request)

    def _look(self) -> None:
        self.looks += 1
        if self.breaks:
            raise ZeroDivisionError("nobody foresaw this")
        if self.clock.monotonic() < self.silent_until:
            raise TimedOut("silent")

    def apply(self, request: UpdateRequest) -> None:
        """Move the booking, for real."""
        new = request.timeslot
        self.before = self.booking
        self.booking = self.booking.model_copy(
            update={
                "start": new.start,
                "end": new.end,
                "healthcare_facility": request.facility,
                "booking_id": self.booking.booking_id if self.keeps_id else f"B{len(self.journal) + 2}",
            }
        )
        self.journal.append((self.clock.monotonic(), str(new.start)))


class FakeConnection:
    """A connection on which the mishap happens."""

    def __init__(self, system: FakeBookingSystem, request: UpdateRequest) -> None:
        self._system = system
        self._request = request

    async def send(self) -> UpdateResult:
        """Receive the request as the mishap has it."""
        system = self._system
        kind = system.take_mishap()
        system.sends += 1
        system.requests.append(self._request)
        try:
            return self._receive(system, kind)
        finally:
            await system.gate("answer")

    def _receive(self, system: FakeBookingSystem, kind: str) -> UpdateResult:
        applied = kind in (
            "ok",
            "info",
            "lost",
            "resend",
            "fault_applied",
            "vp009_applied",
            "http404_applied",
            "malformed_applied",
        )
        if kind == "crash_before":
            raise Crash
        if applied or kind == "crash_after":
            system.apply(self._request)
        if kind == "crash_after":
            raise Crash
        if kind in ("late", "crash_late"):
            at = system.clock.monotonic() + system.late_by
            system.later.append((at, lambda: system.apply(self._request)))
            if kind == "crash_late":
                raise Crash
        answers: dict[str, UpdateResult] = {
            "ok": UpdateResult(code=ResultCode.OK, text="UPDATED"),
            "info": UpdateResult(code=ResultCode.INFO, text="Kom fastande."),
            "error": UpdateResult(code=ResultCode.ERROR, text="Upptagen."),
            "resend": UpdateResult(code=ResultCode.ERROR, text="Redan ombokad."),
            "taken_silently": UpdateResult(code=ResultCode.OK),
        }
        if kind in answers:
            return answers[kind]
        failures: dict[str, SchedulingFailure] = {
            "fault": ProducerFault("fault"),
            "fault_applied": ProducerFault("fault"),
            "vp004": PlatformFault("VP004", vp_code="VP004"),
            "vp008": PlatformFault("VP008", vp_code="VP008"),
            "vp009": PlatformFault("VP009", vp_code="VP009"),
            "vp009_applied": PlatformFault("VP009", vp_code="VP009"),
            "http404": HttpFailure("HTTP 404", http_status=404),
            "http404_applied": HttpFailure("HTTP 404", http_status=404),
            "malformed": Unreadable("wrong element"),
            "malformed_applied": Unreadable("wrong element"),
            "lost": ConnectionBroken("cut"),
        }
        if kind in ("not_applied", "late", "hang"):
            system.move_time(35.0)
            raise TimedOut("no answer")
        raise failures[kind]

    async def close(self) -> None:
        """Close it."""


class AwayLog(MemoryEventLog):
    """An event log that may be away, and keeps what it has."""

    away = False

    async def append(self, rebooking_id: str, entries: Sequence[NewEntry], *, ttl: float = 24 * 3600) -> AppendOutcome:
        """Append, unless it is away."""
        if self.away:
            raise LogUnavailable("away")
        return await super().append(rebooking_id, entries, ttl=FOREVER_SECONDS)


class SagaUnderTest:
    """A ledger, a booking system, an event log and workers, all under one virtual clock."""

    def __init__(self, folder: Path | None = None, *, sealer: Sealer | None = None, **system: Any) -> None:
        self.clock = FixedClock(START)
        self.system = FakeBookingSystem(self.clock, **system)
        self.sealer = sealer or Sealer([Fernet.generate_key().decode()], "k" * 32)
        self._own = tempfile.TemporaryDirectory(prefix="omboka-saga-") if folder is None else None
        folder = folder or Path(self._own.name if self._own else "")
        url = f"sqlite:///{folder}/ledger.db"
        migrate(url)
        self.ledger = self.a_ledger(url)
        self.log = AwayLog(self.clock)
        self.configuration = a_saga_configuration()
        self.boottime = 0.0
        self.pause_while_purging = 0.0
        self.told: list[Outcome] = []
        self.audit = MemoryAudit()
        self.schedule = Schedule()
        self.sagas = [self.a_worker("one"), self.a_worker("two")]

    def a_ledger(self, url: str, *, kind: type[KindOfLedger] = Ledger) -> KindOfLedger:  # type: ignore[assignment]
        """A ledger under the virtual clock; it need not outlive a power cut."""
        ledger = kind(url, self.sealer, now=lambda _: self.clock.now().timestamp())
        event.listen(ledger.engine, "connect", lambda one, _: one.execute("PRAGMA synchronous=OFF").close())
        return ledger

    def a_worker(self, owner: str, *, ledger: Ledger | None = None) -> Saga:
        """A worker of the saga."""

        async def purge(facility: str) -> None:
            await self.system.gate("purge")
            self.boottime, self.pause_while_purging = self.boottime + self.pause_while_purging, 0.0

        deps = Deps(
            configuration=self.configuration,
            systems=self.system,
            ledger=ledger or self.ledger,
            teller=Teller(self.log),
            rate=MemoryRate.of(self.configuration, self.clock),
            clock=self.clock,
            purge=purge,
            auditor=Auditor(self.audit, self.sealer, self.clock),
            schedule=self.schedule,
            owner=owner,
            boottime=lambda: self.boottime + self.clock.monotonic(),
            chance=random.Random(1),
        )
        return Saga(deps)

    def close(self) -> None:
        """End threads and connections."""
        for saga in self.sagas:
            saga.close()
        self.ledger.close()
        if self._own is not None:
            self._own.cleanup()

    def new_rebooking(self, *, target: str = HOME, command_id: str = "c1", **changes: Any) -> NewRebooking:
        """What the gateway would ask the ledger to accept."""
        new = changes.pop("new", a_timeslot(facility=target))
        sealed = Sealed(
            identity=IDENTITY,
            old=self.system.booking,
            new=new,
            reason="Förhinder",
            summary=yellow_box(new, facility=self.configuration.facility(target), language="sv"),
            language="sv",
        )
        values: dict[str, Any] = {
            "rebooking_id": uuid.uuid4().hex,
            "command_id": command_id,
            "content_sha256": "a" * 64,
            "subject_hmac": self.sealer.owner(SUBJECT),
            "sealed": self.sealer.seal_model(sealed),
            "facility_from": HOME,
            "facility_to": target,
            "booking_id": "B1",
            "producer": "north",
            "settle": SETTLE,
            "language": "sv",
        }
        return NewRebooking(**{**values, **changes})

    async def accept(self, **changes: Any) -> Accepted:
        """Accept a rebooking, with its event log opened."""
        return await self.open_and_accept(self.new_rebooking(**changes))

    async def open_and_accept(self, new: NewRebooking) -> Accepted:
        """Open an event log and accept what would be followed in it."""
        head = Head("o", new.rebooking_id, b"")
        await self.log.open(new.rebooking_id, head, [NewEntry(key="start", public=b"{}")], ttl=FOREVER_SECONDS)
        accepted: AcceptOutcome = self.ledger.accept(new)
        assert isinstance(accepted, Accepted), accepted
        return accepted

    async def step(self, row_id: str, *, worker: int = 0) -> None:
        """One step by one worker; a crash leaves the row as it was committed."""
        try:
            await self.sagas[worker].step(row_id)
        except Crash:
            return

    async def run(self, accepted: Accepted, *, seconds: float = 100_000.0, worker: int = 0) -> Outcome:
        """Let time pass and every due step happen, until the outcome is no longer open (or so long); gives it."""
        ends = self.clock.monotonic() + seconds
        while self.clock.monotonic() < ends:
            for row_id, _ in self.ledger.due(limit=10):
                await self.step(row_id, worker=worker)
            outcome = self.outcome(accepted)
            if outcome.state not in OPEN_OUTCOMES:
                return outcome
            self.system.move_time(1.0 if self.clock.monotonic() < 400 else 60.0)
        return self.outcome(accepted)

    async def watch(self, seconds: float = 4_000.0) -> None:
        """Let the watcher look again."""
        for _ in range(int(seconds / 20)):
            self.system.move_time(20.0)
            for row_id, _ in self.ledger.due(limit=10):
                await self.step(row_id)

    def outcome(self, accepted: Accepted) -> Outcome:
        """What the patient was told last."""
        told = self.ledger.read(accepted.event.rebooking_id)
        assert told is not None
        return told.outcome

    def is_at_target(self, new: Sequence[str] = ("20260210100000",)) -> bool:
        """Whether the booking is at the new time, in truth."""
        return self.system.booking.start in new
