"""One rebooking as a client follows it: commands over HTTP, events over a WebSocket, resumed when it breaks."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp

PATIENCE_SECONDS = 30.0
LONGEST_WAIT = 5.0
NO_USE = {4401: "token missing or expired", 4403: "origin", 4404: "unknown rebooking", 4410: "rebooking gone"}
"""Close codes after which trying again is of no use."""
COME_AGAIN = frozenset({429, 502, 503, 504})


class Ws:
    """Follows one rebooking at a time. Its connection may break at any moment: nothing is missed and nothing repeated.

    `events` are those that came, `sections`, `choices` and `outcome` what they add up to, `resumed` how often the
    connection had to be made anew.
    """

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        self.url = url
        self.id = ""
        self._token = token
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._clear()

    def _clear(self) -> None:
        self.seq = 0
        self.events: list[dict[str, Any]] = []
        self.sections: dict[str, Any] = {}
        self.choices: dict[str, Any] = {}
        self.outcome: dict[str, Any] | None = None
        self.resumed = 0
        self._given: set[int] = set()

    async def begin(self, facility: str, booking_id: str, *, token: str | None = None, **content: Any) -> str:
        """Begin to move a booking and follow it; gives the rebooking's id."""
        await self._sign_in(token)
        told = await self._post("/v1/rebookings", {"facility": facility, "booking_id": booking_id, **content})
        self._clear()
        self.id = told["id"]
        return self.id

    async def follow(self, rebooking_id: str, *, token: str | None = None) -> None:
        """Follow a rebooking that something else has begun, from its first event."""
        await self._sign_in(token)
        self._clear()
        self.id = rebooking_id

    async def send(self, name: str, **content: Any) -> str:
        """Send a command; gives its id. What goes wrong on the way is tried again under the same id: it is done once.

        Raises AssertionError when it is refused.
        """
        command_id = str(uuid.uuid4())
        await self._post(f"/v1/rebookings/{self.id}/commands", {"id": command_id, "name": name, **content})
        return command_id

    async def expect(self, *names: str, command: str | None = None, within: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The first event of one of these names that hasn't been given yet, come already or still to come.

        With `command` it must be caused by the command of that id. Raises AssertionError when it doesn't come within
        `within` seconds, with the events that came.
        """
        try:
            async with asyncio.timeout(within):
                while (found := self._find(names, command)) is None:
                    await self._read()
        except TimeoutError:
            came = [(event["seq"], event["name"], _problem(event)) for event in self.events]
            raise AssertionError(f"none of {', '.join(names)} in {within:g} s; the events that came: {came}") from None
        self._given.add(found["seq"])
        return found

    async def close(self) -> None:
        """Stop following."""
        if self._socket is not None:
            await self._socket.close()
        if self._session is not None:
            await self._session.close()
        self._socket = self._session = None

    def _find(self, names: tuple[str, ...], command: str | None) -> dict[str, Any] | None:
        for event in self.events:
            fits = event["name"] in names and command in (None, event["command_id"])
            if fits and event["seq"] not in self._given:
                return event
        return None

    async def _sign_in(self, token: str | None) -> None:
        await self.close()
        headers = {"Authorization": f"Bearer {token or self._token()}"}
        self._session = aiohttp.ClientSession(headers=headers)

    async def _post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        assert self._session is not None, "begin or follow a rebooking first"
        async with asyncio.timeout(PATIENCE_SECONDS):
            tries = 0
            while True:
                try:
                    async with self._session.post(self.url + path, json=content) as answer:
                        told = await answer.text()
                        if answer.status not in COME_AGAIN:
                            assert answer.status < 300, f"{path}: {answer.status} {told}"
                            body: dict[str, Any] = json.loads(told)
                            return body
                except aiohttp.ClientError:
                    pass  # the same request again is the same command
                await self._wait(tries)
                tries += 1

    async def _read(self) -> None:
        """Take one frame; a connection that is gone is made anew, from the last event on."""
        if self._socket is None:
            await self._connect()
        assert self._socket is not None
        try:
            message = await self._socket.receive()
        except (aiohttp.ClientError, ConnectionError):
            pass  # it broke while nobody read, and the answer to a ping can't be written any more
        else:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(json.loads(message.data))
                return
        code = self._socket.close_code
        assert code not in NO_USE, f"the WebSocket was closed: {NO_USE[code or 0]}"
        await self._socket.close()
        self._socket = None
        self.resumed += 1

    async def _connect(self) -> None:
        assert self._session is not None, "begin or follow a rebooking first"
        tries = 0
        while True:
            try:
                socket = await self._session.ws_connect(
                    f"{self.url}/v1/rebookings/{self.id}/stream", protocols=["omboka.v1"], heartbeat=20
                )
                await socket.send_json({"type": "hello", "after": self.seq})
            except aiohttp.WSServerHandshakeError as refused:
                if refused.status not in COME_AGAIN:
                    raise AssertionError(f"the WebSocket was refused: {refused.status}") from None
            except (aiohttp.ClientError, ConnectionError):
                pass
            else:
                self._socket = socket
                return
            await self._wait(tries)
            tries += 1

    async def _wait(self, tries: int) -> None:
        await asyncio.sleep(min(LONGEST_WAIT, 0.25 * 2**tries) * random.uniform(0.5, 1.0))

    def _take(self, frame: dict[str, Any]) -> None:
        assert frame["type"] != "resync", "events are missing: the client knows of more than the gateway's log"
        if frame["type"] == "problem":
            raise AssertionError(f"a problem: {frame['problem']}")
        if frame["type"] != "event":
            return
        assert frame["seq"] == self.seq + 1, f"event {frame['seq']} came after {self.seq}"
        self.seq = frame["seq"]
        self.events.append(frame)
        data = frame["data"]
        if frame["name"] == "choice.made":
            self.choices = data["choices"]
            self.sections.update(data["sections"])
            self.outcome = None
        elif "outcome" in data:
            self.outcome = data["outcome"]
        else:
            self.sections[data["section"]] = data["value"]


def _problem(event: dict[str, Any]) -> str:
    section = event["data"].get("value") or {}
    return str((section.get("problem") or {}).get("type", ""))
