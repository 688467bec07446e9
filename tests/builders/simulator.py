"""Builders for the simulator: configurations, worlds, and requests written by hand rather than by the SOAP client.

Everything is seen from Thursday 15 January 2026, 08:00, unless a test says otherwise.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from lxml import etree

from services.simulator.app import make_app
from services.simulator.booking_systems import BookingSystems
from services.simulator.building import build_world
from services.simulator.control import BOOKING_SYSTEMS
from services.simulator.facility import Timeslot
from services.simulator.world import Booking, Move, Search, World
from shared.configuration import Configuration

NOW = dt.datetime(2026, 1, 15, 8, 0)
HOME = "SE2321000016-1AAA"
OTHER = "SE2321000016-2BBB"
UNLISTED = "SE2321000016-3CCC"
CONSUMER = "SE5567654321-TEST"

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
CORE = "urn:riv:crm:scheduling:1"
EXTENSION = "urn:riv:crm:scheduling:1.1"
REGISTRY = "urn:riv:itintegration:registry:1"
HEADERS = "urn:riv:interoperability:headers:1"


def a_simulator_configuration(profiles: dict[str, dict[str, Any]] | None = None, **simulator: Any) -> Configuration:
    """Three facilities under two booking systems, the first of which lists itself and the second."""
    ways = {HOME: {"related": [HOME, OTHER]}, OTHER: {}, UNLISTED: {}}
    for hsa_id, profile in (profiles or {}).items():
        ways[hsa_id] = {**ways[hsa_id], **profile}
    return Configuration.model_validate(
        {
            "registry": {"url": "http://127.0.0.1:1/registry", "consumer": CONSUMER},
            "producers": {
                "north": {"url": "http://127.0.0.1:1/north/{contract}/1/rivtabp21"},
                "south": {"url": "http://127.0.0.1:1/south/{contract}/1/rivtabp21"},
            },
            "facilities": {
                HOME: {"name": "Vårdcentralen Ett", "phone": "08-465 004 01", "producers": ["north"]},
                OTHER: {"name": "Vårdcentralen Två", "phone": "08-465 004 02", "producers": ["south"]},
                UNLISTED: {"name": "Vårdcentralen Tre", "phone": "08-465 004 03", "producers": ["south"]},
            },
            "simulator": {"seed": 1, "profiles": ways, **simulator},
        }
    )


def a_world(profiles: dict[str, dict[str, Any]] | None = None, now: dt.datetime = NOW, **simulator: Any) -> World:
    """A world with the demo patients in it."""
    return build_world(a_simulator_configuration(profiles, **simulator), now)


def a_booking(world: World, story: str = "ordinary", facility: str = HOME) -> Booking:
    """The first demo booking of a story at a facility."""
    found = (booking for subject in SUBJECTS for booking in world.bookings(subject))
    return next(booking for booking in found if booking.story == story and booking.facility == facility)


def a_search(world: World, booking: Booking, facility: str = HOME, **changes: Any) -> Search:
    """A search in the first window for the booking's own patient."""
    target = world.facility(facility)
    assert target is not None
    search = Search(target, booking.subject, NOW.date(), dt.date(2026, 2, 28), booking_id=booking.id)
    return replace(search, **changes)


def a_move(world: World, booking: Booking, timeslot: Timeslot, **changes: Any) -> Move:
    """A request to move a booking to a timeslot, at the timeslot's facility."""
    target = world.facility(timeslot.facility)
    assert target is not None
    performer = timeslot.resource.performer.hsa_id if timeslot.resource.performer else None
    move = Move(
        target=target,
        booking_id=booking.id,
        subject=booking.subject,
        start=timeslot.start,
        end=timeslot.end,
        performer=performer,
        resource_id=timeslot.resource.id,
        time_type_id=timeslot.resource.time_type.id,
    )
    return replace(move, **changes)


def a_body(contract: str, *fields: tuple[str, Any]) -> etree._Element:
    """A request's body: (name, text) fields; a name may hold a namespace, a text may be a list of fields."""
    namespace = namespace_of(contract)
    root = etree.Element(f"{{{namespace}}}{contract}")
    _fill(root, fields, namespace)
    return root


def a_search_body(contract: str, booking: Booking, facility: str = HOME, **changes: str) -> etree._Element:
    """A GetAvailableDates or GetAvailableTimeslots in the first window; changes go by the field's name."""
    values = {"startDateInclusive": "20260115", "endDateInclusive": "20260228", **changes}
    return a_body(
        contract,
        ("healthcare_facility", facility),
        ("bookingId", booking.id),
        ("startDateInclusive", values["startDateInclusive"]),
        ("endDateInclusive", values["endDateInclusive"]),
        (f"{{{namespace_of(contract)}.1}}subject_of_care", booking.subject),
    )


