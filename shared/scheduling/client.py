"""The client of the booking systems: each interaction from the model to the wire and back.

Addresses come from the configuration alone. LogicalAddress is always the facility addressed.
Source: contract description 3.2.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import aiohttp
from lxml import etree

from shared.configuration import Configuration, Producer
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import (
    Actor,
    AvailableDate,
    FacilityInfo,
    Interaction,
    PerformerInfo,
    SearchFilters,
    Timeslot,
)
from shared.contracts.rules import DateWindow
from shared.scheduling import envelopes
from shared.scheduling.answers import read_answer
from shared.scheduling.certificates import Certificates
from shared.scheduling.failures import SchedulingFailure
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
from shared.scheduling.transport import LOOK_UP_LIMIT, http_headers, post
from shared.scheduling.update_connection import UpdateConnection, open_connection

Result = TypeVar("Result")

READ_OFF_THE_LOOP = 60_000
"""Answers of more bytes (about 60 timeslots) are read in a thread, so that they stall nobody else."""

OLD_CONNECTIONS_KEPT = 60.0
"""Seconds that connections under an old certificate live on for calls in flight."""

REGISTRY_TIMEOUT = 5.0
PING_TIMEOUT = 5.0


@dataclass(frozen=True)
class Call:
    """A call that has ended: for metrics. `outcome` is `ok` or the kind of failure."""

    producer: str
    interaction: Interaction
    seconds: float
    outcome: str


class SchedulingClient:
    """Speaks to every booking system of a configuration; belongs to the event loop on which it is started."""

    def __init__(self, configuration: Configuration, *, on_call: Callable[[Call], None] | None = None) -> None:
        self._configuration = configuration
        self._on_call = on_call
        self._certificates = Certificates()
        self._sessions: dict[str, tuple[ssl.SSLContext | None, aiohttp.ClientSession]] = {}

    async def __aenter__(self) -> SchedulingClient:
        await asyncio.to_thread(envelopes.load)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        for _, session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def get_subject_of_care_schedule(
        self, facility: str, subject: SubjectOfCareId, context: CallContext
    ) -> tuple[Timeslot, ...]:
        """The patient's booked times at a facility."""
        fields = get_subject_of_care_schedule.to_wire(facility, subject)
        return await self._look_up(
            Interaction.GET_SUBJECT_OF_CARE_SCHEDULE, facility, fields, get_subject_of_care_schedule.from_wire, context
        )

    async def get_booking_details(self, facility: str, booking_id: str, context: CallContext) -> Timeslot | None:
        """One booking; None when the facility doesn't have it."""
        fields = get_booking_details.to_wire(facility, booking_id)
        return await self._look_up(
            Interaction.GET_BOOKING_DETAILS, facility, fields, get_booking_details.from_wire, context
        )

    async def get_all_healthcare_facilities(
        self, facility: str, subject: SubjectOfCareId, booking_id: str, context: CallContext
    ) -> tuple[FacilityInfo, ...]:
        """The facilities that the booking may be moved to, asked of the one that has it."""
        fields = get_all_healthcare_facilities.to_wire(facility, subject, booking_id)
        read = get_all_healthcare_facilities.from_wire
        return await self._look_up(Interaction.GET_ALL_HEALTHCARE_FACILITIES, facility, fields, read, context)

    async def get_all_performers(
        self, facility: str, subject: SubjectOfCareId, time_type_ids: Sequence[str], context: CallContext
    ) -> tuple[PerformerInfo, ...]:
        """The people at a facility who take the given types of time."""
        fields = get_all_performers.to_wire(facility, subject, time_type_ids)
        return await self._look_up(
            Interaction.GET_ALL_PERFORMERS, facility, fields, get_all_performers.from_wire, context
        )

    async def get_available_dates(
        self, facility: str, subject: SubjectOfCareId, window: DateWindow, filters: SearchFilters, context: CallContext
    ) -> tuple[AvailableDate, ...]:
        """The days within the window that have free timeslots."""
        fields = get_available_dates.to_wire(facility, subject, window, filters)
        return await self._look_up(
            Interaction.GET_AVAILABLE_DATES, facility, fields, get_available_dates.from_wire, context
        )

    async def get_available_timeslots(
        self, facility: str, subject: SubjectOfCareId, window: DateWindow, filters: SearchFilters, context: CallContext
    ) -> tuple[Timeslot, ...]:
        """The free timeslots within the window."""
        fields = get_available_timeslots.to_wire(facility, subject, window, filters)
        return await self._look_up(
            Interaction.GET_AVAILABLE_TIMESLOTS, facility, fields, get_available_timeslots.from_wire, context
        )

    async def get_supported_service_contracts(self, facility: str) -> frozenset[Interaction]:
        """What the registry says that we may ask of a facility; an unknown facility gives the empty set."""
        registry = self._configuration.registry
        if registry is None:
            raise LookupError("the configuration names no registry")
        interaction = Interaction.GET_SUPPORTED_SERVICE_CONTRACTS
        fields = get_supported_service_contracts.to_wire(registry.consumer, facility)
        body = envelopes.build(interaction, fields, logical_address=registry.logical_address, actor=None)
        return await self._call(
            "registry",
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
        name, producer = self._producer(facility)
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
        name, producer = self._producer(request.facility)
        interaction = Interaction.UPDATE_BOOKING
        fields = update_booking.to_wire(request)
        body = envelopes.build(interaction, fields, logical_address=request.facility, actor=context.actor)
        return await open_connection(
            producer.address(interaction),
            body=body,
            headers=http_headers(interaction, self._configuration.consumer, context.correlation_id),
            context=self._certificates.context(name, producer),
            connect=producer.timeouts.connect,
            silence=producer.timeouts.update,
            deadline=producer.timeouts.deadline,
        )

    async def _look_up(
        self,
        interaction: Interaction,
        facility: str,
        fields: dict[str, Any],
        read: Callable[[etree._Element], Result],
        context: CallContext,
    ) -> Result:
        name, producer = self._producer(facility)
        actor: Actor = context.actor
        body = envelopes.build(interaction, fields, logical_address=facility, actor=actor)
        deadline = producer.timeouts.read
        if context.timeout is not None:
            deadline = min(deadline, context.timeout)
        return await self._call(
            name,
            interaction,
            producer.address(interaction),
            body,
            context.correlation_id,
            read,
            connect=producer.timeouts.connect,
            deadline=deadline,
        )

    async def _call(
        self,
        name: str,
        interaction: Interaction,
        url: str,
        body: bytes,
        correlation_id: str | None,
        read: Callable[[etree._Element], Result],
        *,
        connect: float,
        deadline: float,
    ) -> Result:
        started, outcome = time.monotonic(), "ok"
        try:
            headers = http_headers(interaction, self._configuration.consumer, correlation_id)
            answer = await post(
                self._session(name), url, body, headers, limit=LOOK_UP_LIMIT, connect=connect, deadline=deadline
            )

            def understand() -> Result:
                return read(read_answer(interaction, answer.status, answer.body))

            if len(answer.body) > READ_OFF_THE_LOOP:
                return await asyncio.to_thread(understand)
            return understand()
        except SchedulingFailure as failure:
            outcome = failure.vp_code or failure.kind
            raise
        finally:
            if self._on_call is not None:
                self._on_call(Call(name, interaction, time.monotonic() - started, outcome))

    def _producer(self, facility: str) -> tuple[str, Producer]:
        found = self._configuration.facility(facility)
        if found is None or len(found.producers) != 1:
            raise LookupError("a facility without exactly one booking system is never called")
        return found.producers[0], self._configuration.producers[found.producers[0]]

    def _session(self, name: str) -> aiohttp.ClientSession:
        producer = self._configuration.producers.get(name)
        context = self._certificates.context(name, producer) if producer else None
        kept = self._sessions.get(name)
        if kept is not None and kept[0] is context:
            return kept[1]
        connector = aiohttp.TCPConnector(limit=0, ssl=context or True, ttl_dns_cache=60, keepalive_timeout=30)
        session = aiohttp.ClientSession(
            connector=connector, trust_env=False, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        )
        self._sessions[name] = (context, session)
        if kept is not None:
            # The certificate files have changed: calls in flight end on the old connections, new ones use these.
            self._closing = asyncio.create_task(_close_later(kept[1]))
        return session


async def _close_later(session: aiohttp.ClientSession) -> None:
    await asyncio.sleep(OLD_CONNECTIONS_KEPT)
    await session.close()
