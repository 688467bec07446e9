"""Whatever befell the calls to a booking system: when it is well again it is asked again, by everybody, in its time.

Two processes share cache and rate. Calls are answered, fail, hang, are cancelled wherever they wait; then the booking
system is well, and nothing of what was may still be in anybody's way: no place, no probe, no lead, no shared call.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.fernet import Fernet
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.availability.breaker import Breaker, BreakerState
from services.availability.cache import MemoryCache
from services.availability.guard import Guards
from services.availability.sources import Answer, Asking, Sources
from shared.configuration import parse_configuration
from shared.contracts.model import SearchFilters, Timeslot
from shared.contracts.rules import DateWindow
from shared.scheduling.failures import ConnectionBroken, NotReached, PlatformFault, TimedOut
from shared.scheduling.port import CallContext
from shared.scheduling.rate import MemoryRate
from shared.sealing import Sealer
from tests.builders.availability import NOW, an_identity
from tests.builders.scheduling import FACILITY
from tests.builders.virtual_time import LoopClock, VirtualLoop

PLACES, WAITING, WAIT, FAILURES, OPEN_FOR, READ = 2, 2, 2.0, 3, 30.0, 10.0
PROCESSES = 2
CONFIGURATION = parse_configuration(
    f"""
producers:
  north:
    url: "http://127.0.0.1:9/{{contract}}"
    limits: {{concurrency: {PLACES}, waiting: {WAITING}, wait: {WAIT}, rate: 5, burst: 5}}
    breaker: {{failures: {FAILURES}, open_for: {OPEN_FOR}}}
    timeouts: {{read: {READ}}}
facilities: {{{FACILITY}: {{name: Eken, phone: 08-1, producers: [north], contracts: []}}}}
"""
)
SEALER = Sealer((Fernet.generate_key().decode(),), "k" * 32)
DAYS = tuple(NOW.date().replace(day=day) for day in (20, 21, 22))
"""What is asked for: another day is another answer."""

ENDS: dict[str, Callable[[], Exception] | None] = {
    "answered": None,
    "not reached": lambda: NotReached("no"),
    "broken": lambda: ConnectionBroken("cut"),
    "timed out": lambda: TimedOut("late"),
    "refused before routing": lambda: PlatformFault("platform fault VP007", vp_code="VP007"),
    "unforeseen": lambda: RuntimeError("unforeseen"),
}
"""How a call may end."""

FOR_EVER = 10_000.0


class System:
    """A booking system, as one process meets it, that ends its calls as it is told to."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self.at_once = self.most_at_once = 0
        self.tries = self.most_tries = 0
        """Calls that began while the breaker wasn't closed."""
        self.calls = 0
        self.end: Callable[[], Exception] | None = None
        self.takes = 0.0

    async def get_available_timeslots(
        self, facility: str, subject: Any, window: DateWindow, filters: SearchFilters, context: CallContext
    ) -> Sequence[Timeslot]:
        """Ends as it is to, after as long as it is to take, or when whoever called gives up."""
        self.calls += 1
        is_try = self._breaker.state is not BreakerState.CLOSED
        self.at_once += 1
        self.tries += is_try
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.most_tries = max(self.most_tries, self.tries)
        end, takes = self.end, self.takes
        try:
            async with asyncio.timeout(context.timeout):
                await asyncio.sleep(takes)
        except TimeoutError:
            raise TimedOut("no whole answer in time") from None
        finally:
            self.at_once -= 1
            self.tries -= is_try
        if end is not None:
            raise end()
        return ()


@dataclasses.dataclass
class Process:
    """What one process has for itself."""

    system: System
    guards: Guards
    sources: Sources


