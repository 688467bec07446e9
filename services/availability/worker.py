"""The availability worker: which story answers which message, and what every story is given.

Every command ends in an event, also when something unforeseen is raised; a superseded one is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.availability.bookings import look_up_bookings
from services.availability.cache import Cache
from services.availability.guard import Guards
from services.availability.look_up_booking import look_up_booking, tell_booking
from services.availability.search import DaySearch, Tools, narrowed, tell_performers
from services.availability.sources import Asking, Sources
from services.availability.telling import Superseded, Telling, is_only
from services.availability.timeslots import DayOfTimeslots, ask_all
from shared.clock import Clock
from shared.configuration import Configuration
from shared.contracts import commands
from shared.contracts.commands import LookUp
from shared.contracts.problems import Problem, ProblemType
from shared.contracts.sections import SectionName
from shared.messaging.event_log import EventLog, LogUnavailable
from shared.scheduling.port import LookUps
from shared.scheduling.rate import Rate
from shared.sealing import SealBroken, Sealer

log = logging.getLogger(__name__)


class Availability:
    """Answers look-ups, on one event loop."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        systems: LookUps,
        events: EventLog,
        cache: Cache,
        rate: Rate,
        sealer: Sealer,
        clock: Clock,
    ) -> None:
        self.guards = Guards(configuration, rate, clock)
        self._configuration = configuration
        self._events = events
        self._sealer = sealer
        self._clock = clock
        self._sources = Sources(configuration, systems, self.guards, cache, sealer, clock)
        self._tools = Tools(self._sources, configuration, sealer, clock)
        self._running = _Running()

    async def handle(self, command: LookUp) -> None:
        """Answer one look-up in events; returns when the last one is told."""
        story, sections = _STORIES[type(command)]
        telling = Telling(self._events, self._clock, command, sections(command))
        try:
            identity = self._sealer.open_identity(command.sealed)
        except SealBroken:
            log.error("a look-up's identity can't be opened: do all roles have the same OMBOKA_DATA_KEYS?")
            await telling.fail_open(_UNAVAILABLE)
            return
        asking = Asking(identity, command.deadline, _correlation_id(command))
        left = command.deadline - self._clock.now().timestamp()
        with self._running.noted(command, sections(command)) as run:
            try:
                async with asyncio.timeout(max(left, 0.0)):
                    await story(self, command, telling, asking)
            except Superseded:
                return
            except asyncio.CancelledError:
                if run.superseded:
                    return
                await asyncio.shield(telling.fail_open(_UNAVAILABLE))
                raise
            except Exception as error:
                if not is_only(error, TimeoutError, LogUnavailable, Superseded):
                    log.error("a look-up ended in an unforeseen error", exc_info=error)
                await telling.fail_open(_UNAVAILABLE)

    async def cancel_superseded(self) -> None:
        """Cancel what newer choices have made pointless, for as long as this runs."""
        async with self._events.choices() as choices:
            async for choice in choices:
                self._running.supersede(choice.rebooking_id, choice.seq, choice.rebase)

    async def _look_up_booking(self, command: commands.LookUpBooking, telling: Telling, asking: Asking) -> None:
        await look_up_booking(
            command,
            telling,
            asking=asking,
            sources=self._sources,
            configuration=self._configuration,
            sealer=self._sealer,
            clock=self._clock,
        )

    async def _search_days(self, command: commands.SearchDays, telling: Telling, asking: Asking) -> None:
        branches = []
        own = self._configuration.facility(command.booking_facility)
        if SectionName.BOOKING in command.sections and own is not None:
            booking = partial(
                tell_booking,
                own,
                command.filters.booking_id,
                command.language,
                telling,
                asking,
                sources=self._sources,
                sealer=self._sealer,
                clock=self._clock,
            )
            branches.append(telling.branch(booking, SectionName.BOOKING))
        if SectionName.PERFORMERS in command.sections:
            people = partial(tell_performers, command, telling, asking, self._tools)
            branches.append(telling.branch(people, SectionName.PERFORMERS))
        if SectionName.DAYS in command.sections:
            days = DaySearch(command, telling, asking, self._tools).run
            branches.append(telling.branch(days, SectionName.DAYS, SectionName.TIMESLOTS))
        await asyncio.gather(*branches)

    async def _search_further(self, command: commands.SearchFurtherDays, telling: Telling, asking: Asking) -> None:
        await DaySearch(command, telling, asking, self._tools).run()

    async def _look_up_timeslots(self, command: commands.LookUpTimeslots, telling: Telling, asking: Asking) -> None:
        day = DayOfTimeslots(
            command.date,
            command,
            command.current,
            telling,
            asking,
            sources=self._sources,
            sealer=self._sealer,
            clock=self._clock,
        )
        facilities = []
        for one in command.facilities:
            facility = self._configuration.facility(one)
            if facility is not None:
                supported = await self._sources.contracts(facility)
                facilities.append((facility, narrowed(command.filters, supported.value if supported else frozenset())))
        await ask_all(day, facilities)

    async def _look_up_bookings(self, command: commands.LookUpBookings, telling: Telling, asking: Asking) -> None:
        await look_up_bookings(
            command,
            telling,
            asking=asking,
            sources=self._sources,
            configuration=self._configuration,
            clock=self._clock,
        )


