"""Serving: the gateway at an address, and connections closed that never come to a request.

aiohttp bounds neither the time of a request's header nor that of its body, so that anybody could hold connections by
sending a byte at a time; and it quotes a malformed request in the log, tokens and all.
Source: the reliability rules 4.1, "Flood, slowloris" and "Logs".
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

IDLE_SECONDS = 8.0
"""How long a connection may take to come to its first request, header and all."""

KEPT_SECONDS = 75.0
"""How long a connection that has had a request is kept for the next one: longer than proxies keep theirs."""

BODY_SECONDS = 12.0
"""How long a request's body may take; a little longer than a handler's own patience, whose answer says why."""

LOOK_SECONDS = 1.0
LOOKED_AT_ONCE = 250
CLOSED_AT_ONCE = 10

TAKEN_AT_ONCE = 128
"""How many connections asyncio takes in one go, and how often it says so when there are no file descriptors left."""

BACKLOG = 1024
"""How many connections may wait to be taken.

Who comes when there is no room tries again a second later, as TCP does: with aiohttp's 128, a few hundred connections
that somebody opens at once would cost everybody else that second.
"""

log = logging.getLogger("omboka.http")


class Unquoted(logging.Filter):
    """Says of a malformed request what is wrong with it and nothing of what it holds."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the record of a malformed request; leave every other one."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args = "a malformed request: %s", (type(error).__name__,)
            record.exc_info = record.exc_text = None
        return True


log.addFilter(Unquoted())


@dataclass(frozen=True)
class Serving:
    """A gateway that answers; `base_url` is where."""

    base_url: str


@asynccontextmanager
async def serving(
    app: web.Application,
    *,
    host: str,
    port: int,
    idle: float = IDLE_SECONDS,
    kept: float = KEPT_SECONDS,
    body: float = BODY_SECONDS,
    drain: float = 10.0,
) -> AsyncIterator[Serving]:
    """Serve until the block ends; port 0 takes a free one. Stopping takes at most `drain` seconds. Raises OSError."""
    used: set[object] = set()

    async def note(request: web.Request, answer: web.StreamResponse) -> None:
        used.add(request.protocol)

    app.on_response_prepare.append(note)
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=log,
        handle_signals=False,
        shutdown_timeout=drain,
        keepalive_timeout=kept,
        auto_decompress=False,  # nobody is asked to compress: a bomb stays the few bytes that it is
        # aiohttp would round each time over five seconds up to a whole one, and then ping thousands of sockets at once.
        timeout_ceil_threshold=math.inf,
    )
    await runner.setup()
    idler = asyncio.create_task(_close_idle(runner, used, idle, body))
    try:
        site = web.TCPSite(runner, host, port, backlog=TAKEN_AT_ONCE)
        await site.start()
        _lengthen_queues(site)
        address = runner.addresses[0]
        shown = f"[{address[0]}]" if ":" in address[0] else address[0]
        yield Serving(f"http://{shown}:{address[1]}")
    finally:
        idler.cancel()
        await runner.cleanup()


async def _close_idle(runner: web.AppRunner, used: set[object], idle: float, body: float) -> None:
    """Close each connection that doesn't come to a first request in time, or not to its request's end."""
    loop = asyncio.get_running_loop()
    since: dict[_Awaited, float] = {}
    while True:
        await asyncio.sleep(min(LOOK_SECONDS, idle / 4, body / 4))
        server = runner.server
        if server is None:
            return
        now = loop.time()
        connections = server.connections
        used.intersection_update(connections)
        waiting: dict[_Awaited, float] = {}
        for number, one in enumerate(tuple(connections), 1):
            if number % LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)
            if (awaited := _awaited(one, used)) is not None:
                waiting[awaited] = since.get(awaited, now)
        since = waiting
        overdue = [
            awaited for awaited, began in since.items() if now - began >= (idle if awaited.body is None else body)
        ]
        for number, awaited in enumerate(overdue, 1):
            # One that has come to its request while others were being closed is left alone.
            if awaited.of.transport is not None and _awaited(awaited.of, used) == awaited:
                awaited.of.transport.abort()
            if number % CLOSED_AT_ONCE == 0:
                await asyncio.sleep(0)  # hundreds of them at once would be felt by everybody else


class _Awaited(NamedTuple):
    """What a connection hasn't come to yet: its first request, or the end of a request's body."""

    of: web.RequestHandler
    body: StreamReader | None


def _awaited(one: web.RequestHandler, used: set[object]) -> _Awaited | None:
    request = one._current_request  # nothing public tells whether a connection has a request now
    body = request.content if request is not None else None
    comes = one not in used if body is None else not body.is_eof()
    return _Awaited(one, body) if comes else None


def _lengthen_queues(site: web.TCPSite) -> None:
    """Let more connections wait than are taken in one go: asyncio has one number for both."""
    for own in getattr(site._server, "sockets", ()):  # nothing public gives them
        with socket.socket(fileno=os.dup(own.fileno())) as same:
            same.listen(BACKLOG)
