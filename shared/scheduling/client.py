"""The client of the booking systems: each interaction from the model to the wire and back.

Addresses come from the configuration alone. LogicalAddress is always the facility addressed, spelt as in the catalogue.
Source: contract description 3.2.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import aiohttp
from lxml import etree

from shared.configuration import Configuration, Producer
from shared.contracts.identifiers import SubjectOfCareId, hsa_key
from shared.contracts.model import (
    AvailableDate,
    FacilityInfo,
    Interaction,
    PerformerInfo,
    SearchFilters,
    Timeslot,
)
from shared.contracts.rules import TIME_TYPE_NAME_MAX_LENGTH, DateWindow
from shared.scheduling import envelopes
from shared.scheduling.answers import read_answer
from shared.scheduling.certificates import Certificates
from shared.scheduling.failures import ConnectionBroken, NotReached, SchedulingFailure, TimedOut, Unreadable
from shared.scheduling.interactions import (
    get_all_healthcare_facilities,
    get_all_performers,
    get_available_dates,
    get_available_timeslots,
    get_booking_details,
    get_subject_of_care_schedule,
    get_supported_service_contracts,
    ping_for_configuration,
    update_booking,
)
from shared.scheduling.port import CallContext, UpdateRequest
from shared.scheduling.transport import LOOK_UP_LIMIT, Answer, Way, http_headers, noting_ways, post
from shared.scheduling.update_connection import UpdateConnection, open_connection

Result = TypeVar("Result")
Free = TypeVar("Free", AvailableDate, Timeslot)

READ_OFF_THE_LOOP = 60_000
"""Answers of more bytes (about 60 timeslots) are read in a thread, so that they stall nobody else."""

OLD_CONNECTIONS_KEPT = 60.0
"""Seconds that connections under an old certificate live on for calls in flight."""

REGISTRY_TIMEOUT = 5.0
PING_TIMEOUT = 5.0


log = logging.getLogger(__name__)

REGISTRY = "registry"


@dataclass(frozen=True)
class Call:
    """A call that has ended: for metrics. `outcome` is `ok`, the kind of failure or its VP code, or `cancelled`.

    `why` is a failure's text, safe to log.

    An UpdateBooking's seconds are those of the sending; one that could not connect is told too.
    """

    producer: str
    interaction: Interaction
    seconds: float
    outcome: str
    why: str | None = None


class Addressee(NamedTuple):
    """A facility by its name in the catalogue, and the one booking system that serves it."""

    facility: str
    name: str
    producer: Producer


class SchedulingClient:
    """Speaks to every booking system of a configuration; belongs to the event loop on which it is started.

    Every call raises SchedulingFailure when there is no usable answer; LookupError for a facility without exactly one
    booking system, and for the registry where the configuration names none: those are never called.
    """

    def __init__(self, configuration: Configuration, *, on_call: Callable[[Call], None] | None = None) -> None:
        self._configuration = configuration
        self._on_call = on_call
        self._certificates = Certificates()
        self._sessions: dict[str | None, tuple[ssl.SSLContext | None, aiohttp.ClientSession]] = {}
        self._retired: dict[aiohttp.ClientSession, asyncio.Task[None]] = {}

    async def __aenter__(self) -> SchedulingClient:
        await asyncio.to_thread(envelopes.load)
        await asyncio.to_thread(self._certificates.prepare, self._configuration.producers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        for closing in self._retired.values():
            closing.cancel()
        for session in [*self._retired, *(session for _, session in self._sessions.values())]:
            await session.close()
        self._retired.clear()
        self._sessions.clear()

    async def get_subject_of_care_schedule(
        self, facility: str, subject: SubjectOfCareId, context: CallContext
    ) -> tuple[Timeslot, ...]:
        """The patient's booked times at a facility."""
        addressee = self._addressee(facility)
        fields = get_subject_of_care_schedule.to_wire(addressee.facility, subject)
        return await self._look_up(
            Interaction.GET_SUBJECT_OF_CARE_SCHEDULE, addressee, fields, get_subject_of_care_schedule.from_wire, context
        )

    async def get_booking_details(self, facility: str, booking_id: str, context: CallContext) -> Timeslot | None:
        """One booking; None when the facility doesn't have it. Raises Unreadable for another booking's."""
        addressee = self._addressee(facility)
        fields = get_booking_details.to_wire(addressee.facility, booking_id)
        found = await self._look_up(
            Interaction.GET_BOOKING_DETAILS, addressee, fields, get_booking_details.from_wire, context
        )
        if found is not None and found.booking_id not in (None, booking_id):
            raise Unreadable("the answer is about another booking than the one asked for")
        return found

    async def get_all_healthcare_facilities(
        self, facility: str, subject: SubjectOfCareId, booking_id: str, context: CallContext
    ) -> tuple[FacilityInfo, ...]:
        """The facilities that the booking may be moved to, asked of the one that has it."""
        addressee = self._addressee(facility)
        fields = get_all_healthcare_facilities.to_wire(addressee.facility, subject, booking_id)
        read = get_all_healthcare_facilities.from_wire
        return await self._look_up(Interaction.GET_ALL_HEALTHCARE_FACILITIES, addressee, fields, read, context)

    async def get_all_performers(
        self, facility: str, subject: SubjectOfCareId, time_type_ids: Sequence[str], context: CallContext
    ) -> tuple[PerformerInfo, ...]:
        """The people at a facility who take the given types of time."""
        addressee = self._addressee(facility)
        fields = get_all_performers.to_wire(addressee.facility, subject, time_type_ids)
        return await self._look_up(
            Interaction.GET_ALL_PERFORMERS, addressee, fields, get_all_performers.from_wire, context
        )

    async def get_available_dates(
        self, facility: str, subject: SubjectOfCareId, window: DateWindow, filters: SearchFilters, context: CallContext
    ) -> tuple[AvailableDate, ...]:
        """The days within the window that have free timeslots; what names another facility is left out."""
        addressee = self._addressee(facility)
        fields = get_available_dates.to_wire(addressee.facility, subject, window, filters)
        found = await self._look_up(
            Interaction.GET_AVAILABLE_DATES, addressee, fields, get_available_dates.from_wire, context
        )
        return _asked_for(found, addressee, Interaction.GET_AVAILABLE_DATES)

    async def get_available_timeslots(
        self, facility: str, subject: SubjectOfCareId, window: DateWindow, filters: SearchFilters, context: CallContext
    ) -> tuple[Timeslot, ...]:
        """The free timeslots within the window; what names another facility is left out."""
        addressee = self._addressee(facility)
        fields = get_available_timeslots.to_wire(addressee.facility, subject, window, filters)
        found = await self._look_up(
            Interaction.GET_AVAILABLE_TIMESLOTS, addressee, fields, get_available_timeslots.from_wire, context
        )
        return _asked_for(found, addressee, Interaction.GET_AVAILABLE_TIMESLOTS)

    async def get_supported_service_contracts(self, facility: str) -> frozenset[Interaction]:
        """What the registry says that we may ask of a facility; an unknown facility gives the empty set.

        Raises LookupError when the configuration names no registry, SchedulingFailure when it doesn't answer.
        """
        registry = self._configuration.registry
        if registry is None:
            raise LookupError("the configuration names no registry")
        interaction = Interaction.GET_SUPPORTED_SERVICE_CONTRACTS
        known = self._configuration.facility(facility)
        fields = get_supported_service_contracts.to_wire(registry.consumer, known.id if known else facility)
        body = envelopes.build(interaction, fields, logical_address=registry.logical_address, actor=None)
        return await self._call(
            None,
            interaction,
            registry.url,
            body,
            None,
            get_supported_service_contracts.from_wire,
            connect=REGISTRY_TIMEOUT,
            deadline=REGISTRY_TIMEOUT,
        )

    async def ping_for_configuration(self, facility: str) -> str:
        """Ask whether the booking system of a facility is alive; gives the version that it states."""
        facility, name, producer = self._addressee(facility)
        interaction = Interaction.PING_FOR_CONFIGURATION
        registry = self._configuration.registry
        owner = registry.logical_address if registry else facility
        fields = ping_for_configuration.to_wire(facility)
        body = envelopes.build(interaction, fields, logical_address=owner, actor=None)
        return await self._call(
            name,
            interaction,
            producer.address(interaction),
            body,
            None,
            ping_for_configuration.from_wire,
            connect=producer.timeouts.connect,
            deadline=min(producer.timeouts.read, PING_TIMEOUT),
        )

    async def connect(self, request: UpdateRequest, context: CallContext) -> UpdateConnection:
        """Build the whole UpdateBooking and open a fresh connection for it. Raises NotReached when that fails."""
        facility, name, producer = self._addressee(request.facility)
        interaction = Interaction.UPDATE_BOOKING
        fields = update_booking.to_wire(replace(request, facility=facility))
        body = envelopes.build(interaction, fields, logical_address=facility, actor=context.actor)
        started = time.monotonic()
        try:
            return await open_connection(
                producer.address(interaction),
                body=body,
                headers=http_headers(interaction, self._configuration.consumer, context.correlation_id),
                context=self._certificates.context(name, producer),
                connect=producer.timeouts.connect,
                silence=producer.timeouts.update,
                deadline=_at_most(producer.timeouts.deadline, context.timeout),
                told=partial(self._tell, name, interaction),
            )
        except NotReached as failure:
            self._tell(name, interaction, time.monotonic() - started, failure.kind, str(failure))
            raise

    async def _look_up(
        self,
        interaction: Interaction,
        addressee: Addressee,
        fields: dict[str, Any],
        read: Callable[[etree._Element], Result],
        context: CallContext,
    ) -> Result:
        producer = addressee.producer
        body = envelopes.build(interaction, fields, logical_address=addressee.facility, actor=context.actor)
        return await self._call(
            addressee.name,
            interaction,
            producer.address(interaction),
            body,
            context.correlation_id,
            read,
            connect=producer.timeouts.connect,
            deadline=_at_most(producer.timeouts.read, context.timeout),
        )

    async def _call(
        self,
        name: str | None,
        interaction: Interaction,
        url: str,
        body: bytes,
        correlation_id: str | None,
        read: Callable[[etree._Element], Result],
        *,
        connect: float,
        deadline: float,
    ) -> Result:
        started, outcome = time.monotonic(), "unforeseen"
        why: str | None = None
        try:
            headers = http_headers(interaction, self._configuration.consumer, correlation_id)
            answer = await self._asked(name, url, body, headers, connect=connect, deadline=deadline)
            if len(answer.body) > READ_OFF_THE_LOOP:
                result, left_out = await asyncio.to_thread(_understand, interaction, answer, read)
            else:
                result, left_out = _understand(interaction, answer, read)
            outcome = "ok"
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except SchedulingFailure as failure:
            outcome, why = failure.vp_code or failure.kind, str(failure)
            raise
        finally:
            self._tell(name or REGISTRY, interaction, time.monotonic() - started, outcome, why)
        if left_out > 0:
            log.warning("%s: %d entries of %s could not be read and are left out", name, left_out, interaction.value)
        if too_long := _too_long(result):
            limit = TIME_TYPE_NAME_MAX_LENGTH
            log.warning("%s: %d of %s have a timeTypeName over %d characters", name, too_long, interaction.value, limit)
        return result

    async def _asked(
        self, name: str | None, url: str, body: bytes, headers: dict[str, str], *, connect: float, deadline: float
    ) -> Answer:
        """Ask, and again for as long as it went by something kept from before that no longer leads there.

        A booking system that was started anew has closed the connections that we kept, or has another address. Asking
        again is harmless, for a look-up changes nothing, and ends, for whatever failed isn't kept any longer.
        """
        ends = time.monotonic() + deadline
        while True:
            way = Way()
            try:
                return await self._posted(name, url, body, headers, connect=connect, deadline=deadline, way=way)
            except (NotReached, ConnectionBroken):
                deadline = ends - time.monotonic()
                if not way.kept or deadline <= 0:
                    raise

    async def _posted(self, name: str | None, url: str, body: bytes, headers: dict[str, str], **bounds: Any) -> Answer:
        try:
            return await post(self._session(name), url, body, headers, limit=LOOK_UP_LIMIT, **bounds)
        except (NotReached, ConnectionBroken, TimedOut):
            self._forget_address(name)
            raise

    def _tell(self, name: str, interaction: Interaction, seconds: float, outcome: str, why: str | None) -> None:
        if self._on_call is not None:
            self._on_call(Call(name, interaction, seconds, outcome, why))

    def _addressee(self, facility: str) -> Addressee:
        found = self._configuration.facility(facility)
        if found is None or len(found.producers) != 1:
            raise LookupError("a facility without exactly one booking system is never called")
        return Addressee(found.id, found.producers[0], self._configuration.producers[found.producers[0]])

    def _session(self, name: str | None) -> aiohttp.ClientSession:
        """The pool of a booking system; None is the registry's."""
        context = self._certificates.context(name, self._configuration.producers[name]) if name is not None else None
        kept = self._sessions.get(name)
        if kept is not None and kept[0] is context:
            return kept[1]
        # No limits here: how many calls there may be at once is for those who call to say. A system that has moved is
        # found after the first call that fails, and within ten seconds where the old address still answers.
        connector = aiohttp.TCPConnector(limit=0, ssl=context or True, ttl_dns_cache=10, keepalive_timeout=30)
        session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[noting_ways()],
        )
        self._sessions[name] = (context, session)
        if kept is not None:
            # The certificate files have changed: calls in flight end on the old connections, new ones use these.
            self._retired[kept[1]] = asyncio.create_task(self._close_later(kept[1]))
        return session

    def _forget_address(self, name: str | None) -> None:
        """Look a system's name up again at its next call: one that gives no answer may have moved."""
        _, session = self._sessions.get(name, (None, None))
        if session is not None and isinstance(session.connector, aiohttp.TCPConnector):
            session.connector.clear_dns_cache()

    async def _close_later(self, session: aiohttp.ClientSession) -> None:
        await asyncio.sleep(OLD_CONNECTIONS_KEPT)
        await session.close()
        del self._retired[session]


