"""Whose answer it is: whatever comes in whatever order, a look-up gives the answer to its own question.

The booking systems here write the whole question, patient and actor included, into every answer.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from services.availability.cache import NOTHING, Found, MemoryCache, Place
from services.availability.guard import Guards
from services.availability.sources import Asking, Sources
from shared.clock import FixedClock
from shared.configuration import Configuration, parse_configuration
from shared.contracts.identifiers import SubjectOfCareId, hsa_key
from shared.contracts.model import (
    Actor,
    ActorType,
    AvailableDate,
    FacilityInfo,
    Identity,
    PerformerInfo,
    SearchFilters,
    SourceStatus,
    Timeslot,
)
from shared.contracts.rules import DateWindow
from shared.scheduling.failures import ConnectionBroken, SchedulingFailure
from shared.scheduling.fake import FakeBookingSystems
from shared.scheduling.port import CallContext
from shared.scheduling.rate import MemoryRate
from shared.sealing import Sealer
from tests.builders.scheduling import FACILITY, OTHER_FACILITY, a_timeslot

NOW = dt.datetime(2026, 1, 15, 8, 0, tzinfo=dt.UTC)
SAGA, NILS = SubjectOfCareId("198706222380"), SubjectOfCareId("195103092390")
AGENT = "SE2321000016-A001"


@dataclass(frozen=True)
class Question:
    """Everything that a look-up may ask, and for whom."""

    kind: str = "timeslots"
    facility: str = FACILITY
    subject: SubjectOfCareId = SAGA
    actor: Actor = Actor(id=SAGA, type=ActorType.SUBJECT_OF_CARE)  # noqa: RUF009 -- frozen
    day: int = 20
    filters: SearchFilters = SearchFilters(booking_id="B-1")  # noqa: RUF009 -- frozen

    @property
    def mark(self) -> str:
        """What an answer to it, and to nothing else, holds."""
        by_kind: dict[str, tuple[Any, ...]] = {
            "timeslots": (self.day, self.filters.model_dump_json()),
            "days": (self.day, self.filters.model_dump_json()),
            "facilities": (self.filters.booking_id,),
            "performers": (self.filters.time_type_id,),
        }
        who = (hsa_key(self.facility), self.subject.reveal(), self.actor.type.value, self.actor.wire_id)
        return repr((self.kind, *who, *by_kind[self.kind]))


class MarkedSystems(FakeBookingSystems):
    """Booking systems whose every answer says which question it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.asked: Counter[str] = Counter()
        self.open = asyncio.Event()
        self.open.set()

    async def _marked(self, question: Question) -> str:
        self.asked[question.mark] += 1
        await self.open.wait()
        await asyncio.sleep(0)
        if self.down:
            raise ConnectionBroken("down")
        return question.mark

    async def get_available_timeslots(
        self, facility: str, subject: SubjectOfCareId, window: DateWindow, filters: SearchFilters, context: CallContext
    ) -> tuple[Timeslot, ...]:
        """One timeslot, its performer's name the question."""
        question = Question("timeslots", facility, subject, context.actor, window.first.day, filters)
        return (a_timeslot(performer_name=await self._marked(question)),)

    async def get_available_dates(
        self, facility: str, subject: SubjectOfCareId, window: DateWindow, filters: SearchFilters, context: CallContext
    ) -> tuple[AvailableDate, ...]:
        """One day, its resource the question."""
        question = Question("days", facility, subject, context.actor, window.first.day, filters)
        return (AvailableDate(date=window.first, resource_id=await self._marked(question)),)

    async def get_all_healthcare_facilities(
        self, facility: str, subject: SubjectOfCareId, booking_id: str, context: CallContext
    ) -> tuple[FacilityInfo, ...]:
        """One facility, its name the question."""
        filters = SearchFilters(booking_id=booking_id)
        question = Question("facilities", facility, subject, context.actor, filters=filters)
        return (FacilityInfo(healthcare_facility=facility, name=await self._marked(question)),)

    async def get_all_performers(
        self, facility: str, subject: SubjectOfCareId, time_type_ids: Sequence[str], context: CallContext
    ) -> tuple[PerformerInfo, ...]:
        """One person, their name the question."""
        filters = SearchFilters(booking_id="", time_type_id=time_type_ids[0] if time_type_ids else None)
        question = Question("performers", facility, subject, context.actor, filters=filters)
        return (PerformerInfo(performer="P", first_name=await self._marked(question), last_name=""),)


