"""Booking systems that answer at once, or after a set time, or not at all: so cheap that they hide no difference.

Run as a process: `python -m benchmarks.booking_system PORT`. `POST /set` takes {delay, slots, hanging}, `GET /counts`
gives the calls by contract since the last `POST /set`, their microseconds, and the port that the last one came from.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import sys
import time
from collections import Counter
from functools import lru_cache

from aiohttp import web

from benchmarks import scene
from benchmarks.scene import facility, subject

CORE = "urn:riv:crm:scheduling:1"
_FIELD = {
    name: re.compile(rf"<(?:\w+:)?{name}(?:\s[^>]*)?>([^<]*)<".encode())
    for name in (
        "healthcare_facility",
        "bookingId",
        "startDateInclusive",
        "endDateInclusive",
        "startTimeInclusive",
        "endTimeExclusive",
        "resourceID",
    )
}


class BookingSystems:
    """What they are set to, what they were asked, and where the bookings are."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.slots = 20
        self.hanging: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.moved: dict[str, tuple[str, str, int]] = {}
        self.let_go = asyncio.Event()

    async def set(self, request: web.Request) -> web.Response:
        """Set them otherwise; what hangs is let go, and the counts begin anew."""
        content = await request.json()
        self.delay, self.slots = content.get("delay", self.delay), content.get("slots", self.slots)
        self.hanging = set(content.get("hanging", ()))
        self.let_go.set()
        self.let_go = asyncio.Event()
        self.counts.clear()
        return web.json_response({})

    async def told(self, request: web.Request) -> web.Response:
        """How often each contract was called."""
        return web.json_response(self.counts)

    async def call(self, request: web.Request) -> web.Response:
        """Answer a call."""
        system, contract = request.match_info["system"], request.match_info["contract"]
        body = await request.read()
        began = time.perf_counter()
        self.counts[contract] += 1
        peer = request.transport.get_extra_info("peername") if request.transport else None
        self.counts["port"] = peer[1] if peer else 0
        if system in self.hanging:
            await self.let_go.wait()
        if self.delay:
            await asyncio.sleep(self.delay)
        answer = web.Response(body=self._answer(contract, body), content_type="text/xml", charset="utf-8")
        self.counts[f"{contract} us"] += int((time.perf_counter() - began) * 1e6)
        return answer

    def _answer(self, contract: str, body: bytes) -> bytes:
        def field(name: str) -> str:
            found = _FIELD[name].search(body)
            return found.group(1).decode() if found else ""

        where = field("healthcare_facility")
        match contract:
            case "GetAvailableTimeslots":
                return timeslots(where, field("startDateInclusive"), self.slots)
            case "GetAvailableDates":
                return dates(where, field("startDateInclusive"), field("endDateInclusive"))
            case "GetAllHealthcareFacilities":
                return FACILITIES
            case "GetBookingDetails":
                booking = field("bookingId")
                start, end, number = self.moved.get(booking, (*BOOKED, 0))
                return envelope(contract, slot(where, start, end, number, booking=booking))
            case "UpdateBooking":
                number = int(field("resourceID").removeprefix("R"))
                self.moved[field("bookingId")] = (field("startTimeInclusive"), field("endTimeExclusive"), number)
                return envelope(contract, "<r:resultCode>OK</r:resultCode>")
            case _:
                return envelope(contract, "")


_FAR = f"{dt.date.today() + dt.timedelta(days=200):%Y%m%d}"
BOOKED = (f"{_FAR}090000", f"{_FAR}092000")
"""When every patient's booking is until it is moved."""


def envelope(contract: str, content: str) -> bytes:
    """A SOAP answer."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<r:{contract}Response xmlns:r="urn:riv:crm:scheduling:{contract}Responder:1" xmlns:c="{CORE}">'
        f"{content}</r:{contract}Response></s:Body></s:Envelope>"
    ).encode()


FACILITIES = envelope(
    "GetAllHealthcareFacilities",
    "".join(
        f"<r:healthcareFacilityInfos><c:healthcare_facility>{facility(number)}</c:healthcare_facility>"
        "</r:healthcareFacilityInfos>"
        for number in range(scene.FACILITIES)
    ),
)
"""Every booking may be moved to every facility."""


def slot(where: str, start: str, end: str, number: int, *, booking: str | None = None) -> str:
    """A timeslot, with about as many fields as real ones have; a booked one names its booking and patient."""
    own = ""
    if booking is not None:
        patient = subject(int(booking.removeprefix("B-")))
        own = f"<c:bookingId>{booking}</c:bookingId><c:subject_of_care>{patient}</c:subject_of_care>"
    allowed = "".join(
        f"<c:{name}>true</c:{name}>" for name in ("cancel_booking_allowed", "rebooking_allowed", "message_allowed")
    )
    return (
        f"<r:timeslotDetail><c:startTimeInclusive>{start}</c:startTimeInclusive>"
        f"<c:endTimeExclusive>{end}</c:endTimeExclusive><c:healthcare_facility>{where}</c:healthcare_facility>"
        f"<c:performer>SE2321000016-P{number % 40:03d}</c:performer>{own}<c:purpose>Läkarbesök</c:purpose>"
        f"<c:resourceName>Rum {number % 12}</c:resourceName>"
        "<c:healthcare_facility_name>Mottagningen</c:healthcare_facility_name>"
        f"<c:performerName>Leg. läkare Karin Öhman {number % 40}</c:performerName>"
        f"<c:resourceID>R{number}</c:resourceID>"
        "<c:timeTypeName>Läkarbesök 20 min</c:timeTypeName><c:timeTypeID>LAK20</c:timeTypeID>"
        f"<c:careTypeName>Allmänmedicin</c:careTypeName><c:careTypeID>ALM</c:careTypeID>{allowed}</r:timeslotDetail>"
    )


@lru_cache(maxsize=4096)
def timeslots(where: str, day: str, count: int) -> bytes:
    """A day's timeslots, all different."""
    content = []
    for number in range(count):
        minute = 480 + number % 500
        start = f"{day}{minute // 60:02d}{minute % 60:02d}00"
        end = f"{day}{(minute + 20) // 60:02d}{(minute + 20) % 60:02d}00"
        content.append(slot(where, start, end, number))
    return envelope("GetAvailableTimeslots", "".join(content))


@lru_cache(maxsize=1024)
def dates(where: str, first: str, last: str) -> bytes:
    """Every day from the day after tomorrow on."""
    day = max(dt.datetime.strptime(first, "%Y%m%d").date(), dt.date.today() + dt.timedelta(days=2))
    content = []
    while f"{day:%Y%m%d}" <= last:
        content.append(
            f"<r:performerAvailabilityByDate><r:healthcare_facility>{where}</r:healthcare_facility>"
            f"<r:date>{day:%Y%m%d}</r:date></r:performerAvailabilityByDate>"
        )
        day += dt.timedelta(days=1)
    return envelope("GetAvailableDates", "".join(content))


def make_app() -> web.Application:
    """The application of all of them."""
    systems, app = BookingSystems(), web.Application()
    app.router.add_post("/set", systems.set)
    app.router.add_get("/counts", systems.told)
    app.router.add_post("/{system}/{contract}", systems.call)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
