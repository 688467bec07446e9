"""The WebSocket of a rebooking: hello, then its events as they come, and commands.

A socket is never waited for: what it can't take within 256 sendings closes it, and it resumes from its last seq.
Source: the interface, "WebSocket".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from services.gateway import metrics, refusals
from services.gateway.auditing import known
from services.gateway.deps import AUDITOR, AUTHENTICATOR, DEPS, LIMITS, ORIGINS, REBOOKINGS, RELAY, TICKETING
from services.gateway.identity import Caller
from services.gateway.limits import FRAME_BYTES
from services.gateway.problems import preferred_language, problem_of
from services.gateway.rebookings import Rebooking
from services.gateway.tracing import traceparent
from shared.audit.audit_log import AuditUnavailable
from shared.clock import Clock
from shared.contracts.commands import CLIENT_COMMAND
from shared.contracts.model import Language
from shared.contracts.problems import Problem, ProblemType, Refusal
from shared.messaging.event_log import LogUnavailable
from shared.observability.spans import span

log = logging.getLogger(__name__)

FOLLOW = "follow"
"""What following a rebooking's events is called in the audit log."""

SUBPROTOCOL = "omboka.v1"
QUEUE = 256
HEARTBEAT_SECONDS = 20.0
CLOSING_SECONDS = 5.0

NOT_AUTHENTICATED = 4401
UNKNOWN = 4404
TOO_SLOW = 4408
GONE = 4410
TOO_MANY = 4429

CLOSE_CODES: dict[ProblemType, int] = {
    ProblemType.NOT_AUTHENTICATED: NOT_AUTHENTICATED,
    ProblemType.NOT_FOUND: UNKNOWN,
    ProblemType.EXPIRED: GONE,
    ProblemType.TOO_MANY_REQUESTS: TOO_MANY,
}
"""Why a socket can't be had, as its close code; anything else is 1012 (come again)."""


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)


class Hello(_Frame):
    """The first frame: the last seq that the client has, and a ticket unless the handshake had a token."""

    type: Literal["hello"]
    after: Annotated[int, Field(ge=0, le=2**53)] = 0
    ticket: Annotated[str, Field(max_length=200)] | None = None


class Ping(_Frame):
    """Asks for a pong."""

    type: Literal["ping"]