class LosableCache(MemoryCache):
    """A cache in memory that can be away, as a Redis can."""

    away = False

    async def look(self, place: Place) -> Found:
        """What stands there."""
        return NOTHING if self.away else await super().look(place)

    async def lead(self, place: Place, owner: str, *, seconds: float) -> Found:
        """What stands there, or the lead."""
        return NOTHING if self.away else await super().lead(place, owner, seconds=seconds)

    async def keep(self, place: Place, generation: int, owner: str | None, value: bytes) -> None:
        """Keep an answer."""
        if not self.away:
            await super().keep(place, generation, owner, value)

    async def leave(self, place: Place, generation: int, owner: str) -> None:
        """Give the lead up."""
        if not self.away:
            await super().leave(place, generation, owner)


@dataclass
class Processes:
    """Two availability processes over one cache."""

    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    systems: MarkedSystems = field(default_factory=MarkedSystems)

    def __post_init__(self) -> None:
        self.cache = LosableCache(self.clock)
        self.configuration = configuration()
        sealer = Sealer((Fernet.generate_key().decode(),), "k" * 32)
        self.sources = [
            Sources(
                self.configuration,
                self.systems,
                Guards(self.configuration, MemoryRate.of(self.configuration, self.clock), self.clock),
                self.cache,
                sealer,
                self.clock,
            )
            for _ in range(2)
        ]

    async def ask(self, question: Question, process: int = 0) -> tuple[str, SourceStatus]:
        """The mark of the answer, and how fresh it is."""
        facility = self.configuration.facility(question.facility)
        assert facility is not None
        identity = Identity(subject=question.subject, actor=question.actor)
        asking = Asking(identity, self.clock.now().timestamp() + 10)
        sources, day = self.sources[process], dt.date(2026, 1, question.day)
        match question.kind:
            case "timeslots":
                slots = await sources.timeslots(facility, day, question.filters, asking)
                return str(slots.value[0].performer_name), slots.status
            case "days":
                window = DateWindow(day, day + dt.timedelta(days=30))
                days = await sources.days(facility, window, question.filters, asking)
                return str(days.value[0].resource_id), days.status
            case "facilities":
                found = await sources.facilities(facility, question.filters.booking_id, asking)
                return str(found.value[0].name), found.status
            case _:
                time_types = [question.filters.time_type_id] if question.filters.time_type_id else []
                people = await sources.performers(facility, time_types, asking)
                return people.value[0].first_name, people.status


def configuration() -> Configuration:
    """Two facilities of one booking system, whose limits nothing here meets."""
    return parse_configuration(
        f"""
producers:
  north:
    url: "http://127.0.0.1:9/{{contract}}"
    limits: {{concurrency: 1000, rate: null}}
    breaker: {{failures: 1000}}
facilities:
  {FACILITY}: {{name: Eken, phone: 08-1, producers: [north], contracts: []}}
  {OTHER_FACILITY}: {{name: Boken, phone: 08-2, producers: [north], contracts: []}}
"""
    )


OTHERWISE: dict[str, dict[str, Any]] = {
    "facility": {"facility": OTHER_FACILITY},
    "subject": {"subject": NILS},
    "actor": {"actor": Actor(id=NILS, type=ActorType.SUBJECT_OF_CARE)},
    "agent": {"actor": Actor(id=AGENT, type=ActorType.AGENT)},
    "day": {"day": 21},
    **{name: {"filters": SearchFilters(**{"booking_id": "B-1", name: "other"})} for name in SearchFilters.model_fields},
}
"""Each field of a question with another value in it."""


