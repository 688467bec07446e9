"""The timeslots of a chosen day: asked of the facilities that have it, told as each answers.

Past ones are dropped, the one that the patient already has is marked, and the timeslot itself stays on our side under
an opaque id. Source: the seed, "Välj tid"; the flow rules, decision 11.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from operator import attrgetter

from services.availability.large import LARGE, beside
from services.availability.merge import sort_timeslots
from services.availability.sources import Answer, Asking, Sources
from services.availability.telling import TOGETHER_SECONDS, Superseded, Telling
from services.availability.unavailable import problem_of
from shared.clock import Clock
from shared.configuration import Facility
from shared.contracts.civil_time import CivilTime
from shared.contracts.commands import CurrentTime, LookUp
from shared.contracts.identifiers import hsa_key
from shared.contracts.model import Language, SearchFilters, SourceStatus, Timeslot
from shared.contracts.problems import Problem
from shared.contracts.sections import Section, SectionName, State, TimeslotOption, TimeslotsData, TimeslotsRead
from shared.presentation.yellow_box import yellow_box
from shared.scheduling.failures import SchedulingFailure
from shared.sealing import Sealer

_named = attrgetter(*(name for name in Timeslot.model_fields if name != "subject_of_care"))


def timeslot_ids(sealer: Sealer, rebooking_id: str, facility: Facility) -> Callable[[Timeslot], str]:
    """What gives a timeslot its opaque name within a rebooking: the same for the same fields, over cached answers too.

    A name is a keyed digest of 128 bits, 22 URL-safe characters.
    """
    key = sealer.digest("timeslot", rebooking_id, hsa_key(facility.id)).encode()

    def name(timeslot: Timeslot) -> str:
        # A field's text is never empty and holds no control character but a line's end: XML has no others.
        fields = "\x1f".join(["" if value is None else str(value) for value in _named(timeslot)])
        digest = blake2b(fields.encode(), key=key, digest_size=16).digest()
        return urlsafe_b64encode(digest).decode().rstrip("=")

    return name


class DayOfTimeslots:
    """Collects one day's timeslots from one facility after another, and tells them."""

    def __init__(
        self,
        day: dt.date,
        command: LookUp,
        current: CurrentTime,
        telling: Telling,
        asking: Asking,
        *,
        sources: Sources,
        sealer: Sealer,
        clock: Clock,
    ) -> None:
        self._day = day
        self._command = command
        self._current = current
        self._telling = telling
        self._asking = asking
        self._sources = sources
        self._sealer = sealer
        self._clock = clock
        self._options: list[TimeslotOption] = []
        self._read: dict[str, Timeslot] = {}
        self._problems: list[Problem] = []
        self._answers: list[Answer[tuple[Timeslot, ...]]] = []
        self._asked: set[str] = set()
        self._waiting = 0
        self._more_may_come = False
        self._complete = asyncio.Event()
        self._untold = False
        self._teller = False
        self._told_at = -TOGETHER_SECONDS

    def more_may_come(self, yes: bool) -> None:
        """Say whether facilities may still turn out to have the day: what is there is told without waiting for them."""
        self._more_may_come = yes
        self._count(0)

    async def ask(self, facility: Facility, filters: SearchFilters) -> None:
        """Ask a facility, once, and tell what it had as part of the day."""
        if hsa_key(facility.id) in self._asked:
            return
        self._asked.add(hsa_key(facility.id))
        self._count(1)
        try:
            answer = await self._sources.timeslots(facility, self._day, filters, self._asking)
        except SchedulingFailure as failure:
            self._problems.append(problem_of(failure, facility))
        else:
            self._answers.append(answer)
            large = len(answer.value) > LARGE
            read, options = await beside(lambda: self._drawn(facility, answer.value), large=large)
            self._read.update(read)
            self._options += options
        finally:
            self._count(-1)
        if self._options:
            await self._tell_part()

    async def end(self) -> None:
        """Tell the day as it is now that everybody asked has answered, unless another day has been chosen meanwhile."""
        if SectionName.TIMESLOTS not in self._telling.open:
            return
        if self._options:
            state = State.READY
        else:
            state = State.FAILED if self._problems else State.EMPTY
        await self._tell(state, last=True)

    def _count(self, change: int) -> None:
        self._waiting += change
        if self._waiting or self._more_may_come:
            self._complete.clear()
        else:
            self._complete.set()

    async def _tell_part(self) -> None:
        """Tell what there is while more is waited for; one of those who have something to tell does it for them all."""
        self._untold = True
        if self._teller:
            return
        self._teller = True
        try:
            while self._untold:
                wait = self._told_at + TOGETHER_SECONDS - time.monotonic()
                if wait > 0:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._complete.wait(), wait)
                if self._complete.is_set():
                    return
                self._untold = False
                await self._tell(State.PARTIAL)
                self._told_at = time.monotonic()
        finally:
            self._teller = False

    async def _tell(self, state: State, *, last: bool = False) -> None:
        try:
            options, read, large = tuple(self._options), dict(self._read), len(self._options) > LARGE
            section, private = await beside(lambda: (self._section(state, options), self._private(read)), large=large)
            await self._telling.tell(SectionName.TIMESLOTS, section, private=private, last=last, large=large)
        except Superseded:
            # Another day was chosen meanwhile; the search for days goes on all the same.
            self._telling.open.discard(SectionName.TIMESLOTS)

    def _drawn(
        self, facility: Facility, timeslots: Iterable[Timeslot]
    ) -> tuple[dict[str, Timeslot], list[TimeslotOption]]:
        """The timeslots of the day that are still to come: each as it was read, and as it is shown."""
        now, day = CivilTime.of(self._clock.now()), self._day.isoformat()
        read: dict[str, Timeslot] = {}
        options: list[TimeslotOption] = []
        named = timeslot_ids(self._sealer, self._command.rebooking_id, facility)
        for timeslot in timeslots:
            if timeslot.start is None or timeslot.end is None or timeslot.start <= now:
                continue
            if timeslot.start.day != day:
                continue
            name = named(timeslot)
            read[name] = timeslot
            options.append(_option(name, timeslot, facility, self._current, self._command.language))
        return read, options

    def _section(self, state: State, options: Sequence[TimeslotOption]) -> Section:
        fetched = [answer.fetched_at for answer in self._answers]
        cached = any(answer.status is SourceStatus.FROM_CACHE for answer in self._answers)
        problem = self._problems[0].public(self._command.language) if self._problems else None
        return Section(
            state=state,
            problem=problem,
            source_status=(SourceStatus.FROM_CACHE if cached else SourceStatus.FROM_SOURCE)
            if self._answers
            else SourceStatus.NONE,
            fetched_at=min(fetched) if fetched else None,
            data=TimeslotsData(date=self._day, timeslots=sort_timeslots(options)),
        )

    def _private(self, read: dict[str, Timeslot]) -> bytes:
        return self._sealer.seal_model(TimeslotsRead(timeslots=read), sparse=True)


