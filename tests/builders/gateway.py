"""A gateway to test: its real app on in-memory adapters, with a publisher and a ledger that remember what they got."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import ClientResponse, ClientWebSocketResponse
from aiohttp.test_utils import TestClient, TestServer
from cryptography.fernet import Fernet

from services.gateway.app import make_app
from services.gateway.auth import sign_development_token
from services.gateway.deps import BACKGROUND, Deps
from shared.audit.audit_log import MemoryAudit
from shared.clock import FixedClock
from shared.configuration import Configuration, parse_configuration
from shared.contracts.civil_time import STOCKHOLM
from shared.contracts.commands import LookUp, Rebook
from shared.contracts.events import EventName, encode, of_outcome, of_section
from shared.contracts.model import Frozen, SourceStatus, Timeslot
from shared.contracts.sections import (
    BookingData,
    BookingRead,
    Day,
    DaysData,
    FacilityOption,
    FacilityTerms,
    HiddenReason,
    Outcome,
    OutcomeState,
    PerformerOption,
    SearchedFacility,
    Section,
    SectionName,
    State,
    TimeslotOption,
    TimeslotsData,
    TimeslotsRead,
)
from shared.ledger.port import (
    Accepted,
    AcceptOutcome,
    InProgress,
    KeyReused,
    LedgerEvent,
    LedgerUnavailable,
    NewRebooking,
    Told,
)
from shared.messaging.event_log import AppendOutcome, LogUnavailable, NewEntry
from shared.messaging.event_log_memory import MemoryEventLog
from shared.messaging.publisher import PublishFailed
from shared.messaging.tickets_memory import MemoryTickets
from shared.presentation.yellow_box import yellow_box
from shared.sealing import Sealer

NOW = dt.datetime(2026, 1, 15, 9, 0, tzinfo=STOCKHOLM)
OWN = "SE2321000016-1HZ5"
OTHER = "SE2321000016-2KX7"
TWO_SYSTEMS = "SE2321000016-6DV4"
NOT_REBOOKABLE = "SE2321000016-7NR1"
NO_UPDATE = "SE2321000016-8NU2"
SUBJECT = "191212121212"
ANOTHER_SUBJECT = "200001012384"
AUTH_KEY = "a development key of at least thirty-two characters"
SESSION_KEY = Fernet.generate_key().decode()

CONFIGURATION = """
producers:
  nordic: {url: "http://127.0.0.1:9/nordic/{contract}"}
  solsken: {url: "http://127.0.0.1:9/solsken/{contract}"}
facilities:
  SE2321000016-1HZ5: {name: Lindängen, phone: 08-1, producers: [nordic], contracts: &all [GetSubjectOfCareSchedule,
    GetBookingDetails, GetAllHealthcareFacilities, GetAllPerformers, GetAvailableDates, GetAvailableTimeslots,
    UpdateBooking]}
  SE2321000016-2KX7: {name: Almby, phone: 08-2, producers: [solsken], contracts: *all, notification: SMS}
  SE2321000016-6DV4: {name: Torget, phone: 08-6, producers: [nordic, solsken], contracts: *all}
  SE2321000016-7NR1: {name: Ekebo, phone: 08-7, producers: [nordic], contracts: *all, rebooking: false}
  SE2321000016-8NU2: {name: Hamnen, phone: 08-8, producers: [nordic], contracts: [GetBookingDetails,
    GetAvailableDates, GetAvailableTimeslots]}
"""


def a_configuration(**changes: Any) -> Configuration:
    """A catalogue with one facility of each kind; `changes` replace its top-level parts."""
    return parse_configuration(CONFIGURATION).model_copy(update=changes)


def a_sealer() -> Sealer:
    """A sealer with keys of its own."""
    return Sealer([Fernet.generate_key().decode()], "an index key of at least thirty-two characters")


def a_token(subject: str = SUBJECT, *, now: dt.datetime = NOW, **claims: Any) -> str:
    """A development token, valid at `now`; Tolvan Tolvansson's unless told otherwise."""
    names: dict[str, Any] = {"given_name": "Tolvan", "family_name": "Tolvansson", "phone": "070-123 45 67"}
    return sign_development_token(AUTH_KEY, subject=subject, now=now, **{**names, **claims})


