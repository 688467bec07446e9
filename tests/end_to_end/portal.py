"""A portal, as small as one can be: it signs tokens, sends commands and follows events."""

from __future__ import annotations

import asyncio
import json
import uuid
from types import TracebackType
from typing import Any

import aiohttp

from services.gateway.auth import sign_development_token

PATIENCE = 30.0
"""Seconds after which an event that doesn't come fails the test; nothing waits this long when all is well."""


class Portal:
    """One patient's portal towards one gateway."""

    def __init__(self, base_url: str, auth_key: str, patient: dict[str, Any], **claims: Any) -> None:
        self.base_url = base_url
        self.patient = patient
        names = {"given_name": patient.get("given_name"), "family_name": patient.get("family_name")}
        self.token = sign_development_token(
            auth_key, subject=patient["subject"], phone=patient.get("phone"), **{"expires_in": 3600, **names, **claims}
        )
        self.headers = {"Authorization": f"Bearer {self.token}"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Portal:
        self._session = aiohttp.ClientSession(self.base_url, headers=self.headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open HTTP session."""
        assert self._session is not None, "use the portal as a context manager"
        return self._session

    async def get(self, path: str, *, status: int = 200, **query: Any) -> Any:
        """GET a JSON answer with the expected status."""
        async with self.session.get(path, params={key: str(value) for key, value in query.items()}) as answer:
            body = await answer.json(content_type=None)
            assert answer.status == status, body
            return body

    async def post(self, path: str, content: dict[str, Any] | None = None, *, status: int) -> Any:
        """POST JSON and take a JSON answer with the expected status."""
        async with self.session.post(path, json=content or {}) as answer:
            body = await answer.json(content_type=None)
            assert answer.status == status, body
            return body

    async def bookings(self, **query: Any) -> dict[str, Any]:
        """The patient's booked times."""
        body: dict[str, Any] = await self.get("/v1/bookings", wait=PATIENCE / 2, **query)
        return body

    async def rebook(self, facility: str, booking_id: str, *, status: int = 201, **content: Any) -> Rebooking:
        """Begin to move a booking."""
        content = {"facility": facility, "booking_id": booking_id, **content}
        return Rebooking(self, (await self.post("/v1/rebookings", content, status=status))["id"])


class Rebooking:
    """One rebooking as a client follows it: `snapshot` is built of the events alone."""

    def __init__(self, portal: Portal, rebooking_id: str) -> None:
        self.portal = portal
        self.id = rebooking_id
        self.path = f"/v1/rebookings/{rebooking_id}"
        self.sections: dict[str, Any] = {}
        self.choices: dict[str, Any] = {}
        self.outcome: dict[str, Any] | None = None
        self.events: list[dict[str, Any]] = []
        self.seq = 0
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def __aenter__(self) -> Rebooking:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def connect(self) -> None:
        """Open the WebSocket and ask for everything after what is known already."""
        self._socket = await self.portal.session.ws_connect(f"{self.path}/stream", protocols=["omboka.v1"])
        await self._socket.send_json({"type": "hello", "after": self.seq})

    async def disconnect(self) -> None:
        """Close the WebSocket; what was known stays known."""
        if self._socket is not None:
            await self._socket.close()

    async def send(self, name: str, *, command_id: str | None = None, **content: Any) -> str:
        """Send a command over the WebSocket; gives its id."""
        command_id = command_id or str(uuid.uuid4())
        assert self._socket is not None
        await self._socket.send_json({"type": "command", "id": command_id, "name": name, **content})
        return command_id

    async def frame(self) -> dict[str, Any]:
        """The next frame; an event is folded in."""
        assert self._socket is not None
        try:
            message = await asyncio.wait_for(self._socket.receive(), PATIENCE)
        except TimeoutError:
            came = [(event["seq"], event["name"], event["final"]) for event in self.events]
            raise AssertionError(f"no frame in {PATIENCE:g} s; the events that came: {came}") from None
        assert message.type is aiohttp.WSMsgType.TEXT, f"the socket closed: {message.data} {message.extra}"
        frame: dict[str, Any] = json.loads(message.data)
        if frame["type"] == "event":
            assert frame["seq"] > self.seq, "an event came twice or out of order"
            self.seq = frame["seq"]
            self.events.append(frame)
            self._fold(frame)
        return frame

    def _fold(self, frame: dict[str, Any]) -> None:
        data = frame["data"]
        if frame["name"] == "choice.made":
            self.choices = data["choices"]
            self.sections.update(data["sections"])
            self.outcome = None
        elif "outcome" in data:
            self.outcome = data["outcome"]
        else:
            self.sections[data["section"]] = data["value"]

    async def expect(self, *names: str) -> dict[str, Any]:
        """Read on until one of these events comes; gives it. A problem frame on the way fails."""
        while True:
            frame = await self.frame()
            assert frame["type"] != "problem", frame
            if frame.get("name") in names:
                return frame

    async def expect_all(self, *names: str) -> None:
        """Read on until every one of these events has come, in whatever order."""
        missing = set(names) - {event["name"] for event in self.events}
        while missing:
            missing.discard((await self.expect(*missing))["name"])

    async def expect_ready(self, *names: str) -> None:
        """Read on until these sections are ready; whatever failed meanwhile is asked for again, as a patient would."""
        retries = 5
        while not all(self.sections.get(name, {}).get("state") == "ready" for name in names):
            frame = await self.frame()
            if frame.get("name") == "section.failed":
                assert retries > 0, f"failed again and again: {frame}"
                retries -= 1
                await self.send("retry", section=frame["data"]["section"])

    async def expect_problem(self, slug: str) -> dict[str, Any]:
        """Read on until a problem frame comes; it must be this one."""
        while True:
            frame = await self.frame()
            if frame["type"] == "problem":
                assert frame["problem"]["type"] == f"urn:omboka:problem:{slug}", frame
                problem: dict[str, Any] = frame["problem"]
                return problem

    async def snapshot(self, *, status: int = 200, **query: Any) -> dict[str, Any]:
        """The gateway's own snapshot."""
        body: dict[str, Any] = await self.portal.get(self.path, status=status, **query)
        return body

    async def command(self, name: str, *, command_id: str | None = None, status: int = 202, **content: Any) -> Any:
        """Send a command over HTTP."""
        content = {"id": command_id or str(uuid.uuid4()), "name": name, **content}
        return await self.portal.post(f"{self.path}/commands", content, status=status)

    def data(self, section: str) -> Any:
        """A section's data, which must be there."""
        return self.sections[section]["data"]

    def free(self) -> list[dict[str, Any]]:
        """The timeslots shown that may be chosen."""
        return [one for one in self.data("timeslots")["timeslots"] if not one["current"]]

    async def go_to_days(self, *facilities: str) -> None:
        """Leave page 1: with these facilities, or with the initial choice."""
        await self.expect_all("booking.ready", "terms.ready")
        chosen = list(facilities) or (await self.snapshot())["choices"]["facilities"]
        await self.send("choose_facilities", facilities=chosen)
        await self.expect("timeslots.ready")

    async def go_to_summary(
        self, *, comment: str = "Jag ombokar tiden", phone: str = "070-123 45 67"
    ) -> dict[str, Any]:
        """Choose the first free timeslot and give what it asks for; gives the timeslot."""
        days = iter([one["date"] for one in self.data("days")["days"]])
        while not self.free():  # the booked time may be the only one of its day
            await self.send("choose_day", date=next(days))
            await self.expect("timeslots.ready")
        timeslot = self.free()[0]
        await self.send("choose_timeslot", timeslot_id=timeslot["timeslot_id"])
        await self.expect("details.ready")
        await self.send("give_details", comment=comment if timeslot["message_allowed"] else None, phone=phone)
        await self.expect("details.ready")
        return timeslot

    async def confirm(self) -> dict[str, Any]:
        """Confirm and wait for the outcome; gives it."""
        await self.send("confirm")
        told = await self.expect(
            "rebooking.confirmed",
            "rebooking.rejected",
            "rebooking.unknown",
            "rebooking.not_applied",
            "rebooking.other_time",
            "rebooking.manual",
        )
        outcome: dict[str, Any] = told["data"]["outcome"]
        return outcome
