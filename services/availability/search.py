"""Searching: days at every chosen facility at once, the first day's timeslots as soon as a day is known, people beside.

Each facility's answer is told as it comes; a slow one delays nobody. Source: the seed, "välj dag och tid"; the flow's
exact rules.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.availability.eligibility import not_eligible, why_not_eligible
from services.availability.merge import merge_days, merge_performers
from services.availability.sources import Answer, Asking, Sources
from services.availability.telling import TOGETHER_SECONDS, Telling
from services.availability.timeslots import DayOfTimeslots
from services.availability.unavailable import problem_of
from shared.clock import Clock
from shared.configuration import Configuration, Facility
from shared.contracts.commands import SearchDays, SearchFurtherDays
from shared.contracts.events import EventName
from shared.contracts.model import AvailableDate, Interaction, PerformerInfo, SearchFilters, SourceStatus
from shared.contracts.problems import Problem
from shared.contracts.rules import DateWindow, extension_window, first_window, further_window, horizon
from shared.contracts.sections import (
    Day,
    DaysData,
    HiddenReason,
    SearchedFacility,
    Section,
    SectionName,
    State,
)
from shared.scheduling.failures import SchedulingFailure
from shared.sealing import Sealer


@dataclass(frozen=True)
class Tools:
    """What a search works with."""

    sources: Sources
    configuration: Configuration
    sealer: Sealer
    clock: Clock


@dataclass
class _Found:
    """What the search of one window has found so far."""

    answers: dict[str, Answer[tuple[AvailableDate, ...]]] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)


class DaySearch:
    """The search of one command."""

    def __init__(self, command: SearchDays | SearchFurtherDays, telling: Telling, asking: Asking, tools: Tools) -> None:
        self._command = command
        self._telling = telling
        self._asking = asking
        self._tools = tools
        self._horizon = horizon(command.today, tools.configuration.search.horizon_months)
        self._facilities = [
            facility for one in command.facilities if (facility := tools.configuration.facility(one)) is not None
        ]
        self._filters: dict[str, SearchFilters] = {}
        self._first_day = command.today
        self._before: tuple[Day, ...] = ()
        self._chosen: dt.date | None = None
        self._day: DayOfTimeslots | None = None
        self._further = False
        if isinstance(command, SearchFurtherDays):
            self._further = True
            self._first_day = command.found.first_day
            self._before = command.found.days
            self._chosen = command.found.chosen

    async def run(self) -> None:
        """Search, by the rules of windows and of the first day, and tell the days and the timeslots."""
        async with asyncio.TaskGroup() as timeslots:
            window, found = await self._search_windows(timeslots)
            if self._day is not None:
                self._day.more_may_come(False)
            await self._tell_end(window, found)
        if self._day is not None:
            await self._day.end()

    async def _search_windows(self, timeslots: asyncio.TaskGroup) -> tuple[DateWindow, _Found]:
        if isinstance(self._command, SearchFurtherDays):
            window = self._within(further_window(self._command.found.last_day))
            return window, await self._search(window, timeslots)
        window = self._within(first_window(self._command.today))
        found = await self._search(window, timeslots)
        for _ in range(self._tools.configuration.search.auto_extensions):
            # An extension is only right when everybody answered and nobody had a day.
            if found.problems or self._days(window, found) or window.last >= self._horizon:
                break
            window = self._within(extension_window(window.last))
            found = await self._search(window, timeslots)
        return window, found

    def _within(self, window: DateWindow) -> DateWindow:
        return DateWindow(window.first, max(window.first, min(window.last, self._horizon)))

    async def _search(self, window: DateWindow, timeslots: asyncio.TaskGroup) -> _Found:
        found = _Found()
        wait = self._tools.configuration.search.first_day_wait
        waiting = {asyncio.create_task(self._ask(facility, window, found)) for facility in self._facilities}
        timer = asyncio.create_task(self._tools.clock.sleep(wait))
        try:
            patient = len(waiting) > 1
            pending: set[asyncio.Task[None]] = set(waiting)
            untold, told_at = False, -TOGETHER_SECONDS
            while pending:
                watched = pending | ({timer} if patient else set())
                left = max(0.0, told_at + TOGETHER_SECONDS - time.monotonic()) if untold else None
                done, _ = await asyncio.wait(watched, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                pending -= done
                if timer in done or not pending:
                    patient = False
                for task in done - {timer}:
                    task.result()
                if not patient:
                    self._choose_first_day(window, found)
                    self._ask_timeslots(window, found, timeslots)
                untold = untold or bool(done - {timer}) or (timer in done and self._chosen is not None)
                if pending and untold and time.monotonic() >= told_at + TOGETHER_SECONDS:
                    await self._tell_partial(window, found)
                    untold, told_at = False, time.monotonic()
        finally:
            for task in [*waiting, timer]:
                task.cancel()
            await asyncio.gather(*waiting, timer, return_exceptions=True)
        return found

    async def _ask(self, facility: Facility, window: DateWindow, found: _Found) -> None:
        sources = self._tools.sources
        supported = await sources.contracts(facility)
        reason = why_not_eligible(facility, supported.value if supported else None)
        if reason is not None:
            found.problems[facility.id] = not_eligible(facility, reason)
            return
        filters = narrowed(self._command.filters, supported.value if supported else frozenset())
        self._filters[facility.id] = filters
        try:
            found.answers[facility.id] = await sources.days(facility, window, filters, self._asking)
        except SchedulingFailure as failure:
            found.problems[facility.id] = problem_of(failure, facility)

    def _days(self, window: DateWindow, found: _Found) -> tuple[Day, ...]:
        # In the order of the choice, so that an answer's arrival never reorders what is shown.
        answers: Mapping[str, tuple[AvailableDate, ...]] = {
            one.id: found.answers[one.id].value for one in self._facilities if one.id in found.answers
        }
        return merge_days(answers, window, self._command.today, self._before)

    def _choose_first_day(self, window: DateWindow, found: _Found) -> None:
        if self._chosen is None:
            new = self._days(window, found)
            self._chosen = new[0].date if new else None

    def _ask_timeslots(self, window: DateWindow, found: _Found, timeslots: asyncio.TaskGroup) -> None:
        if self._chosen is None or SectionName.TIMESLOTS not in self._telling.open:
            return
        if self._day is None:
            self._day = DayOfTimeslots(
                self._chosen,
                self._command,
                self._command.current,
                self._telling,
                self._asking,
                sources=self._tools.sources,
                sealer=self._tools.sealer,
                clock=self._tools.clock,
            )
            self._day.more_may_come(True)
        chosen = next((day for day in self._days(window, found) if day.date == self._chosen), None)
        for facility in self._facilities:
            if chosen and facility.id in chosen.facilities and facility.id in self._filters:
                timeslots.create_task(self._day.ask(facility, self._filters[facility.id]))

    async def _tell_partial(self, window: DateWindow, found: _Found) -> None:
        await self._telling.tell(SectionName.DAYS, self._section(State.PARTIAL, window, found))

    async def _tell_end(self, window: DateWindow, found: _Found) -> None:
        days = self._days(window, found)
        if days:
            state = State.READY
        else:
            # A day is never told as missing while somebody couldn't be asked.
            state = State.FAILED if found.problems else State.EMPTY
        if self._further and found.problems and not found.answers:
            # Nobody answered: what was shown stays, the search can be tried again from where it was.
            state = State.FAILED
        if self._day is None:
            # No day, so no timeslots to look up: that section stays as the choice left it.
            self._telling.open.discard(SectionName.TIMESLOTS)
        name = EventName.DAYS_EXTENDED if self._further and state is not State.FAILED else None
        await self._telling.tell(SectionName.DAYS, self._section(state, window, found), name=name, last=True)

    def _section(self, state: State, window: DateWindow, found: _Found) -> Section:
        language = self._command.language
        problem = None
        last_day = window.last
        if state is State.FAILED:
            problem = next(iter(found.problems.values())).public(language)
            if isinstance(self._command, SearchFurtherDays):
                last_day = self._command.found.last_day
        searched = tuple(
            SearchedFacility(
                facility=one.id,
                facility_name=one.name,
                source_status=found.answers[one.id].status if one.id in found.answers else SourceStatus.NONE,
                problem=found.problems[one.id].public(language) if one.id in found.problems else None,
            )
            for one in self._facilities
            if one.id in found.answers or one.id in found.problems
        )
        data = DaysData(
            first_day=self._first_day,
            last_day=last_day,
            can_search_further=last_day < self._horizon,
            searched=searched,
            days=self._days(window, found),
            chosen=self._chosen,
        )
        fetched = [answer.fetched_at for answer in found.answers.values()]
        return Section(
            state=state,
            problem=problem,
            source_status=worst(answer.status for answer in found.answers.values()),
            fetched_at=min(fetched) if fetched else None,
            data=data,
        )


async def tell_performers(command: SearchDays, telling: Telling, asking: Asking, tools: Tools) -> None:
    """Tell the people of the chosen facilities that let one choose; hidden when none does."""
    facilities = [facility for one in command.facilities if (facility := tools.configuration.facility(one)) is not None]
    supported = await asyncio.gather(*(tools.sources.contracts(facility) for facility in facilities))
    asked = [
        facility
        for facility, support in zip(facilities, supported, strict=True)
        if support is not None and Interaction.GET_ALL_PERFORMERS in support.value and len(facility.producers) == 1
    ]
    if not asked:
        unknown = any(support is None for support in supported)
        reason = HiddenReason.REGISTRY_UNAVAILABLE if unknown else HiddenReason.CONTRACT_MISSING
        await telling.tell(SectionName.PERFORMERS, Section(state=State.HIDDEN, reason=reason), last=True)
        return
    time_types = [command.filters.time_type_id] if command.filters.time_type_id else []
    answers: dict[str, Answer[tuple[PerformerInfo, ...]]] = {}
    problems: list[Problem] = []

    async def ask(facility: Facility) -> None:
        try:
            answers[facility.id] = await tools.sources.performers(facility, time_types, asking)
        except SchedulingFailure as failure:
            problems.append(problem_of(failure, facility))

    async with asyncio.TaskGroup() as branches:
        for facility in asked:
            branches.create_task(ask(facility))
    people = merge_performers({one.id: answers[one.id].value for one in asked if one.id in answers})
    state = State.READY if people else State.FAILED if problems else State.EMPTY
    section = Section(
        state=state,
        problem=problems[0].public(command.language) if problems else None,
        source_status=worst(answer.status for answer in answers.values()),
        fetched_at=min((answer.fetched_at for answer in answers.values()), default=None),
        data=people,
    )
    await telling.tell(SectionName.PERFORMERS, section, last=True)


def narrowed(filters: SearchFilters, supported: frozenset[Interaction]) -> SearchFilters:
    """The filters that a facility may be sent: care types only where it supports GetAllCareTypes."""
    if Interaction.GET_ALL_CARE_TYPES in supported:
        return filters
    return filters.model_copy(update={"care_type_name": None, "care_type_id": None})


def worst(statuses: Iterable[SourceStatus]) -> SourceStatus:
    """The least fresh of several answers' states; none at all when nobody answered."""
    order = [SourceStatus.FROM_SOURCE, SourceStatus.FROM_CACHE, SourceStatus.STALE]
    found = [status for status in statuses if status in order]
    return max(found, key=order.index, default=SourceStatus.NONE)