class RememberingPublisher:
    """A publisher that remembers its messages; `broken` = the broker takes nothing."""

    def __init__(self) -> None:
        self.messages: list[Frozen] = []
        self.broken = False

    async def publish(self, message: Frozen, *, expires: float | None = None, patience: float = 3.0) -> None:
        """Remember it."""
        if self.broken:
            raise PublishFailed("broken")
        self.messages.append(message)

    async def ping(self) -> None:
        """Answer, unless broken."""
        if self.broken:
            raise PublishFailed("broken")

    async def close(self) -> None:
        """Do nothing."""


class RememberingLedger:
    """The gateway's part of a ledger, in memory; `broken` = it can't be reached."""

    def __init__(self, clock: FixedClock) -> None:
        self.rows: list[NewRebooking] = []
        self.told: dict[str, Told] = {}
        self.noted: list[tuple[str, int]] = []
        self.broken = False
        self._clock = clock
        self._lock = threading.Lock()

    def accept(self, new: NewRebooking) -> AcceptOutcome:
        """Accept, once for each command id, one at a time for each booking."""
        self.ping()
        with self._lock:
            for n, row in enumerate(self.rows):
                if (row.rebooking_id, row.command_id) == (new.rebooking_id, new.command_id):
                    same = row.content_sha256 == new.content_sha256
                    return Accepted(f"row{n}", self._event(f"row{n}", new), repeated=True) if same else KeyReused()
            for told in self.told.values():
                if told.booking_id == new.booking_id and told.outcome.state is OutcomeState.ACCEPTED:
                    return InProgress(told.rebooking_id)
            self.rows.append(new)
            row_id = f"row{len(self.rows) - 1}"
            event = self._event(row_id, new)
            self.tell(row_id, new, event.outcome, n=1)
            return Accepted(row_id, event, repeated=False)

    def tell(self, row_id: str, new: NewRebooking, outcome: Outcome, *, n: int) -> None:
        """Set what was told last of a row."""
        self.told[new.rebooking_id] = Told(
            row_id=row_id,
            rebooking_id=new.rebooking_id,
            command_id=new.command_id,
            subject_hmac=new.subject_hmac,
            facility_from=new.facility_from,
            facility_to=new.facility_to,
            booking_id=new.booking_id,
            new_booking_id=outcome.booking_id,
            language=new.language,
            created_at=self._clock.now(),
            n=n,
            outcome=outcome,
        )

    def read(self, rebooking_id: str) -> Told | None:
        """What was told last."""
        self.ping()
        return self.told.get(rebooking_id)

    def of_bookings(self, subject_hmac: str, bookings: list[tuple[str, str]]) -> list[Told]:
        """The subject's rows of these bookings."""
        self.ping()
        return [
            told
            for told in self.told.values()
            if told.subject_hmac == subject_hmac and (told.facility_from, told.booking_id) in bookings
        ]

    def first_booked(self, subject_hmac: str, facility: str, booking_id: str) -> tuple[str, str]:
        """As it is: nothing is ever moved here."""
        return facility, booking_id

    def published(self, row_id: str, n: int) -> None:
        """Note it."""
        self.noted.append((row_id, n))

    def ping(self) -> None:
        """Answer, unless broken."""
        if self.broken:
            raise LedgerUnavailable("broken")

    def _event(self, row_id: str, new: NewRebooking) -> LedgerEvent:
        outcome = Outcome(state=OutcomeState.ACCEPTED, command_id=new.command_id, updated_at=self._clock.now())
        return LedgerEvent(row_id=row_id, rebooking_id=new.rebooking_id, n=1, outcome=outcome)


class BreakableLog(MemoryEventLog):
    """The event log in memory, with two switches: `broken` = it can't be reached, `held` = reads wait for this."""

    broken = False
    held: asyncio.Event | None = None

    async def read_each(self, after: Any) -> Any:
        """Read, unless broken."""
        self._check()
        if self.held is not None:
            await self.held.wait()
        return await super().read_each(after)

    async def append(self, rebooking_id: str, entries: Any, *, ttl: float = 3600) -> AppendOutcome:
        """Append, unless broken."""
        self._check()
        return await super().append(rebooking_id, entries, ttl=ttl)

    async def open(self, *arguments: Any, **named: Any) -> Any:
        """Open, unless broken."""
        self._check()
        return await super().open(*arguments, **named)

    async def ping(self) -> None:
        """Answer, unless broken."""
        self._check()

    def _check(self) -> None:
        if self.broken:
            raise LogUnavailable("broken")


