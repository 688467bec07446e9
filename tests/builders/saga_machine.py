"""A machine that tells the saga every story there is, and holds it to its invariants.

Workers crash, are stopped anywhere and wake late; messages come twice; time jumps; the booking system does everything
it can do; the facility moves the booking; the event log is away. Truth is the booking system's journal.
Source: the saga's rules 3.8.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.booking.dispatcher import FRESH_SECONDS, Dispatcher
from services.booking.rebook import Saga
from services.booking.telling import Teller
from shared.contracts.sections import OPEN_OUTCOMES, Outcome, OutcomeState
from shared.ledger.ledger import Claimed, Ledger
from shared.ledger.port import Accepted, InProgress, KeyReused
from shared.ledger.tables import ledger_event, rebooking_row
from shared.ledger.transitions import BLOCKING, OPEN, RowState
from shared.messaging.event_log import Entry
from tests.builders.booking import HOME, OTHER, Crash, SagaUnderTest, a_timeslot

MISHAPS = (
    "ok",
    "info",
    "error",
    "taken_silently",
    "lost",
    "not_applied",
    "late",
    "resend",
    "fault",
    "fault_applied",
    "vp004",
    "vp008",
    "vp009",
    "vp009_applied",
    "http404",
    "http404_applied",
    "malformed",
    "malformed_applied",
    "not_reached",
    "hang",
    "crash_before",
    "crash_after",
    "crash_late",
)
THEN = ("ok", "fault", "not_applied")
"""What befalls the update after that one: what is sent again fails again, and proves nothing either."""

UNCLEAR = ("lost", "fault_applied", "malformed_applied", "vp009_applied")
"""Answers that prove nothing, to an update that was applied."""

PACES = ((90.0, 5.0), (90.0, 40.0), (90.0, 80.0), (20.0, 5.0))
"""Seconds that a booking system takes to settle, and after which it applies what is late.

When it settles soon, the deadline leaves time for more sendings than the rules allow.
"""

POINTS = ("look", "connect", "purge", "checked", "answer")
"""Where a worker may be stopped; `checked` = between the last check of its lease and the first byte."""

WORKERS = ("one", "two")
WORKER: ContextVar[str] = ContextVar("worker")
LEASE_SECONDS = 10.0
BLOCKING_STATES = {state.value for state in BLOCKING}
OPEN_STATES = {state.value for state in OPEN}


class _GatedLedger(Ledger):
    """A worker's ledger: the worker may be stopped after it has looked at its lease."""

    gate: _Gates
    worker: str

    def lease_holds(self, claimed: Claimed) -> bool:
        """Look, and stop there if a test wants it."""
        holds = super().lease_holds(claimed)
        self.gate.hold_thread(self.worker, "checked")
        return holds


@dataclass
class _Held:
    """A worker that is stopped."""

    point: str
    wake: threading.Event = field(default_factory=threading.Event)
    crash: bool = False


class _Gates:
    """Stops workers at a point and lets them go on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.wanted: dict[str, str] = {}
        self.held: dict[str, _Held] = {}
        self.stopped = {worker: asyncio.Event() for worker in WORKERS}

    async def hold(self, point: str) -> None:
        """Stop the worker that comes here, if it is to stop here."""
        worker = WORKER.get("")
        if self.wanted.get(worker) == point:
            held = self._stop(worker, point)
            self.stopped[worker].set()
            while not held.wake.is_set():
                await asyncio.sleep(0)
                if not held.wake.is_set():
                    await self._loop.run_in_executor(None, held.wake.wait)
            self._go(held)

    def hold_thread(self, worker: str, point: str) -> None:
        """The same for a thread of the worker's."""
        if self.wanted.get(worker) == point:
            held = self._stop(worker, point)
            self._loop.call_soon_threadsafe(self.stopped[worker].set)
            held.wake.wait()
            self._go(held)

    def release(self, worker: str, *, crash: bool) -> None:
        """Let a worker go on, or die where it stands."""
        held = self.held.pop(worker)
        held.crash = crash
        self.stopped[worker].clear()
        held.wake.set()

    def _stop(self, worker: str, point: str) -> _Held:
        del self.wanted[worker]
        self.held[worker] = held = _Held(point)
        return held

    def _go(self, held: _Held) -> None:
        if held.crash:
            raise Crash


