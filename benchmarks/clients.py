"""Those who ask: patients with a WebSocket towards our gateway, and patients of a peer. Both read the whole answer."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp

from benchmarks import scene
from benchmarks.machine import Machine, Peer, System
from services.gateway.auth import sign_development_token

PATIENCE = 60.0
TRIES = 10
OUTCOMES = ("rebooking.confirmed", "rebooking.rejected", "rebooking.unknown", "rebooking.not_applied")


class Client(Protocol):
    """Somebody who looks a day's timeslots up, one day after another."""

    async def look_up(self) -> float:
        """Look the next day up; gives the seconds. Raises NoAnswer."""


class NoAnswer(Exception):
    """Raised when a look-up ended without timeslots."""


class Patient:
    """A patient of ours, who has begun to move a booking and follows it."""

    def __init__(self, machine: Machine, system: System, number: int) -> None:
        self.number = number
        self._token = sign_development_token(
            machine.keys["auth_key"],
            subject=scene.subject(number),
            given_name="Tolvan",
            family_name="Tolvansson",
            expires_in=7200,
        )
        self.headers = {"Authorization": f"Bearer {self._token}"}
        self._session, self._url = machine.session, system.url
        self.path = ""
        self.days: list[str] = []
        self.timeslots: list[dict[str, Any]] = []
        self._next = 0
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[str, tuple[frozenset[str], asyncio.Future[dict[str, Any]]]] = {}

    async def begin(self, origin: int) -> None:
        """Begin to move the patient's booking at a facility, and follow it until the booking is there."""
        content = {"facility": scene.facility(origin), "booking_id": scene.booking_id(self.number)}
        for _ in range(TRIES):
            async with self._session.post(f"{self._url}/v1/rebookings", json=content, headers=self.headers) as answer:
                body = await answer.json()
                if answer.status in (200, 201):
                    break
            await asyncio.sleep(1)  # a busy machine's first connections may take longer than a request's patience
        else:
            raise NoAnswer(f"a rebooking can't begin: {body}")
        self.path = f"/v1/rebookings/{body['id']}"
        ready = self.expect("*", "*final")
        self._socket = await self.follow()
        self._reader = asyncio.create_task(self._read(self._socket))
        await ready

    async def follow(self) -> aiohttp.ClientWebSocketResponse:
        """Open one more socket to the rebooking."""
        socket = await self._session.ws_connect(
            f"{self._url}{self.path}/stream", protocols=["omboka.v1"], headers=self.headers, max_msg_size=0
        )
        await socket.send_json({"type": "hello", "after": 0})
        return socket

    async def search(self, *facilities: int) -> float:
        """Choose facilities; gives the seconds until every day and the first day's timeslots were there."""
        began = time.perf_counter()
        names = [scene.facility(one) for one in facilities]
        frame = await self.command("choose_facilities", "*final", facilities=names)
        if not self.days or frame["type"] == "problem":
            raise NoAnswer(f"a search found no day: {frame}")
        return time.perf_counter() - began

    async def look_up(self) -> float:
        """Choose the next day; gives the seconds until its timeslots were there."""
        began = time.perf_counter()
        self._next = (self._next + 1) % len(self.days)
        frame = await self.command(
            "choose_day", "timeslots.ready", "timeslots.empty", "section.failed", date=self.days[self._next]
        )
        if frame["name"] != "timeslots.ready":
            raise NoAnswer(frame["name"])
        return time.perf_counter() - began

    async def confirm(self) -> None:
        """Confirm, and wait until the rebooking is told as confirmed. Raises NoAnswer."""
        confirmed = self.expect("*", *OUTCOMES)
        assert self._socket is not None
        await self._socket.send_json({"type": "command", "id": str(uuid.uuid4()), "name": "confirm"})
        frame = await asyncio.wait_for(confirmed, PATIENCE)
        if frame["name"] != OUTCOMES[0]:
            raise NoAnswer(frame["name"])

    async def command(self, name: str, *until: str, **content: Any) -> dict[str, Any]:
        """Send a command; gives the first of its events with one of these names."""
        command_id = str(uuid.uuid4())
        waiting = self.expect(command_id, *until)
        assert self._socket is not None
        await self._socket.send_json({"type": "command", "id": command_id, "name": name, **content})
        try:
            return await asyncio.wait_for(waiting, PATIENCE)
        except TimeoutError:
            raise NoAnswer(f"nothing came of {name}") from None
        finally:
            self._waiting.pop(command_id, None)

    def expect(self, command_id: str, *names: str) -> asyncio.Future[dict[str, Any]]:
        """The first event of a command, or of any with `*`, that has one of these names."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[command_id] = (frozenset(names), future)
        return future

    async def close(self) -> None:
        """Leave."""
        if self._reader is not None:
            self._reader.cancel()
        if self._socket is not None:
            await self._socket.close()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            frame = json.loads(message.data)
            if frame["type"] == "problem":
                self._settle(frame.get("id"), {"name": "section.failed", **frame})
            elif frame["type"] == "event":
                self._note(frame)
                for command_id in (frame["command_id"], "*"):
                    names, _ = self._waiting.get(command_id, (frozenset(), None))
                    if frame["name"] in names or ("*final" in names and frame["final"]):
                        self._settle(command_id, frame)

    def _note(self, frame: dict[str, Any]) -> None:
        data = frame["data"].get("value", {}).get("data") if "section" in frame["data"] else None
        if data and frame["data"]["section"] == "days":
            self.days = [day["date"] for day in data["days"]]
        elif data and frame["data"]["section"] == "timeslots":
            self.timeslots = data["timeslots"]

    def _settle(self, command_id: str | None, frame: dict[str, Any]) -> None:
        found = self._waiting.pop(command_id, None) if command_id else None
        if found and not found[1].done():
            found[1].set_result(frame)


class PeersPatient:
    """A patient of a peer."""

    def __init__(self, machine: Machine, peer: Peer, number: int, days: list[str]) -> None:
        self._session, self._url = machine.session, peer.url
        self._query = {"facility": scene.facility(number % scene.BOOKING_SYSTEMS), "patient": scene.subject(number)}
        self._days, self._next = days, 0

    async def look_up(self) -> float:
        """Look the next day up."""
        began = time.perf_counter()
        self._next = (self._next + 1) % len(self._days)
        query = {**self._query, "day": self._days[self._next]}
        async with self._session.get(f"{self._url}/timeslots", params=query) as answer:
            body = await answer.read()
            if answer.status != 200 or not json.loads(body):
                raise NoAnswer(str(answer.status))
        return time.perf_counter() - began


@asynccontextmanager
async def patients(
    machine: Machine, system: System, count: int, *, first: int = 0, systems: int = scene.BOOKING_SYSTEMS
) -> AsyncIterator[list[Patient]]:
    """So many patients of ours, each with a search behind them; patient n asks booking system n modulo `systems`."""
    found = [Patient(machine, system, first + number) for number in range(count)]
    try:
        for start in range(0, count, 20):
            some = found[start : start + 20]
            await asyncio.gather(*(one.begin(one.number % systems) for one in some))
            await asyncio.gather(*(_searched(one, one.number % systems) for one in some))
        yield found
    finally:
        await asyncio.gather(*(one.close() for one in found))


async def _searched(patient: Patient, facility: int) -> None:
    for left in reversed(range(TRIES)):
        try:
            await patient.search(facility)
        except NoAnswer:
            if not left:
                raise
        else:
            return