def a_timeslot(**changes: Any) -> Timeslot:
    """A free timeslot on 2 February 2026 at nine, that takes a message."""
    values: dict[str, Any] = {
        "start": "20260202090000",
        "end": "20260202093000",
        "healthcare_facility": OWN,
        "performer_name": "Eva Ek",
        "time_type_name": "Återbesök",
        "time_type_id": "T1",
        "message_allowed": True,
    }
    return Timeslot(**{**values, **changes})


def a_booking(**changes: Any) -> Timeslot:
    """A booked time on 20 January 2026 at ten, which may be rebooked."""
    values: dict[str, Any] = {
        "start": "20260120100000",
        "end": "20260120103000",
        "booking_id": "B1",
        "subject_of_care": SUBJECT,
        "rebooking_allowed": True,
        "care_type_id": "C1",
    }
    return a_timeslot(**{**values, **changes})


@dataclass
class Gateway:
    """A running gateway with everything a test wants to look at or to play: the worker, the ledger, the clock."""

    client: TestClient[Any, Any]
    deps: Deps
    clock: FixedClock
    events: BreakableLog
    publisher: RememberingPublisher
    ledger: RememberingLedger

    def headers(self, token: str | None = None) -> dict[str, str]:
        """A bearer token's header, the usual patient's unless another is given."""
        return {"Authorization": f"Bearer {token or a_token(now=self.clock.now())}"}

    async def get(self, path: str, *, token: str | None = None, **query: str) -> ClientResponse:
        """GET as the patient."""
        return await self.client.get(path, params=query, headers=self.headers(token))

    async def post(self, path: str, content: Any = None, *, token: str | None = None, **headers: str) -> ClientResponse:
        """POST JSON as the patient; then wait for what it has begun in the background."""
        answer = await self.client.post(path, json=content, headers={**self.headers(token), **headers})
        await self.settle()
        return answer

    async def settle(self) -> None:
        """Wait for what nobody waits for."""
        await self.client.app[BACKGROUND].settle()

    async def start(self, *, facility: str = OWN, booking_id: str = "B1", token: str | None = None, **more: Any) -> str:
        """Begin to move a booking; gives the rebooking's id."""
        answer = await self.post(
            "/v1/rebookings", {"facility": facility, "booking_id": booking_id, **more}, token=token
        )
        body = await answer.json()
        assert answer.status in (200, 201), body
        return str(body["id"])

    async def command(self, rebooking_id: str, name: str, *, status: int = 202, **content: Any) -> dict[str, Any]:
        """Send a command over HTTP; gives the body of the answer, which must have the status."""
        content = {"id": str(uuid.uuid4()), "name": name, **content}
        answer = await self.post(f"/v1/rebookings/{rebooking_id}/commands", content)
        body: dict[str, Any] = await answer.json(content_type=None)
        assert answer.status == status, body
        return body

    async def snapshot(self, rebooking_id: str, **query: str) -> dict[str, Any]:
        """The snapshot."""
        answer = await self.get(f"/v1/rebookings/{rebooking_id}", **query)
        body: dict[str, Any] = await answer.json(content_type=None)
        assert answer.status == 200, body
        return body

    async def stream(self, rebooking_id: str, *, token: str | None = None, **more: Any) -> ClientWebSocketResponse:
        """Open the WebSocket with a bearer token; say no hello yet."""
        headers = {**self.headers(token), **more.pop("headers", {})}
        return await self.client.ws_connect(
            f"/v1/rebookings/{rebooking_id}/stream", headers=headers, protocols=("omboka.v1",), **more
        )

    @property
    def last_look_up(self) -> LookUp:
        """The last message to the availability workers."""
        return next(one for one in reversed(self.publisher.messages) if isinstance(one, LookUp))

    @property
    def wakes(self) -> list[Rebook]:
        """The messages to the booking workers."""
        return [one for one in self.publisher.messages if isinstance(one, Rebook)]

    async def tell(
        self,
        section: SectionName,
        value: Section,
        *,
        to: LookUp | None = None,
        private: Frozen | None = None,
        name: EventName | None = None,
    ) -> AppendOutcome:
        """Play the availability worker: tell a section's new value in answer to a look-up (the last one)."""
        message = to or self.last_look_up
        entry = NewEntry(
            key=f"{message.command_id}:{message.basis}:{section.value}:{uuid.uuid4()}",
            public=encode(
                name or of_section(section, value.state),
                command_id=message.command_id,
                at=self.clock.now(),
                final=False,
                data={"section": section.value, "value": value.parts()},
            ),
            private=self.deps.sealer.seal_model(private) if private is not None else None,
            section=section.value,
            basis=message.basis,
        )
        return await self.events.append(message.rebooking_id, [entry])

    async def tell_booking(self, booking: Timeslot | None = None, **more: Any) -> AppendOutcome:
        """Tell the booking; `problem` among `more` makes it failed."""
        booking = booking or a_booking()
        facility = self.deps.configuration.facility(OWN)
        assert facility is not None
        data = BookingData.of(
            booking,
            booking_id="B1",
            facility=OWN,
            facility_name=facility.name,
            facility_phone=facility.phone,
            summary=yellow_box(booking, facility=facility, language="sv"),
        )
        state = State.FAILED if "problem" in more else State.READY
        value = Section(state=state, data=data, fetched_at=self.clock.now(), **more)
        return await self.tell(SectionName.BOOKING, value, private=BookingRead(booking=booking))

    async def tell_facilities(self, *listed: str) -> None:
        """Tell the facilities (none = hidden) and their terms."""
        known = [self.deps.configuration.facilities[one] for one in listed]
        options = tuple(FacilityOption(facility=f.id, name=f.name, phone=f.phone, is_own=f.id == OWN) for f in known)
        value = Section(state=State.READY, data=options)
        if not listed:
            value = Section(state=State.HIDDEN, reason=HiddenReason.CONTRACT_MISSING)
        await self.tell(SectionName.FACILITIES, value)
        terms = tuple(FacilityTerms(facility=f.id, facility_name=f.name, html="<p>T</p>", text="T") for f in known)
        await self.tell(SectionName.TERMS, Section(state=State.READY, data=terms))

    async def tell_contracts(self, *contracts: str) -> None:
        """Tell what the own facility supports by the registry."""
        message = self.last_look_up
        shown = {"facility": OWN, "contracts": list(contracts), "source_status": "DataFromSource"}
        data = {"section": "contracts", "value": {"state": "ready", "data": [shown]}}
        public = encode(
            EventName.CONTRACTS_READY, command_id=message.command_id, at=self.clock.now(), final=False, data=data
        )
        await self.events.append(message.rebooking_id, [NewEntry(key=f"contracts:{uuid.uuid4()}", public=public)])

    async def tell_days(self, *days: str, state: State = State.READY, chosen: str | None = None, **more: Any) -> None:
        """Tell the days, all at the facilities searched."""
        message: Any = self.last_look_up
        searched = tuple(
            SearchedFacility(facility=one, facility_name=one, source_status=SourceStatus.FROM_SOURCE)
            for one in message.facilities
        )
        values: dict[str, Any] = {
            "first_day": dt.date(2026, 1, 15),
            "last_day": dt.date(2026, 2, 28),
            "can_search_further": True,
            "searched": searched,
            "days": tuple(Day(date=dt.date.fromisoformat(one), facilities=message.facilities) for one in days),
            "chosen": chosen or (days[0] if days else None),
        }
        await self.tell(SectionName.DAYS, Section(state=state, data=DaysData(**{**values, **more})))

    async def tell_performers(self, performer: str, *facilities: str) -> None:
        """Tell one person who may be chosen."""
        option = PerformerOption(
            performer=performer, first_name="Eva", last_name="Ek", title=None, name="Eva Ek", facilities=facilities
        )
        await self.tell(SectionName.PERFORMERS, Section(state=State.READY, data=(option,)))

    async def tell_timeslots(
        self, *timeslots: Timeslot, facility: str = OWN, current: bool = False, to: LookUp | None = None, first: int = 0
    ) -> list[str]:
        """Tell the timeslots of their day, numbered from `first`; gives their ids."""
        read = {timeslot_id(n): one for n, one in enumerate(timeslots, first)}
        options = tuple(
            TimeslotOption(
                timeslot_id=name,
                facility=facility,
                facility_name=facility,
                start=one.start.iso if one.start else "",
                end=one.end.iso if one.end else "",
                who=one.who,
                performer=one.performer,
                message_allowed=bool(one.message_allowed),
                current=current,
                summary=yellow_box(one, facility=None, language="sv"),
            )
            for name, one in read.items()
        )
        day = next((one.start.date for one in timeslots if one.start), dt.date(2026, 2, 2))
        state = State.READY if timeslots else State.EMPTY
        value = Section(state=state, data=TimeslotsData(date=day, timeslots=options))
        await self.tell(SectionName.TIMESLOTS, value, private=TimeslotsRead(timeslots=read), to=to)
        return list(read)

    async def tell_outcome(self, rebooking_id: str, state: OutcomeState, *, n: int, **more: Any) -> None:
        """Play the booking worker: tell the n-th thing of the rebooking's last row."""
        row = len(self.ledger.rows) - 1
        outcome = Outcome(state=state, command_id=self.ledger.rows[row].command_id, updated_at=self.clock.now(), **more)
        public = encode(
            of_outcome(state),
            command_id=outcome.command_id,
            at=self.clock.now(),
            final=False,
            data={"outcome": outcome.public()},
        )
        self.ledger.tell(f"row{row}", self.ledger.rows[row], outcome, n=n)
        await self.events.append(rebooking_id, [NewEntry(key=f"ledger:row{row}:{n}", public=public)])

    async def to_days(self, *facilities: str) -> str:
        """A rebooking whose booking and days are there, 2 and 3 February."""
        rebooking_id = await self.start()
        await self.tell_booking()
        await self.tell_facilities(OWN, OTHER)
        await self.command(rebooking_id, "choose_facilities", facilities=list(facilities or (OWN,)))
        await self.tell_days("2026-02-02", "2026-02-03")
        return rebooking_id

    async def to_timeslots(self, *timeslots: Timeslot) -> tuple[str, list[str]]:
        """A rebooking whose first day's timeslots are there; gives their ids as well."""
        rebooking_id = await self.to_days()
        return rebooking_id, await self.tell_timeslots(*(timeslots or (a_timeslot(),)))

    async def to_summary(self, timeslot: Timeslot | None = None) -> str:
        """A rebooking that only lacks its confirm."""
        rebooking_id, ids = await self.to_timeslots(timeslot or a_timeslot())
        await self.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        await self.command(rebooking_id, "give_details", comment="Jag ombokar", phone="070-1")
        return rebooking_id