Story = Callable[[Availability, Any, Telling, Asking], Awaitable[None]]
Sections = Callable[[Any], tuple[SectionName, ...]]

_UNAVAILABLE = Problem(type=ProblemType.FACILITY_UNAVAILABLE, retry_after=30)


def _days_too(command: commands.SearchDays) -> tuple[SectionName, ...]:
    with_days = SectionName.DAYS in command.sections
    return (*command.sections, SectionName.TIMESLOTS) if with_days else command.sections


def _further(command: commands.SearchFurtherDays) -> tuple[SectionName, ...]:
    if command.found.chosen is not None:
        return (SectionName.DAYS,)
    return (SectionName.DAYS, SectionName.TIMESLOTS)


_STORIES: dict[type[LookUp], tuple[Story, Sections]] = {
    commands.LookUpBooking: (Availability._look_up_booking, lambda command: command.sections),
    commands.SearchDays: (Availability._search_days, _days_too),
    commands.SearchFurtherDays: (Availability._search_further, _further),
    commands.LookUpTimeslots: (Availability._look_up_timeslots, lambda _: (SectionName.TIMESLOTS,)),
    commands.LookUpBookings: (Availability._look_up_bookings, lambda _: (SectionName.BOOKING,)),
}


@dataclass(eq=False)
class _Run:
    """A command under way."""

    basis: int
    sections: tuple[SectionName, ...]
    task: asyncio.Task[Any]
    superseded: bool = False


class _Running:
    """The commands under way, so that a newer choice can cancel what it made pointless."""

    def __init__(self) -> None:
        self._runs: dict[str, set[_Run]] = {}

    @contextmanager
    def noted(self, command: LookUp, sections: tuple[SectionName, ...]) -> Iterator[_Run]:
        task = asyncio.current_task()
        assert task is not None
        run = _Run(command.basis, sections, task)
        self._runs.setdefault(command.rebooking_id, set()).add(run)
        try:
            yield run
        finally:
            runs = self._runs[command.rebooking_id]
            runs.discard(run)
            if not runs:
                del self._runs[command.rebooking_id]

    def supersede(self, rebooking_id: str, seq: int, rebase: tuple[str, ...]) -> None:
        """Cancel what runs on an older basis, when every section that it answers has been reset."""
        for run in list(self._runs.get(rebooking_id, ())):
            if run.basis < seq and set(run.sections) <= set(rebase):
                run.superseded = True
                run.task.cancel()


def _correlation_id(command: LookUp) -> str:
    return command.traceparent.split("-")[1] if command.traceparent else command.rebooking_id