@pytest.mark.parametrize("swapped", OTHERWISE)
@pytest.mark.parametrize("kind", ["timeslots", "days", "facilities", "performers"])
async def test_a_question_that_differs_in_one_field_gets_its_own_answer(kind: str, swapped: str) -> None:
    """Whatever the field: what was kept for the one is never given for the other."""
    processes, question = Processes(), Question(kind)
    other = replace(question, **OTHERWISE[swapped])
    for one in (question, other, question, other):
        mark, _ = await processes.ask(one)
        assert mark == one.mark
    assert set(processes.systems.asked.values()) == {1}


QUESTIONS = st.builds(
    Question,
    kind=st.sampled_from(["timeslots", "days", "facilities", "performers"]),
    facility=st.sampled_from([FACILITY, OTHER_FACILITY, FACILITY.lower()]),
    subject=st.sampled_from([SAGA, NILS]),
    actor=st.sampled_from(
        [
            Actor(id=SAGA, type=ActorType.SUBJECT_OF_CARE),
            Actor(id=NILS, type=ActorType.SUBJECT_OF_CARE),
            Actor(id=AGENT, type=ActorType.AGENT),
        ]
    ),
    day=st.sampled_from([20, 21]),
    filters=st.sampled_from(
        [
            SearchFilters(booking_id="B-1"),
            SearchFilters(booking_id="B-2"),
            SearchFilters(booking_id="B-1", performer="P"),
        ]
    ),
)
STEPS = st.one_of(
    st.tuples(st.just("ask"), QUESTIONS, st.integers(0, 1)),
    st.tuples(st.just("leave"), st.integers(0, 50)),
    st.tuples(st.sampled_from(["hold", "let go", "away", "back", "down", "up", "purge", "later", "turn"])),
)


@settings(max_examples=150)
@given(st.lists(STEPS, min_size=5, max_size=40))
def test_no_interleaving_gives_one_patient_the_others_answer(steps: list[tuple[Any, ...]]) -> None:
    """Two patients and an agent, two processes; the cache comes and goes, answers come late, and people leave."""
    asyncio.run(_interleave(steps))


async def _interleave(steps: list[tuple[Any, ...]]) -> None:
    processes = Processes()
    systems, cache = processes.systems, processes.cache
    asked: list[tuple[Question, asyncio.Task[tuple[str, SourceStatus]]]] = []
    for step in steps:
        match step:
            case ("ask", question, process):
                asked.append((question, asyncio.create_task(processes.ask(question, process))))
            case ("leave", number) if asked:
                asked[number % len(asked)][1].cancel()
            case ("hold",):
                systems.open.clear()
            case ("let go",):
                systems.open.set()
            case ("away",) | ("back",):
                cache.away = step == ("away",)
            case ("down",) | ("up",):
                systems.down = step == ("down",)
            case ("purge",):
                await cache.purge(hsa_key(FACILITY))
            case ("later",):
                processes.clock.move(20)
        for _ in range(3):
            await asyncio.sleep(0)
    systems.open.set()
    results = await asyncio.gather(*(task for _, task in asked), return_exceptions=True)
    for (question, _), result in zip(asked, results, strict=True):
        if isinstance(result, BaseException):
            assert isinstance(result, SchedulingFailure | asyncio.CancelledError)
            continue
        mark, status = result
        assert mark == question.mark
        assert not (question.kind == "timeslots" and status is SourceStatus.STALE)


async def test_while_the_cache_is_gone_nothing_is_kept_for_later() -> None:
    """What was asked for then may be of before a purge that nobody could note: it is asked for anew."""
    processes, question = Processes(), Question()
    processes.cache.away = True
    for _ in range(2):
        assert await processes.ask(question) == (question.mark, SourceStatus.FROM_SOURCE)
    processes.cache.away = False
    assert await processes.ask(question) == (question.mark, SourceStatus.FROM_SOURCE)
    assert await processes.ask(question, process=1) == (question.mark, SourceStatus.FROM_CACHE)
    assert processes.systems.asked[question.mark] == 3


async def test_two_processes_that_want_the_same_make_one_call() -> None:
    """The other finds the first one's answer."""
    processes, question = Processes(), Question()
    answers = await asyncio.gather(*(processes.ask(question, number % 2) for number in range(20)))
    assert {mark for mark, _ in answers} == {question.mark}
    assert processes.systems.asked == {question.mark: 1}