def _option(
    name: str, timeslot: Timeslot, facility: Facility, current: CurrentTime, language: Language
) -> TimeslotOption:
    assert timeslot.start is not None
    assert timeslot.end is not None
    is_current = (
        hsa_key(facility.id) == hsa_key(current.facility)
        and timeslot.start == current.start
        and (current.end is None or timeslot.end == current.end)
    )
    return TimeslotOption(
        timeslot_id=name,
        facility=facility.id,
        facility_name=facility.name,
        start=timeslot.start.iso,
        end=timeslot.end.iso,
        who=timeslot.who,
        performer=timeslot.performer,
        message_allowed=bool(timeslot.message_allowed),
        current=is_current,
        # Its own reason isn't the patient's comment, which page 4 shows in its place.
        summary=yellow_box(timeslot, facility=facility, language=language, reason=None),
    )


async def ask_all(day: DayOfTimeslots, facilities: Iterable[tuple[Facility, SearchFilters]]) -> None:
    """Ask every facility at once and tell the day when all have answered."""
    # Until each has begun to be asked, one that answers at once isn't the last of them.
    day.more_may_come(True)
    async with asyncio.TaskGroup() as branches:
        for facility, filters in facilities:
            branches.create_task(day.ask(facility, filters))
        await asyncio.sleep(0)
        day.more_may_come(False)
    await day.end()
