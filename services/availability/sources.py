"""Where answers come from: the cache while it is fresh, else the booking system, else a stale copy, marked.

Each look-up says how fresh its answer is in the field's own words. GetBookingDetails and the schedule are never
cached; timeslots are never told stale. Source: architecture, "Cache"; the interface, "Snapshot".
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from services.availability.cache import Cache, Place
from services.availability.guard import Guards
from services.availability.large import LARGE, LARGE_BYTES, beside
from services.availability.single_flight import LEAD_SECONDS, SingleFlight, one_of_all
from shared.clock import Clock
from shared.configuration import Configuration, Facility
from shared.contracts.identifiers import hsa_key
from shared.contracts.model import (
    AvailableDate,
    FacilityInfo,
    Identity,
    Interaction,
    PerformerInfo,
    SearchFilters,
    SourceStatus,
    Timeslot,
)
from shared.contracts.rules import DateWindow
from shared.observability.metrics import LOOK_UPS
from shared.scheduling.failures import SchedulingFailure
from shared.scheduling.port import CallContext, LookUps
from shared.sealing import SealBroken, Sealer

log = logging.getLogger(__name__)

STALE_SECONDS = 600.0
"""How long a stale copy may serve when the booking system is down."""

REGISTRY_RETRY_SECONDS = 300.0
"""After a technical error the registry is asked again at most this often (source: contract description 3.6)."""

REGISTRY_PATIENCE = 5.0

Value = TypeVar("Value")


@dataclass(frozen=True)
class Answer(Generic[Value]):
    """An answer, how fresh it is, and when it was fetched from its source."""

    value: Value
    status: SourceStatus
    fetched_at: dt.datetime


@dataclass(frozen=True)
class Asking:
    """On whose behalf a look-up is made, until when (UTC seconds), and the click behind it."""

    identity: Identity
    deadline: float
    correlation_id: str | None = None


_CONTRACTS = TypeAdapter(frozenset[Interaction])
_FACILITIES = TypeAdapter(tuple[FacilityInfo, ...])
_PERFORMERS = TypeAdapter(tuple[PerformerInfo, ...])
_DAYS = TypeAdapter(tuple[AvailableDate, ...])
_TIMESLOTS = TypeAdapter(tuple[Timeslot, ...])


class Sources:
    """Every look-up, through cache and guard."""

    def __init__(
        self,
        configuration: Configuration,
        systems: LookUps,
        guards: Guards,
        cache: Cache,
        sealer: Sealer,
        clock: Clock,
    ) -> None:
        self._configuration = configuration
        self._systems = systems
        self._guards = guards
        self._cache = cache
        self._sealer = sealer
        self._clock = clock
        self._flights = SingleFlight()
        self._owner = secrets.token_hex(8)
        """This process, as others see it in the leads that it takes."""
        self._last_known: dict[str, Answer[frozenset[Interaction]]] = {}
        self._ask_registry_from: dict[str, float] = {}

    async def booking(self, facility: Facility, booking_id: str, asking: Asking) -> Timeslot | None:
        """One booking, always from its source. Raises SchedulingFailure."""
        return await self._guarded(
            facility, asking, lambda context: self._systems.get_booking_details(facility.id, booking_id, context)
        )

    async def schedule(self, facility: Facility, asking: Asking) -> tuple[Timeslot, ...]:
        """The patient's booked times at a facility, always from their source. Raises SchedulingFailure."""
        subject = asking.identity.subject
        return await self._guarded(
            facility, asking, lambda context: self._systems.get_subject_of_care_schedule(facility.id, subject, context)
        )

    async def contracts(self, facility: Facility) -> Answer[frozenset[Interaction]] | None:
        """What a facility supports: configured, or the registry's word, or its last known word however old.

        None when the registry has never answered.
        """
        now = self._clock.now()
        if facility.contracts != "auto":
            return Answer(frozenset(facility.contracts), SourceStatus.FROM_SOURCE, now)
        known = self._last_known.get(facility.id)
        fresh_for = self._configuration.cache.contracts
        if known and (now - known.fetched_at).total_seconds() < fresh_for:
            return Answer(known.value, SourceStatus.FROM_CACHE, known.fetched_at)
        if self._clock.monotonic() >= self._ask_registry_from.get(facility.id, 0.0):
            try:
                value = await self._flights.do(
                    f"contracts {facility.id}", lambda: self._systems.get_supported_service_contracts(facility.id)
                )
            except SchedulingFailure as failure:
                log.warning("the registry doesn't answer: %s", failure)
                self._ask_registry_from[facility.id] = self._clock.monotonic() + REGISTRY_RETRY_SECONDS
            else:
                answer = Answer(value, SourceStatus.FROM_SOURCE, self._clock.now())
                self._last_known[facility.id] = answer
                await self._keep_contracts(facility, answer)
                return answer
        known = known or await self._kept_contracts(facility)
        return Answer(known.value, SourceStatus.STALE, known.fetched_at) if known else None

    async def facilities(self, facility: Facility, booking_id: str, asking: Asking) -> Answer[tuple[FacilityInfo, ...]]:
        """Where a booking may be moved to. Raises SchedulingFailure."""
        subject = asking.identity.subject
        return await self._cached(
            Interaction.GET_ALL_HEALTHCARE_FACILITIES,
            facility,
            asking,
            (booking_id,),
            _FACILITIES,
            self._configuration.cache.facilities,
            lambda context: self._systems.get_all_healthcare_facilities(facility.id, subject, booking_id, context),
        )

    async def performers(
        self, facility: Facility, time_type_ids: Sequence[str], asking: Asking
    ) -> Answer[tuple[PerformerInfo, ...]]:
        """The people at a facility. Raises SchedulingFailure."""
        subject = asking.identity.subject
        return await self._cached(
            Interaction.GET_ALL_PERFORMERS,
            facility,
            asking,
            tuple(time_type_ids),
            _PERFORMERS,
            self._configuration.cache.performers,
            lambda context: self._systems.get_all_performers(facility.id, subject, time_type_ids, context),
        )

    async def days(
        self, facility: Facility, window: DateWindow, filters: SearchFilters, asking: Asking
    ) -> Answer[tuple[AvailableDate, ...]]:
        """The days with free timeslots. Raises SchedulingFailure."""
        subject = asking.identity.subject
        return await self._cached(
            Interaction.GET_AVAILABLE_DATES,
            facility,
            asking,
            _search_key(window, filters),
            _DAYS,
            self._configuration.cache.days,
            lambda context: self._systems.get_available_dates(facility.id, subject, window, filters, context),
        )

    async def timeslots(
        self, facility: Facility, day: dt.date, filters: SearchFilters, asking: Asking
    ) -> Answer[tuple[Timeslot, ...]]:
        """The free timeslots of a day, never stale. Raises SchedulingFailure."""
        subject, window = asking.identity.subject, DateWindow.of_day(day)
        return await self._cached(
            Interaction.GET_AVAILABLE_TIMESLOTS,
            facility,
            asking,
            _search_key(window, filters),
            _TIMESLOTS,
            self._configuration.cache.timeslots,
            lambda context: self._systems.get_available_timeslots(facility.id, subject, window, filters, context),
            stale=0.0,
        )

    async def _cached(
        self,
        interaction: Interaction,
        facility: Facility,
        asking: Asking,
        parts: tuple[str, ...],
        kind: TypeAdapter[Value],
        fresh: float,
        make: Callable[[CallContext], Awaitable[Value]],
        *,
        stale: float = STALE_SECONDS,
    ) -> Answer[Value]:
        place = Place(self._key(interaction, facility, asking, parts), hsa_key(facility.id), fresh, stale)
        # Who finds nothing has the lead at once: a miss costs no second asking.
        kept_at_all = fresh > 0
        found = await (
            self._cache.lead(place, self._owner, seconds=LEAD_SECONDS) if kept_at_all else self._cache.look(place)
        )
        if found.fresh and (kept := await self._opened(found.value, kind)) is not None:
            LOOK_UPS.labels(interaction.value, "hit").inc()
            return kept
        result = "joined"

        async def ask() -> Answer[Value]:
            nonlocal result
            result = "miss"
            value = await self._guarded(facility, asking, make)
            return Answer(value, SourceStatus.FROM_SOURCE, self._clock.now())

        async def fetch() -> Answer[Value]:
            if not kept_at_all or found.generation is None:
                return await ask()  # nothing can be kept, so nothing can be left for others to find
            own: Answer[Value] | None = None

            async def make_own() -> bytes:
                nonlocal own
                own = await ask()
                return await self._closed(own, kind)

            seconds = self._patience(facility, asking)
            value = await one_of_all(
                self._cache, place, found, self._owner, make_own, seconds=seconds, clock=self._clock
            )
            return own or await self._opened(value, kind) or await ask()

        try:
            # A call of before a purge is joined by nobody who comes after it.
            return await self._flights.do(f"{place.key} {found.generation}", fetch)
        except SchedulingFailure:
            if found.fresh or (kept := await self._opened(found.value, kind)) is None:
                raise
            LOOK_UPS.labels(interaction.value, "stale").inc()
            return Answer(kept.value, SourceStatus.STALE, kept.fetched_at)
        finally:
            LOOK_UPS.labels(interaction.value, result).inc()

    def _patience(self, facility: Facility, asking: Asking) -> float:
        """How many seconds an answer of a facility's booking system may take."""
        limits = self._configuration.producers[facility.producers[0]]
        left = asking.deadline - self._clock.now().timestamp()
        return max(0.0, min(left, limits.timeouts.read + limits.limits.wait))

    async def _guarded(
        self, facility: Facility, asking: Asking, make: Callable[[CallContext], Awaitable[Value]]
    ) -> Value:
        async def call(seconds: float) -> Value:
            return await make(CallContext(asking.identity.actor, asking.correlation_id, timeout=seconds))

        return await self._guards.call(facility.producers[0], call, seconds=self._patience(facility, asking))

    def _key(self, interaction: Interaction, facility: Facility, asking: Asking, parts: tuple[str, ...]) -> str:
        identity = asking.identity
        return "look-up:2:" + self._sealer.digest(
            interaction.value,
            hsa_key(facility.id),
            identity.subject.reveal().upper(),
            identity.actor.type.value,
            identity.actor.wire_id.upper(),
            *parts,
        )

    async def _opened(self, sealed: bytes | None, kind: TypeAdapter[Value]) -> Answer[Value] | None:
        if sealed is None:
            return None
        return await beside(lambda: _open(self._sealer, sealed, kind), large=len(sealed) > LARGE_BYTES)

    async def _closed(self, answer: Answer[Value], kind: TypeAdapter[Value]) -> bytes:
        large = isinstance(answer.value, tuple) and len(answer.value) > LARGE
        return await beside(lambda: _close(self._sealer, answer, kind), large=large)

    async def _kept_contracts(self, facility: Facility) -> Answer[frozenset[Interaction]] | None:
        found = await self._cache.look(_contracts_place(facility))
        return await self._opened(found.value, _CONTRACTS)

    async def _keep_contracts(self, facility: Facility, answer: Answer[frozenset[Interaction]]) -> None:
        await self._cache.keep(_contracts_place(facility), 0, None, await self._closed(answer, _CONTRACTS))


def _open(sealer: Sealer, sealed: bytes, kind: TypeAdapter[Value]) -> Answer[Value] | None:
    try:
        fetched_at, _, value = sealer.open(sealed).partition(b"\n")
        at = dt.datetime.fromisoformat(fetched_at.decode())
        return Answer(kind.validate_json(value), SourceStatus.FROM_CACHE, at)
    except (SealBroken, ValueError):
        return None  # of another version, or under another key: as good as not there


def _close(sealer: Sealer, answer: Answer[Value], kind: TypeAdapter[Value]) -> bytes:
    value = kind.dump_json(answer.value, exclude_none=True, context={"reveal": True})
    return sealer.seal(answer.fetched_at.isoformat().encode() + b"\n" + value)


def _contracts_place(facility: Facility) -> Place:
    # The registry's word, which no rebooking changes: of no facility whose answers are ever purged.
    return Place(f"contracts:1:{hsa_key(facility.id)}", "registry", fresh=7 * 24 * 3600)


def _search_key(window: DateWindow, filters: SearchFilters) -> tuple[str, ...]:
    return (window.first.isoformat(), window.last.isoformat(), filters.model_dump_json())