def an_update_body(booking: Booking, timeslot: Timeslot, **extra: str) -> etree._Element:
    """An UpdateBooking that asks for a timeslot; `reason` and `phone` may go along."""
    resource = timeslot.resource
    fields = [
        ("startTimeInclusive", timeslot.start.strftime("%Y%m%d%H%M%S")),
        ("endTimeExclusive", timeslot.end.strftime("%Y%m%d%H%M%S")),
        ("healthcare_facility", timeslot.facility),
        ("performer", resource.performer.hsa_id if resource.performer else None),
        ("bookingId", booking.id),
        ("subject_of_care", booking.subject),
        ("reason", extra.get("reason")),
        ("resourceID", resource.id),
        ("timeTypeName", resource.time_type.name),
        ("timeTypeID", resource.time_type.id),
    ]
    asked = [(f"{{{CORE}}}{name}", text) for name, text in fields if text is not None]
    info = [(f"{{{CORE}}}phone", extra["phone"])] if "phone" in extra else []
    info += [(f"{{{EXTENSION}}}firstName", "Saga"), (f"{{{EXTENSION}}}lastName", "Ekström")]
    return a_body("UpdateBooking", ("requestedTimeslot", asked), ("subject_of_care_info", info))


def an_envelope(body: etree._Element, facility: str = HOME, actor: str | None = "198706222380") -> bytes:
    """A SOAP envelope with both headers, or without Actor when there is none."""
    root = etree.Element(f"{{{SOAP}}}Envelope")
    header = etree.SubElement(root, f"{{{SOAP}}}Header")
    etree.SubElement(header, f"{{{REGISTRY}}}LogicalAddress").text = facility
    if actor is not None:
        element = etree.SubElement(header, f"{{{HEADERS}}}Actor")
        etree.SubElement(element, f"{{{HEADERS}}}actorId").text = actor
        etree.SubElement(element, f"{{{HEADERS}}}actorType").text = "subject_of_care"
    etree.SubElement(root, f"{{{SOAP}}}Body").append(body)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def http_headers(contract: str) -> dict[str, str]:
    """The HTTP headers of a right request."""
    action = f'"{namespace_of(contract)}:{contract}"'
    return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": action}


def namespace_of(contract: str) -> str:
    """The namespace of an interaction's request and response."""
    domains = {
        "PingForConfiguration": "itintegration:monitoring",
        "GetSupportedServiceContracts": "itintegration:registry",
    }
    return f"urn:riv:{domains.get(contract, 'crm:scheduling')}:{contract}Responder:1"


def content_of(text: bytes) -> etree._Element:
    """What an answer's soap:Body holds."""
    body = etree.fromstring(text).find(f"{{{SOAP}}}Body")
    assert body is not None
    return body[0]


class SimulatorUnderTest:
    """A running simulator on 127.0.0.1, with its inside and a client."""

    def __init__(self, client: TestClient[Any, Any], systems: BookingSystems) -> None:
        self.client = client
        self.systems = systems

    @property
    def world(self) -> World:
        """The world as it is now."""
        return self.systems.world

    async def send(self, body: etree._Element, *, facility: str = HOME, system: str = "north") -> tuple[int, bytes]:
        """Send a request to a booking system; gives the answer's status and body."""
        contract = etree.QName(body).localname
        has_actor = contract not in ("PingForConfiguration", "GetSupportedServiceContracts")
        path = "/registry" if contract == "GetSupportedServiceContracts" else f"/{system}/{contract}/1/rivtabp21"
        data = an_envelope(body, facility) if has_actor else an_envelope(body, facility, actor=None)
        async with self.client.post(path, data=data, headers=http_headers(contract)) as response:
            return response.status, await response.read()

    async def put_mishap(self, contract: str, facility: str = HOME, **mishap: Any) -> None:
        """Put a mishap up over HTTP."""
        async with self.client.put(f"/_sim/mishaps/{facility}/{contract}", json=mishap) as response:
            assert response.status == 200, await response.text()

    async def calls(self, query: str = "") -> list[dict[str, Any]]:
        """The recorded calls."""
        async with self.client.get(f"/_sim/calls{query}") as response:
            found: list[dict[str, Any]] = (await response.json())["calls"]
            return found

    async def journal(self, after: int = 0) -> list[str]:
        """The journal's lines."""
        async with self.client.get(f"/_sim/journal?after={after}") as response:
            return (await response.text()).splitlines()


@asynccontextmanager
async def a_simulator(
    configuration: Configuration | None = None,
    *,
    sleep: Callable[[float], Any] = asyncio.sleep,
    journal_path: Path | None = None,
    calls_kept: int = 10_000,
) -> AsyncIterator[SimulatorUnderTest]:
    """Run a simulator whose clock stands at NOW."""
    app = make_app(
        configuration or a_simulator_configuration(),
        clock=lambda: NOW,
        journal_path=journal_path,
        sleep=sleep,
        calls_kept=calls_kept,
    )
    async with TestClient(TestServer(app)) as client:
        yield SimulatorUnderTest(client, app[BOOKING_SYSTEMS])


class Waits:
    """Stands in for sleeping: writes each wait down and returns at once."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Note the wait."""
        self.seconds.append(seconds)


SUBJECTS = (
    "198706222380",
    "195103092390",
    "197411302388",
    "199902282392",
    "196208172384",
    "200402292395",
    "198012242387",
    "194505072399",
    "199307142381",
    "191212121212",
)
"""The demo patients' numbers."""


def _fill(parent: etree._Element, fields: Iterable[tuple[str, Any]], namespace: str) -> None:
    for name, value in fields:
        element = etree.SubElement(parent, name if name.startswith("{") else f"{{{namespace}}}{name}")
        if isinstance(value, str):
            element.text = value
        else:
            _fill(element, value, namespace)