class _Row(NamedTuple):
    """What the machine looks at in a row."""

    state: str
    fence: int
    events: int
    attempt: int
    facility_from: str
    booking_id: str
    created_at: float
    next_at: float | None
    lease_until: float | None
    settle_until: float | None


@dataclass
class _Moving:
    """One rebooking: where it was to go, and what has been told of it."""

    accepted: Accepted
    start: str
    target: str
    command_id: str
    told: int = 1
    last: Outcome | None = None
    fence: int = 0
    lagged: bool = False
    seen: list[Entry] = field(default_factory=list)

    @property
    def rebooking_id(self) -> str:
        return self.accepted.event.rebooking_id


class SagaMachine(RuleBasedStateMachine):
    """Two workers, one booking, rebookings of it one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.gates = _Gates(self.loop)
        self.saga = SagaUnderTest()
        # A look's patience is real time, which a worker that a story stops has none of.
        self.saga.schedule = replace(self.saga.schedule, look_patience=3600.0)
        self.system = self.saga.system
        self.settle = 0.0
        self.system.gate = self.gates.hold
        self.ledgers: list[_GatedLedger] = []
        self.sagas = {worker: self._a_worker(worker) for worker in WORKERS}
        self.reader = sqlite3.connect(str(self.saga.ledger.engine.url.database))
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.moving: list[_Moving] = []

    def _a_worker(self, worker: str) -> Saga:
        ledger = self.saga.a_ledger(str(self.saga.ledger.engine.url), kind=_GatedLedger)
        ledger.gate, ledger.worker = self.gates, worker
        self.ledgers.append(ledger)
        return self.saga.a_worker(worker, ledger=ledger)

    # What portals and patients do.

    @initialize(
        facility=st.sampled_from([HOME, OTHER]),
        kind=st.sampled_from(MISHAPS),
        then=st.sampled_from(THEN),
        keeps_id=st.booleans(),
        pace=st.sampled_from(PACES),
    )
    def begin(self, facility: str, kind: str, then: str, keeps_id: bool, pace: tuple[float, float]) -> None:
        """A first rebooking."""
        self.system.keeps_id = keeps_id
        self.settle, self.system.late_by = pace
        self.accept(facility, kind, then)

    @rule(facility=st.sampled_from([HOME, OTHER]), kind=st.sampled_from(MISHAPS), then=st.sampled_from(THEN))
    def accept(self, facility: str, kind: str, then: str) -> None:
        """A new rebooking of the booking, and what befalls its update; refused while another one is open or manual."""
        booking, n = self.system.booking, len(self.moving) + 1
        start = f"202602{10 + n % 18:02d}100000"
        new = self.saga.new_rebooking(
            target=facility,
            command_id=f"c{n}",
            new=a_timeslot(start, f"202602{10 + n % 18:02d}102000", facility=facility),
            facility_from=booking.healthcare_facility,
            booking_id=booking.booking_id,
            settle=self.settle,
        )
        open_one = next((one for one in self.moving if self._state(one) in BLOCKING_STATES), None)
        if open_one is not None:
            answer = self.saga.ledger.accept(new)
            same = self._row(open_one).booking_id == booking.booking_id
            same = same and self._row(open_one).facility_from == booking.healthcare_facility
            if same:
                assert answer == InProgress(open_one.rebooking_id), "two are open for one booking"
            elif isinstance(answer, Accepted):
                self._discard(answer)
            return
        accepted = self._do(self.saga.open_and_accept(new))
        assert isinstance(accepted, Accepted)
        self.moving.append(_Moving(accepted, start, facility, f"c{n}"))
        self.mishap(kind, then)

    @rule(content=st.sampled_from(["a", "b"]))
    def accept_again(self, content: str) -> None:
        """The same command once more is the same rebooking (I6); with other content it is refused."""
        one = self.moving[-1]
        again = self.saga.new_rebooking(
            rebooking_id=one.rebooking_id, command_id=one.command_id, content_sha256=content * 64
        )
        answer = self.saga.ledger.accept(again)
        if content == "a":
            assert isinstance(answer, Accepted)
            assert (answer.repeated, answer.row_id) == (True, one.accepted.row_id)
        else:
            assert isinstance(answer, KeyReused)

    @rule()
    def reconnect(self) -> None:
        """A client resumes from its last seq."""
        self._follow()

    # What booking systems and facilities do.

    @rule(kind=st.sampled_from(MISHAPS), then=st.sampled_from(THEN))
    def mishap(self, kind: str, then: str) -> None:
        """What befalls the next update, and the one after it."""
        if kind == "taken_silently" and self._unanswered():
            kind = "ok"  # an OK that is a lie, and whose look isn't answered, is believed
        self.system.mishap, self.system.then = kind, then

    @rule(seconds=st.sampled_from([5.0, 60.0, 150.0]))
    def silent(self, seconds: float) -> None:
        """Nobody answers a look for so long; an OK that is a lie, and whose look isn't answered, is believed."""
        if self.system.mishap == "taken_silently":
            self.system.mishap = "ok"
        if any(held.point == "answer" for held in self.gates.held.values()):
            return
        self.system.silent_until = self.saga.clock.monotonic() + seconds

    @rule()
    def facility_moves_it(self) -> None:
        """Somebody at the facility moves the booking to a third time."""
        day = 1 + len(self.system.journal) % 28
        self.system.facility_moves_it(f"202603{day:02d}080000", f"202603{day:02d}082000")

    @precondition(lambda self: self._state(self.moving[-1]) in OPEN_STATES and not self.moving[-1].lagged)
    @rule(unclear=st.sampled_from(UNCLEAR), longer=st.sampled_from([0.0, 45.0]))
    def lagging_replica(self, unclear: str, longer: float) -> None:
        """An unclear answer, silence until it has settled or longer, and one look that is answered from before.

        Two such looks are beyond the rules.
        """
        self._wake_all()
        one = self.moving[-1]
        if self._state(one) in (RowState.ACCEPTED.value, RowState.PRECHECKED.value):
            self.system.mishap = unclear
            self._step("one", one, None)
        row = self._row(one)
        if row.state != RowState.UNKNOWN.value:
            return
        one.lagged = True
        settled = (row.settle_until or 0.0) - self.saga.clock.now().timestamp() + longer
        self.system.silent_until = self.saga.clock.monotonic() + settled
        self._live(max(settled, 0.0) + 0.1)
        self.system.stale = self.system.booking.start == one.start
        self._live(25.0)
        self.system.stale = False

    # What workers do.

    @rule(worker=st.sampled_from(WORKERS), stop_at=st.sampled_from([None, None, *POINTS]), which=st.integers(0, 5))
    def step(self, worker: str, stop_at: str | None, which: int) -> None:
        """A message, or a repeated one, or the dispatcher: one step, perhaps stopped on the way."""
        one = self.moving[-1 - which % len(self.moving)] if which == 5 else self.moving[-1]
        self._step(worker, one, stop_at)

    @precondition(lambda self: self._state(self.moving[-1]) in OPEN_STATES)
    @rule(
        worker=st.sampled_from(WORKERS),
        point=st.sampled_from(POINTS),
        meanwhile=st.sampled_from(["ok", "not_applied", "late", "error", "fault"]),
        seconds=st.sampled_from([45.0, 400.0]),
    )
    def sleep(self, worker: str, point: str, meanwhile: str, seconds: float) -> None:
        """A worker stops in the middle of a step, the other one lives on, and it goes on as if nothing had been."""
        if worker not in self.tasks:
            self._step(worker, self.moving[-1], point)
            self.what_is_told_is_true()
            self.system.mishap, self.system.then = meanwhile, "ok"
            self._live(seconds)
            self._wake(worker)

    @rule(worker=st.sampled_from(WORKERS))
    def wake(self, worker: str) -> None:
        """A stopped worker goes on as if nothing had been."""
        self._wake(worker)

    @rule(worker=st.sampled_from(WORKERS))
    def kill(self, worker: str) -> None:
        """A stopped worker dies where it stands."""
        self._wake(worker, crash=True)

    @rule(seconds=st.sampled_from([0.5, 3.0, 11.0, 45.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        """And nobody does anything."""
        self.system.move_time(seconds)

    @rule(seconds=st.sampled_from([5.0, 20.0, 200.0]))
    def live(self, seconds: float) -> None:
        """Whoever isn't stopped does whatever is due; who was accepted isn't left waiting (I8)."""
        free = self._live(seconds)
        if free and seconds >= 5.0:
            now = self.saga.clock.now().timestamp()
            for one in self.moving:
                row = self._row(one)
                held = row.lease_until is not None and row.lease_until > now
                fresh = row.state == RowState.ACCEPTED.value and now - row.created_at >= 5.0 and not held
                assert not fresh, "accepted five seconds ago, and nobody has begun"

    @rule()
    def log_is_away(self) -> None:
        """The event log doesn't answer."""
        self.saga.log.away = True

    @rule()
    def log_is_back(self) -> None:
        """The event log answers again, and the dispatcher tells what it lacks."""
        self.saga.log.away = False
        self._dispatch()

    @precondition(lambda self: self._state(self.moving[-1]) == RowState.MANUAL.value)
    @rule()
    def operator_resolves(self) -> None:
        """A person has asked the facility."""
        one = self.moving[-1]
        state = RowState.CONFIRMED if self._is_there(one) else RowState.NOT_APPLIED
        outcome = Outcome(state=OutcomeState(state.value), command_id=one.command_id, updated_at=self.saga.clock.now())
        self.saga.ledger.resolve(one.accepted.row_id, state, outcome=outcome, reason="asked", by="operator")

    # What must hold.

    @invariant()
    def what_is_told_is_true(self) -> None:
        """I2, I3, I4, I5, I7: looked at after each thing that happens."""
        for one in self.moving:
            self._observe(one)

    def teardown(self) -> None:
        """Everything is well again: it ends, and what was told stands (I1, I3)."""
        try:
            if self.moving and not self._failed():
                self._end()
        finally:
            self._close()

    def _failed(self) -> bool:
        return any(task.done() and not task.cancelled() and task.exception() for task in self.tasks.values())

    def _end(self) -> None:
        self.system.mishap, self.system.then = "ok", "ok"
        self.system.silent_until, self.system.stale = -1.0, False
        self.saga.log.away = False
        self._wake_all()
        self._live(200_000.0)
        self._dispatch()
        for one in self.moving:
            self._observe(one)
            row = self._row(one)
            assert row.state not in OPEN_STATES, f"it never ended: {row.state}"
            shown = self.saga.ledger.show(one.accepted.row_id)
            assert shown is not None
            assert len([at for at in shown["attempts"] if at["proves"] != "not_sent"]) <= 2
            self._told_truly(one, later=True)
        assert self.system.sends <= sum(self._row(one).attempt for one in self.moving)
        self._follow()
        for one in self.moving:
            keys = [entry.key for entry in one.seen if entry.key.startswith("ledger:")]
            events = self._events(one)
            assert keys == [f"ledger:{one.accepted.row_id}:{n}" for n in range(1, events + 1)], (
                "not told in order, once"
            )
            assert [entry.seq for entry in one.seen] == list(range(1, len(one.seen) + 1))

    def _observe(self, one: _Moving) -> None:
        row = self._row(one)
        assert row.fence >= one.fence
        one.fence = row.fence
        changes = [start for _, start in self.system.journal if start == one.start]
        assert len(changes) <= 1, "the same rebooking was made twice"
        if row.events > one.told:
            told = self.saga.ledger.read(one.rebooking_id)
            assert told is not None
            if one.last is not None and one.last.state not in (*OPEN_OUTCOMES, OutcomeState.MANUAL):
                assert one.last.state in (OutcomeState.NOT_APPLIED, OutcomeState.REJECTED), "the end was told again"
            one.told, one.last = told.n, told.outcome
            self._told_truly(one)
            assert self.saga.ledger.of_bookings("somebody else", [(row.facility_from, row.booking_id)]) == []

    def _told_truly(self, one: _Moving, *, later: bool = False) -> None:
        state = one.last.state if one.last else None
        if state is OutcomeState.CONFIRMED and not later:
            # An OK that no look could be asked about is believed; the watcher looks again.
            believed = self._unanswered() and any(start == one.start for _, start in self.system.journal)
            assert self._is_there(one) or believed, "told as confirmed, and it isn't there"
        if state in (OutcomeState.REJECTED, OutcomeState.NOT_APPLIED):
            assert not self._is_there(one), "told as not rebooked, and it is"
        if state is OutcomeState.OTHER_TIME and not later:
            assert not self._is_there(one)
            assert one.last is not None
            assert one.last.summary is not None
            told = one.last.summary.heading
            assert told is not None
            assert f"{told.date} {told.start}" == self._wall_clock(), "another time was told"

    def _is_there(self, one: _Moving) -> bool:
        booking = self.system.booking
        return booking.start == one.start and booking.healthcare_facility == one.target

    def _unanswered(self) -> bool:
        return self.system.silent_until > self.saga.clock.monotonic()

    def _wall_clock(self) -> str:
        start = self.system.booking.start
        assert start is not None
        return f"{start.datetime:%Y-%m-%d %H:%M}"

    # How it is done.

    def _do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def _step(self, worker: str, one: _Moving, stop_at: str | None) -> None:
        if worker in self.tasks:
            return
        row, now = self._row(one), self.saga.clock.now().timestamp()
        others = row.lease_until is not None and row.lease_until > now
        if stop_at is not None:
            self.gates.wanted[worker] = stop_at
        self.tasks[worker] = self.loop.create_task(self._as(worker, one.accepted.row_id))
        self._until_still(worker)
        if others:
            assert self._row(one).fence == row.fence, "a row was taken under another's lease"

    async def _as(self, worker: str, row_id: str) -> None:
        WORKER.set(worker)
        try:
            await self.sagas[worker].step(row_id)
        except Crash:
            return

    def _until_still(self, worker: str) -> None:
        async def still() -> None:
            stopped = asyncio.ensure_future(self.gates.stopped[worker].wait())
            await asyncio.wait({self.tasks[worker], stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()

        self._do(still())
        task = self.tasks[worker]
        if task.done():
            del self.tasks[worker]
            self.gates.wanted.pop(worker, None)
            task.result()

    def _wake(self, worker: str, *, crash: bool = False) -> None:
        if worker in self.gates.held:
            self.gates.release(worker, crash=crash)
            self._until_still(worker)

    def _wake_all(self) -> None:
        for worker in WORKERS:
            while worker in self.gates.held:
                self._wake(worker)
                self.what_is_told_is_true()

    def _live(self, seconds: float) -> bool:
        """Let the workers that aren't stopped do what is due, for so long; gives whether there was one."""
        ends = self.saga.clock.monotonic() + seconds
        free = next((worker for worker in WORKERS if worker not in self.tasks), None)
        while free is not None:
            for row_id, _ in self.saga.ledger.due(limit=10):
                self._step(free, next(one for one in self.moving if one.accepted.row_id == row_id), None)
                self.what_is_told_is_true()
            left = ends - self.saga.clock.monotonic()
            if left <= 0:
                break
            self.system.move_time(min(left, self._until_due()))
        else:
            self.system.move_time(seconds)
        return free is not None

    def _until_due(self) -> float:
        """Seconds until a row is due, or something happens at the booking system; what is due now is done at once."""
        if self.saga.ledger.due(limit=1):
            return 0.05
        now = self.saga.clock.now().timestamp()
        times = [at for one in self.moving for at in (self._row(one).next_at, self._row(one).lease_until) if at]
        waits = [at - now for at in times] + [at - self.saga.clock.monotonic() for at, _ in self.system.later]
        return max(min((wait for wait in waits if wait > 0), default=100_000.0), 0.05)

    def _dispatch(self) -> None:
        dispatcher = Dispatcher(self.saga.ledger, self.sagas["one"], Teller(self.saga.log))
        dispatcher.draining = True
        self.system.move_time(FRESH_SECONDS + 0.1)
        self._do(dispatcher.tick())

    def _follow(self) -> None:
        for one in self.moving:
            after = one.seen[-1].seq if one.seen else 0
            view = self._do(self.saga.log.read(one.rebooking_id, after=after))
            if view is not None:
                one.seen.extend(view.entries)

    def _discard(self, accepted: Accepted) -> None:
        with self.saga.ledger.engine.begin() as connection:
            connection.execute(ledger_event.delete().where(ledger_event.c.row_id == accepted.row_id))
            connection.execute(rebooking_row.delete().where(rebooking_row.c.id == accepted.row_id))

    def _row(self, one: _Moving) -> _Row:
        query = f"SELECT {', '.join(_Row._fields)} FROM rebooking_row WHERE id = ?"
        return _Row(*self.reader.execute(query, (one.accepted.row_id,)).fetchone())

    def _state(self, one: _Moving) -> str:
        return str(self._row(one).state)

    def _events(self, one: _Moving) -> int:
        return int(self._row(one).events)

    def _close(self) -> None:
        for worker in list(self.gates.held):
            self.gates.release(worker, crash=True)
        for task in self.tasks.values():
            task.cancel()
        if self.tasks:
            self._do(asyncio.wait(self.tasks.values()))
        for saga in self.sagas.values():
            saga.close()
        for ledger in self.ledgers:
            ledger.close()
        self.reader.close()
        self.saga.close()
        self._do(self.loop.shutdown_default_executor())
        self.loop.close()