class Socket:
    """One WebSocket: a bounded queue, and a task that empties it while there is something in it.

    Follows a rebooking by the relay. An idle one holds nothing: there are many of them for each that is told something.
    """

    def __init__(self, ws: web.WebSocketResponse, clock: Clock) -> None:
        self.after = 0
        self._ws = ws
        self._clock = clock
        self._queue: list[Sequence[bytes]] = []
        self._writer: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._expires_at = float("inf")
        self._closing: asyncio.Task[None] | None = None

    @property
    def expired(self) -> bool:
        """Whether the token behind it is past its end."""
        return self._clock.now().timestamp() >= self._expires_at

    def live_until(self, expires_at: float) -> None:
        """Close at this time (UTC seconds)."""
        if self._expiry is not None:
            self._expiry.cancel()
        self._expires_at = expires_at
        delay = max(0.0, expires_at - self._clock.now().timestamp())
        self._expiry = asyncio.get_running_loop().call_later(delay, self._expire)

    def deliver(self, frames: Sequence[bytes]) -> None:
        """Queue frames as one sending; a full queue closes the socket as too slow."""
        if self.expired:
            self.close(NOT_AUTHENTICATED)
        if self._closing is not None:
            return
        if len(self._queue) >= QUEUE:
            metrics.SLOW_SOCKETS.inc()
            self.close(TOO_SLOW)
            return
        self._queue.append(frames)
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write())

    def send(self, frame: dict[str, Any]) -> None:
        """Queue one frame."""
        self.deliver([json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()])

    def resync(self) -> None:
        """Tell the client to fetch the snapshot; what comes next is live."""
        self.send({"type": "resync"})

    def gone(self) -> None:
        """The rebooking's log is gone."""
        self.close(GONE)

    def close(self, code: int) -> None:
        """Begin to close; what is queued isn't sent any more, unless the socket is closed for what the queue tells."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close(code))

    async def closed(self) -> None:
        """Wait until it is closed, and leave nothing running."""
        if self._expiry is not None:
            self._expiry.cancel()
        if self._closing is not None:
            await self._closing
        await self._stop_writing()

    def _expire(self) -> None:
        if self.expired:
            self.close(NOT_AUTHENTICATED)
        else:
            self.live_until(self._expires_at)

    async def _close(self, code: int) -> None:
        if code != TOO_SLOW and self._writer is not None:
            await asyncio.wait({self._writer}, timeout=CLOSING_SECONDS)
        await self._stop_writing()
        with contextlib.suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(self._ws.close(code=code), CLOSING_SECONDS)

    async def _write(self) -> None:
        try:
            while self._queue:
                for frame in self._queue.pop(0):
                    await self._ws.send_frame(frame, WSMsgType.TEXT)
        except (ConnectionError, RuntimeError):
            self._queue.clear()  # the reader notices too that nobody is there any more, and ends everything
        finally:
            self._writer = None

    async def _stop_writing(self) -> None:
        if self._writer is not None:
            writer = self._writer
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer


class OpenSockets(set[Socket]):
    """The open sockets, to be closed with 1012 when the gateway stops."""


SOCKETS: web.AppKey[OpenSockets] = web.AppKey("sockets", OpenSockets)


async def stream(request: web.Request) -> web.StreamResponse:
    """`GET /v1/rebookings/{id}/stream`. Origin, address and token are checked before the upgrade."""
    authorization = request.headers.get("Authorization")
    request.app[ORIGINS].check_listed(request, needed=authorization is None)
    limits = request.app[LIMITS]
    caller = None
    if authorization is not None:
        caller = known(request, await request.app[AUTHENTICATOR].by_header(authorization))
    with limits.socket_of_address(limits.address(request)):
        ws = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            heartbeat=HEARTBEAT_SECONDS,
            compress=False,
            max_msg_size=FRAME_BYTES,
            timeout=CLOSING_SECONDS,
        )
        await ws.prepare(request)
        socket = Socket(ws, request.app[DEPS].clock)
        request.app[SOCKETS].add(socket)
        metrics.SOCKETS.inc()
        try:
            await _Conversation(request, ws, socket, caller).run()
        finally:
            metrics.SOCKETS.dec()
            request.app[SOCKETS].discard(socket)
            await socket.closed()
        return ws


class _Conversation:
    """What is said over one socket, from hello to the end."""

    def __init__(self, request: web.Request, ws: web.WebSocketResponse, socket: Socket, caller: Caller | None) -> None:
        self._request = request
        self._app = request.app
        self._id = request.match_info["id"]
        self._ws = ws
        self._socket = socket
        self._caller = caller
        self._language: Language = preferred_language(request)

    async def run(self) -> None:
        """Converse until either side ends it."""
        try:
            if self._caller is not None:
                await self._open()
            after = await self._hello()
            if after is None:
                return
            # What stands in this frame is kept for as long as the socket is open: not the whole rebooking.
            deadlines = (await self._open()).deadlines
            self._note(FOLLOW, "opened")
            self._socket.after = after
            assert self._caller is not None
            with self._app[LIMITS].socket_of_subject(self._caller.owner):
                self._socket.live_until(self._caller.expires_at)
                async with self._app[RELAY].following(self._id, self._socket, deadlines=deadlines):
                    await self._listen()
        except (Refusal, LogUnavailable, AuditUnavailable) as error:
            problem = problem_of(error, self._language)
            with contextlib.suppress(AuditUnavailable):  # nothing was given that would have to be noted
                self._note(FOLLOW, problem.type.value)
            self._tell(None, problem)
            self._socket.close(CLOSE_CODES.get(problem.type, WSCloseCode.SERVICE_RESTART))

    async def _open(self) -> Rebooking:
        assert self._caller is not None
        rebooking = await self._app[REBOOKINGS].open(self._caller, self._id)
        self._language = rebooking.facts.language
        return rebooking

    async def _hello(self) -> int | None:
        """The seq that the first frame says; None when the client went away. No hello in time: not-authenticated."""
        try:
            message = await self._ws.receive(timeout=self._app[DEPS].hello_seconds)
        except TimeoutError as error:
            raise Refusal(Problem(type=ProblemType.NOT_AUTHENTICATED)) from error
        if message.type is not WSMsgType.TEXT:
            return None
        try:
            hello = Hello.model_validate(from_json(message.data))
        except (ValidationError, ValueError) as error:
            raise Refusal(Problem(type=ProblemType.NOT_AUTHENTICATED)) from error
        if self._caller is None:
            self._caller = await self._by_ticket(hello)
        return hello.after

    async def _by_ticket(self, hello: Hello) -> Caller:
        caller = await self._app[TICKETING].take(hello.ticket, self._id) if hello.ticket else None
        if caller is None or caller.expires_at <= self._app[DEPS].clock.now().timestamp():
            raise Refusal(Problem(type=ProblemType.NOT_AUTHENTICATED))
        return caller

    async def _listen(self) -> None:
        async for message in self._ws:
            if self._socket.expired:
                self._socket.close(NOT_AUTHENTICATED)
                return
            if message.type is WSMsgType.TEXT:
                await self._frame(message.data)
            else:
                self._tell(None, refusals.field("body", "form", self._language).problem)

    async def _frame(self, text: str) -> None:
        command_id: str | None = None
        try:
            try:
                frame = from_json(text)
            except ValueError as error:
                raise refusals.field("body", "json", self._language) from error
            if not isinstance(frame, dict):
                raise refusals.field("body", "form", self._language)
            match frame.pop("type", None):
                case "command":
                    given = frame.get("id")
                    command_id = given if isinstance(given, str) and len(given) <= 64 else None
                    await self._command(frame)
                case "ping":
                    Ping.model_validate({"type": "ping", **frame})
                    self._socket.send({"type": "pong"})
                case "hello":
                    await self._renew(Hello.model_validate({"type": "hello", **frame}))
                case _:
                    raise refusals.field("type", "form", self._language)
        except Exception as error:  # the one rim where whatever a frame causes must become a frame
            self._tell(command_id, problem_of(error, self._language))

    async def _command(self, content: dict[str, Any]) -> None:
        caller = self._caller
        assert caller is not None
        self._app[AUDITOR].check()
        self._app[LIMITS].count_command(self._request, caller.owner)
        command = CLIENT_COMMAND.validate_json(json.dumps(content), strict=True)
        try:
            with span(f"command {command.name}", "server"):
                trace = traceparent(self._request.headers)
                rebookings = self._app[REBOOKINGS]
                seq = await rebookings.command(caller, self._id, command, traceparent=trace, followed=True)
        except Exception as error:
            metrics.COMMANDS.labels(command.name, "refused").inc()
            refused = error.problem.type if isinstance(error, Refusal) else ProblemType.OVERLOADED
            self._note(command.name, refused.value, command.id)
            raise
        metrics.COMMANDS.labels(command.name, "accepted").inc()
        self._note(command.name, "accepted", command.id)
        self._socket.send({"type": "accepted", "id": command.id, "seq": seq})

    async def _renew(self, hello: Hello) -> None:
        """A second hello: a new ticket of the same subject keeps the socket past its token's end."""
        caller = self._caller
        assert caller is not None
        renewed = await self._by_ticket(hello)
        if renewed.owner != caller.owner:
            raise Refusal(Problem(type=ProblemType.NOT_AUTHENTICATED))
        self._caller = renewed
        self._socket.live_until(renewed.expires_at)

    def _note(self, act: str, outcome: str, command_id: str | None = None) -> None:
        """Note what whoever is known by now has done over this socket."""
        if self._caller is not None:
            self._app[AUDITOR].note(self._caller.identity, act, outcome, of=self._id, command_id=command_id)

    def _tell(self, command_id: str | None, problem: Problem) -> None:
        self._socket.send({"type": "problem", "id": command_id, "problem": problem.public(self._language)})


async def close_all(app: web.Application) -> None:
    """Close every socket with 1012: the client resumes at another gateway, or at this one when it is back."""
    opened: OpenSockets = app[SOCKETS]
    sockets = list(opened)
    for socket in sockets:
        socket.close(WSCloseCode.SERVICE_RESTART)
    await asyncio.gather(*(socket.closed() for socket in sockets))