def _asked_for(found: tuple[Free, ...], addressee: Addressee, interaction: Interaction) -> tuple[Free, ...]:
    """What is of the facility that was asked: another's could be chosen, and would be sent where it isn't."""
    own = {None, addressee.facility}
    for named in {one.healthcare_facility for one in found} - own:
        if named is not None and hsa_key(named) == hsa_key(addressee.facility):
            own.add(named)
    kept = tuple(one for one in found if one.healthcare_facility in own)
    if len(kept) < len(found):
        count = len(found) - len(kept)
        log.warning("%s: %d of %s name another facility and are left out", addressee.name, count, interaction.value)
    return kept


def _understand(
    interaction: Interaction, answer: Answer, read: Callable[[etree._Element], Result]
) -> tuple[Result, int]:
    """The model of an answer, and how many of its entries could not be read. Raises SchedulingFailure."""
    content = read_answer(interaction, answer.status, answer.body, retry_after=answer.retry_after)
    result = read(content)
    return result, len(content) - len(result) if isinstance(result, tuple) else 0


def _too_long(result: object) -> int:
    """How many timeslots have a name of their time type that no booking system may give (source: the seed)."""
    timeslots = result if isinstance(result, tuple) else (result,)
    names = (one.time_type_name for one in timeslots if isinstance(one, Timeslot) and one.time_type_name)
    return sum(len(name) > TIME_TYPE_NAME_MAX_LENGTH for name in names)


def _at_most(seconds: float, bound: float | None) -> float:
    return seconds if bound is None else min(seconds, bound)