def timeslot_id(n: int) -> str:
    """The n-th timeslot's id, of the right form."""
    return f"timeslot{n:014d}"


@asynccontextmanager
async def a_gateway(*, configuration: Configuration | None = None, **changes: Any) -> AsyncIterator[Gateway]:
    """A gateway that answers on 127.0.0.1, at 9 o'clock on 15 January 2026; `changes` replace parts of its Deps."""
    clock = FixedClock(NOW)
    events, publisher, ledger = BreakableLog(clock), RememberingPublisher(), RememberingLedger(clock)
    deps = Deps(
        configuration=configuration or a_configuration(),
        events=events,
        publisher=publisher,
        ledger=ledger,
        tickets=MemoryTickets(clock),
        audit=MemoryAudit(),
        sealer=a_sealer(),
        session_key=SESSION_KEY,
        clock=clock,
        auth_key=AUTH_KEY,
        allowed_origins=("https://portal.example",),
    )
    async with TestClient(TestServer(make_app(replace(deps, **changes)))) as client:
        yield Gateway(client, deps, clock, events, publisher, ledger)


async def frames(socket: ClientWebSocketResponse, count: int) -> list[dict[str, Any]]:
    """The next frames."""
    return [json.loads(await socket.receive_str(timeout=10)) for _ in range(count)]
