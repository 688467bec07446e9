"""A running system in which everything that is a patient's bears that patient's mark, so that a leak is seen.

The booking systems' answers bear the mark of the patient whom they were asked for, as those of a booking system do that
shows each patient something of their own: a look-up that is kept and given to somebody else shows up at once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from services.all_in_one import running
from services.simulator.app import make_app
from services.simulator.control import BOOKING_SYSTEMS
from shared.clock import OffsetClock
from tests.end_to_end.portal import Portal
from tests.end_to_end.stacks import PATIENTS, QUICK, START, Stack, a_configuration, a_settings, servers

PORTAL = "https://portal.example"
_SUBJECT = re.compile(rb"subject_of_care(?:\s[^>]*)?>(\d{12})<")
_SHOWN = re.compile(rb"(<[\w:]*(?:performerName|resourceName|lastName)(?:\s[^>]*)?>[^<]+)")


def mark_of(name: str) -> str:
    """What everything of a patient bears."""
    return f"KM{name}KM"


NAMES = {patient["subject"].encode(): name for name, patient in PATIENTS.items()}


@web.middleware
async def marking(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Mark what a booking system answers with whom it was asked for."""
    answer = await handler(request)
    asked = _SUBJECT.search(await request.read()) if request.method == "POST" else None
    if asked and isinstance(answer, web.Response) and isinstance(answer.body, bytes):
        mark = mark_of(NAMES[asked.group(1)]).encode()
        answer.body = _SHOWN.sub(rb"\1 " + mark, answer.body)
    return answer


@dataclass
class Marked:
    """A patient with a portal, a browser session, and a rebooking that has come as far as it goes."""

    name: str
    portal: Portal
    browser: aiohttp.ClientSession
    facility: str
    booking_id: str
    csrf: str = ""
    rebooking_id: str = ""
    timeslot_id: str = ""
    received: int = 0
    foreign: list[bytes] = field(default_factory=list)

    def look_at(self, content: bytes) -> bytes:
        """Note what this patient has got: all that is another's is kept for the verdict."""
        self.received += len(content)
        for name, patient in PATIENTS.items():
            if name == self.name:
                continue
            for secret in (mark_of(name), patient["subject"], patient["subject"][2:]):
                if secret.encode() in content:
                    self.foreign.append(content)
        return content

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, bytes]:
        """Ask as the portal does; gives status and body, and looks at both body and headers."""
        async with self.portal.session.request(method, path, allow_redirects=False, **more) as answer:
            body = await answer.read()
            self.look_at(body + repr(answer.raw_headers).encode())
            return answer.status, body

    async def browse(self, method: str, path: str, **more: Any) -> tuple[int, str, bytes]:
        """Ask as a browser does; gives status, where it leads and the page."""
        async with self.browser.request(method, path, allow_redirects=False, **more) as answer:
            body = await answer.read()
            self.look_at(body + repr(answer.raw_headers).encode())
            return answer.status, answer.headers.get("Location", ""), body


LIMITS = {
    "commands_per_10s": 1_000_000,
    "commands_per_10s_per_address": 1_000_000,
    "sockets_per_subject": 1000,
    "sockets_per_address": 10_000,
}


def marking_systems(**more: Any) -> web.Application:
    """Booking systems that mark what they answer."""
    app = make_app(a_configuration("http://127.0.0.1:1"), **more)
    app.middlewares.append(marking)
    return app


@asynccontextmanager
async def marked_system(folder: Path, *names: str) -> AsyncIterator[tuple[Stack, list[Marked]]]:
    """Run the whole system in one process with these patients signed in; none named = all of them."""
    clock = OffsetClock(START)
    app = marking_systems(clock=clock.now)
    simulator = TestServer(app)
    async with AsyncExitStack() as entered:
        await simulator.start_server()
        entered.push_async_callback(simulator.close)
        simulator_url = str(simulator.make_url("")).rstrip("/")
        configuration = a_configuration(simulator_url, limits=LIMITS)
        settings = replace(a_settings(folder), allowed_origins=(PORTAL,))
        system = await entered.enter_async_context(running(configuration, settings, clock=clock, schedule=QUICK))
        stack = Stack(system.base_url, simulator_url, str(settings.auth_key), configuration, clock, system)
        patients = await entered.enter_async_context(signed_in(stack, app, names or tuple(PATIENTS)))
        yield stack, patients


@asynccontextmanager
async def marked_servers(folder: Path, *names: str, **urls: str) -> AsyncIterator[tuple[Stack, list[Marked]]]:
    """The same as three processes on RabbitMQ, Redis and PostgreSQL."""
    app = marking_systems()
    async with (
        servers(folder, booking_systems=app, allowed_origins=PORTAL, limits=LIMITS, **urls) as stack,
        signed_in(stack, app, names) as patients,
    ):
        yield stack, patients


@asynccontextmanager
async def signed_in(stack: Stack, app: web.Application, names: Sequence[str]) -> AsyncIterator[list[Marked]]:
    """These patients, each with a portal and a browser session."""
    async with AsyncExitStack() as entered:
        known = {one.subject: app[BOOKING_SYSTEMS].world.bookings(one.subject) for one in app[BOOKING_SYSTEMS].patients}
        patients = []
        for name in names:
            portal = await entered.enter_async_context(stack.portal(name, family_name=mark_of(name)))
            browser = await entered.enter_async_context(aiohttp.ClientSession(stack.base_url, cookie_jar=_jar()))
            booking = known[PATIENTS[name]["subject"]][0]
            patients.append(Marked(name, portal, browser, booking.facility, booking.id))
        for patient in patients:
            await _sign_in(patient)
        yield patients


async def advance(patient: Marked) -> None:
    """Begin the patient's rebooking and take it as far as its booking lets it go: at best to the summary."""
    async with await patient.portal.rebook(patient.facility, patient.booking_id) as rebooking:
        patient.rebooking_id = rebooking.id
        await rebooking.expect_all("terms.ready")
        while rebooking.sections["booking"]["state"] == "loading":
            await rebooking.frame()
        if rebooking.sections["booking"]["state"] != "ready":
            return
        await rebooking.send("choose_facilities", facilities=[patient.facility])
        while rebooking.sections.get("timeslots", {}).get("state") not in ("ready", "empty", "failed"):
            await rebooking.frame()
        timeslots = rebooking.sections["timeslots"].get("data", {}).get("timeslots", [])
        free = [one["timeslot_id"] for one in timeslots if not one["current"]]
        if free:
            patient.timeslot_id = free[0]
            await rebooking.send("choose_timeslot", timeslot_id=free[0])
            await rebooking.expect("details.ready")
            await rebooking.command("give_details", comment=f"Hej {mark_of(patient.name)}", phone="070-1")


def _jar() -> aiohttp.CookieJar:
    return aiohttp.CookieJar(unsafe=True)  # the address is 127.0.0.1


async def _sign_in(patient: Marked) -> None:
    form = {"token": patient.portal.token, "next": "/bookings"}
    async with patient.browser.post("/session", data=form, headers={"Origin": PORTAL}, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
    async with asyncio.timeout(30), patient.browser.get("/bookings") as answer:
        found = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
    assert found, "the page of bookings has no form"
    patient.csrf = found.group(1)
