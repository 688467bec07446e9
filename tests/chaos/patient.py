"""A patient's portal that puts up with anything: it changes gateway, resumes, and asks again with the same command id.

It uses the public interface alone and notes what it is told; the judge decides whether that was true.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from services.gateway.auth import sign_development_token

ENDS = ("confirmed", "rejected", "not_applied", "other_time")
PREPARING_SECONDS = 300.0
RESOLVED_SECONDS = 300.0
ANSWER_SECONDS = 8.0
"""How long a gateway is waited for before another one is asked."""


class Refused(Exception):
    """A command was refused for good."""


class GaveUp(Exception):
    """Nothing could be prepared in time: nothing was confirmed."""


@dataclass
class Record:
    """What a patient wanted and was told: a line of told.jsonl."""

    subject: str
    facility_from: str
    booking_id: str
    rebooking_id: str | None = None
    command_id: str | None = None
    facility_to: str = ""
    start: str = ""
    confirmed: bool = False
    accepted_at: float | None = None
    ended_at: float | None = None
    refused: str | None = None
    told: list[tuple[float, int, str]] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    says: str | None = None
    resumed: int = 0
    outages: list[float] = field(default_factory=list)
    resynced: int = 0
    missed: int = 0
    repeated: int = 0


class Patient:
    """One patient with one booking to move."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        gateways: Sequence[str],
        auth_key: str,
        person: dict[str, Any],
        booking: dict[str, Any],
        chance: random.Random,
    ) -> None:
        names = {name: person[name] for name in ("given_name", "family_name", "phone")}
        token = sign_development_token(auth_key, subject=person["subject"], expires_in=7200, **names)
        self.record = Record(person["subject"], booking["facility"], booking["booking_id"])
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}
        self._gateways = itertools.cycle(chance.sample(list(gateways), len(gateways)))
        self._gateway = next(self._gateways)
        self._chance = chance
        self._seq = 0
        self._sections: dict[str, Any] = {}
        self._choices: dict[str, Any] = {}
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._lost_at: float | None = None

    async def move(self) -> None:
        """Move the booking as a patient would, and follow until its end is told or five minutes have gone."""
        try:
            async with asyncio.timeout(PREPARING_SECONDS):
                await self.prepare()
            async with asyncio.timeout(RESOLVED_SECONDS):
                await self.confirm()
                await self.until_ended()
        except Refused as refused:
            self.record.refused = str(refused)
        except (TimeoutError, GaveUp):
            pass  # the record says how far it came
        finally:
            await self.leave()

    async def prepare(self) -> None:
        """Begin, follow, and choose until only the confirmation is left. Raises Refused, GaveUp."""
        content = {"facility": self.record.facility_from, "booking_id": self.record.booking_id}
        started = await self._ask("POST", "/v1/rebookings", content)
        self.record.rebooking_id = started["id"]
        self._following = asyncio.create_task(self._follow())
        await self._choose_all()

    async def confirm(self) -> None:
        """Confirm until it is accepted. Raises Refused."""
        self.record.command_id = command_id = str(uuid.uuid4())
        self.record.confirmed = True
        await self._command("confirm", command_id=command_id)
        self._accepted()

    async def try_once(self, name: str) -> tuple[int, float]:
        """Send a command once; gives the status and the seconds that its answer took."""
        path = f"/v1/rebookings/{self.record.rebooking_id}/commands"
        return await self._status(path, {"id": str(uuid.uuid4()), "name": name})

    async def try_to_begin(self) -> tuple[int, float]:
        """Try once to begin; gives the status and the seconds that its answer took."""
        content = {"facility": self.record.facility_from, "booking_id": self.record.booking_id}
        return await self._status("/v1/rebookings", content)

    async def _status(self, path: str, content: dict[str, Any]) -> tuple[int, float]:
        began = time.monotonic()
        async with self._session.post(self._gateway + path, json=content, headers=self._headers) as answer:
            await answer.read()
            return answer.status, time.monotonic() - began

    async def until_ended(self) -> None:
        """Wait until an end is told."""
        await self._until(lambda: self.record.ended_at is not None)

    async def leave(self) -> None:
        """Follow no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    def use(self, session: aiohttp.ClientSession) -> None:
        """Come back in another session."""
        self._session = session

    async def ask_again(self) -> None:
        """What the rebooking's address says now, for somebody who comes back later."""
        if self.record.rebooking_id is None:
            return
        with contextlib.suppress(Refused, TimeoutError):
            async with asyncio.timeout(60):
                snapshot = await self._ask("GET", f"/v1/rebookings/{self.record.rebooking_id}")
                self.record.says = (snapshot.get("outcome") or {}).get("state")

    # Choosing.

    async def _choose_all(self) -> None:
        await self._ready("booking")
        facilities = (await self._ready("facilities"))["data"]
        eligible = [one["facility"] for one in facilities] or [self.record.facility_from]
        target = self._chance.choice(eligible)
        await self._command("choose_facilities", facilities=[target])
        days = (await self._ready("days"))["data"]["days"]
        await self._ready("timeslots")
        for _ in range(5):
            if not days:
                raise GaveUp
            day = self._chance.choice(days[1:] or days)["date"]
            await self._command("choose_day", date=day)
            await self._until(
                # What failed is asked for again just below; waiting for its day would last until the patient gives up.
                lambda day=day: (
                    (self._data("timeslots") or {}).get("date") == day or self._state("timeslots") == "failed"
                )
            )
            shown = (await self._ready("timeslots"))["data"]
            free = [one for one in shown["timeslots"] if not one["current"]] if shown else []
            if free and await self._choose(self._chance.choice(free)):
                return
        raise GaveUp

    async def _choose(self, timeslot: dict[str, Any]) -> bool:
        try:
            await self._command("choose_timeslot", timeslot_id=timeslot["timeslot_id"])
            await self._until(lambda: self._choices.get("timeslot_id") == timeslot["timeslot_id"])
            comment = "Jag ombokar tiden" if timeslot["message_allowed"] else None
            await self._command("give_details", comment=comment, phone="070-174 06 05")
            await self._until(lambda: bool((self._data("details") or {}).get("complete")))
        except Refused:
            return False
        self.record.facility_to = timeslot["facility"]
        self.record.start = "".join(char for char in timeslot["start"] if char.isdigit())
        return True

    async def _ready(self, name: str) -> dict[str, Any]:
        """A section when it has come; what failed is asked for again."""
        while True:
            with contextlib.suppress(TimeoutError):
                await self._until(lambda: self._state(name) in ("ready", "empty", "hidden", "failed"), seconds=20)
            section: dict[str, Any] = self._sections.get(name, {})
            if section.get("state") in ("ready", "empty", "hidden"):
                return {"data": [], **section} if section["state"] == "hidden" else section
            await asyncio.sleep(0.5)
            with contextlib.suppress(Refused):
                await self._command("retry", section=name)
            await asyncio.sleep(0.5)

    def _state(self, name: str) -> str | None:
        return (self._sections.get(name) or {}).get("state")

    def _data(self, name: str) -> Any:
        return (self._sections.get(name) or {}).get("data")

    # Asking.

    async def _command(self, name: str, *, command_id: str | None = None, **content: Any) -> None:
        command_id = command_id or str(uuid.uuid4())
        path = f"/v1/rebookings/{self.record.rebooking_id}/commands"
        await self._ask("POST", path, {"id": command_id, "name": name, **content})

    async def _ask(self, method: str, path: str, content: Any = None) -> Any:
        """Ask until a gateway answers for good. Raises Refused."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with (
                    asyncio.timeout(ANSWER_SECONDS),
                    self._session.request(method, self._gateway + path, json=content, headers=self._headers) as answer,
                ):
                    body = await answer.json(content_type=None)
                    if answer.status < 300:
                        return body
                    if answer.status < 500 and answer.status != 429:
                        raise Refused(str((body or {}).get("type", answer.status)).rpartition(":")[2])
            self._gateway = next(self._gateways)
            await asyncio.sleep(self._chance.uniform(0.3, 1.0))

    # Following.

    async def _follow(self) -> None:
        """Follow the events over a WebSocket, at another gateway when one is gone, from the last seq on."""
        for gateway in self._gateways:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with self._session.ws_connect(
                    f"{gateway}/v1/rebookings/{self.record.rebooking_id}/stream",
                    protocols=["omboka.v1"],
                    headers=self._headers,
                    heartbeat=6.0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                ) as socket:
                    await socket.send_json({"type": "hello", "after": self._seq})
                    await socket.send_json({"type": "ping"})
                    async for message in socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            await self._take(json.loads(message.data))
            self.record.resumed += 1
            self._lost_at = self._lost_at or time.monotonic()
            await asyncio.sleep(self._chance.uniform(0.2, 1.0))

    async def _take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "resync":
            snapshot = await self._ask("GET", f"/v1/rebookings/{self.record.rebooking_id}")
            self.record.resynced += 1
            self._seq = snapshot["seq"]
            self._sections.update(snapshot["sections"])
            self._choices = snapshot["choices"]
            if snapshot.get("outcome"):
                self._outcome(snapshot["outcome"])
        elif frame["type"] == "event":
            self.record.repeated += frame["seq"] <= self._seq
            self.record.missed += max(0, frame["seq"] - self._seq - 1)
            self._seq = frame["seq"]
            self._fold(frame["name"], frame["data"])
        elif frame["type"] == "pong" and self._lost_at is not None:
            self.record.outages.append(round(time.monotonic() - self._lost_at, 3))
            self._lost_at = None
        self._changed.set()

    def _fold(self, name: str, data: dict[str, Any]) -> None:
        if name == "choice.made":
            self._choices = data["choices"]
            self._sections.update(data["sections"])
        elif "outcome" in data:
            self._outcome(data["outcome"])
        else:
            self._sections[data["section"]] = data["value"]

    def _outcome(self, outcome: dict[str, Any]) -> None:
        state = outcome["state"]
        self._accepted()
        self.record.told.append((round(time.time(), 3), self._seq, state))
        if state in ENDS:
            self.record.ends.append(state)
            self.record.ended_at = self.record.ended_at or time.time()

    def _accepted(self) -> None:
        self.record.accepted_at = self.record.accepted_at or time.time()

    async def _until(self, holds: Callable[[], bool], *, seconds: float | None = None) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self._changed.clear()
                await self._changed.wait()