class Recovery(RuleBasedStateMachine):
    """Everything that calls can meet, and after it the promise."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        clock = LoopClock(self.loop, NOW)
        self.clock = clock
        self.rate = MemoryRate.of(CONFIGURATION, clock)
        cache = MemoryCache(clock)
        self.processes: list[Process] = []
        for _ in range(PROCESSES):
            guards = Guards(CONFIGURATION, self.rate, clock)
            system = System(guards.by_name["north"].breaker)
            sources = Sources(CONFIGURATION, system, guards, cache, SEALER, clock)  # type: ignore[arg-type]
            self.processes.append(Process(system, guards, sources))
        self.asked: list[asyncio.Task[Answer[tuple[Timeslot, ...]]]] = []

    def teardown(self) -> None:
        """Every story ends well."""
        try:
            self.is_asked_again()
        finally:
            self.loop.run_until_complete(self._end())
            self.loop.close()

    async def _end(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _ask(self, process: Process, day: int, patience: float) -> Answer[tuple[Timeslot, ...]]:
        facility = CONFIGURATION.facility(FACILITY)
        assert facility is not None
        asking = Asking(an_identity(), self.clock.now().timestamp() + patience)
        return await process.sources.timeslots(facility, DAYS[day], SearchFilters(booking_id="B-1"), asking)

    def _run(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @rule(
        process=st.integers(0, PROCESSES - 1),
        end=st.sampled_from(list(ENDS)),
        takes=st.sampled_from((0.0, 0.5, 3.0, 9.0, FOR_EVER)),
    )
    def becomes(self, process: int, end: str, takes: float) -> None:
        """From here on a process finds the booking system so."""
        system = self.processes[process].system
        system.end, system.takes = ENDS[end], takes

    @rule(
        process=st.integers(0, PROCESSES - 1),
        day=st.integers(0, len(DAYS) - 1),
        patience=st.sampled_from((0.1, 1.0, 5.0, 90.0)),
    )
    def asks(self, process: int, day: int, patience: float) -> None:
        """Somebody asks, and is waited for by nobody yet."""
        asking = self.loop.create_task(self._ask(self.processes[process], day, patience))
        asking.add_done_callback(lambda one: one.cancelled() or one.exception())
        self.asked.append(asking)

    @rule(process=st.integers(0, PROCESSES - 1), many=st.integers(FAILURES, 2 * FAILURES))
    def fails_so_often(self, process: int, many: int) -> None:
        """Failures in a row: the breaker opens, if nobody else was answered meanwhile."""
        system = self.processes[process].system
        system.end, system.takes = ENDS["broken"], 0.0
        for number in range(many):
            self.asks(process, number % len(DAYS), 90.0)
            self._run(0.3)

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 1_000))
    def is_superseded(self, which: int) -> None:
        """Somebody's wish has become pointless: cancelled wherever it is."""
        self.asked[which % len(self.asked)].cancel()

    @rule(tokens=st.integers(1, 5))
    def rebookings_go_first(self, tokens: int) -> None:
        """They take from the rate without waiting, and leave it in debt."""
        for _ in range(tokens):
            self.loop.run_until_complete(self.rate.take_without_waiting("north"))

    @rule(turns=st.integers(1, 8))
    def a_moment_passes(self, turns: int) -> None:
        """A few turns of the loop, so that what follows may meet a call between any two of its steps."""

        async def turn() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())

    @rule(seconds=st.sampled_from((0.1, 1.0, WAIT, READ, OPEN_FOR - 0.5, OPEN_FOR)))
    def time_passes(self, seconds: float) -> None:
        """Whatever has its time comes to its end."""
        self._run(seconds)

    @rule()
    def is_asked_again(self) -> None:
        """The booking system is well: after the longest call and the breaker's time, all that is asked gets through."""
        for process in self.processes:
            process.system.end, process.system.takes = None, 0.1
        self._run(OPEN_FOR + READ + WAIT + 1.0)
        for process in self.processes:
            assert all(one.done() for one in self.asked)
            bulkhead = process.guards.by_name["north"].bulkhead
            assert (bulkhead.in_use, bulkhead.waiting, process.system.at_once) == (0, 0, 0)

            async def both(process: Process = process) -> list[Answer[tuple[Timeslot, ...]]]:
                return await asyncio.gather(*(self._ask(process, day, 90.0) for day in range(PLACES)))

            before = process.system.calls
            self.loop.run_until_complete(both())
            assert process.system.calls == before + PLACES
            assert process.guards.by_name["north"].breaker.state is BreakerState.CLOSED
            self._run(60.0)  # what has been kept now is fresh no longer
        self.asked.clear()

    @invariant()
    def nobody_is_asked_beyond_its_bounds(self) -> None:
        """Never more calls at once than there are places, and none but the probe while the breaker isn't closed."""
        for process in self.processes:
            bulkhead = process.guards.by_name["north"].bulkhead
            assert process.system.most_at_once <= PLACES
            assert process.system.most_tries <= 1
            assert 0 <= bulkhead.waiting <= WAITING
            assert 0 <= bulkhead.in_use <= PLACES


TestRecovery = Recovery.TestCase
TestRecovery.settings = settings(max_examples=100, stateful_step_count=40)
