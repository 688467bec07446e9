"""Serving: the gateway at an address, and connections closed that never come to a request.

aiohttp bounds the time of an answer but not that of a request's header, so that anybody could hold connections by
sending a byte at a time. Source: the reliability rules 4.1, "Flood, slowloris".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

IDLE_SECONDS = 8.0
"""How long a connection may take to come to its first request, header and all."""

KEPT_SECONDS = 75.0
"""How long a connection that has had a request is kept for the next one: longer than proxies keep theirs."""

LOOK_SECONDS = 1.0


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
    drain: float = 10.0,
) -> AsyncIterator[Serving]:
    """Serve until the block ends; port 0 takes a free one. Stopping takes at most `drain` seconds. Raises OSError."""
    used: set[object] = set()

    async def note(request: web.Request, answer: web.StreamResponse) -> None:
        used.add(request.protocol)

    app.on_response_prepare.append(note)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=drain, keepalive_timeout=kept)
    await runner.setup()
    idler = asyncio.create_task(_close_idle(runner, used, idle))
    try:
        await web.TCPSite(runner, host, port).start()
        address = runner.addresses[0]
        shown = f"[{address[0]}]" if ":" in address[0] else address[0]
        yield Serving(f"http://{shown}:{address[1]}")
    finally:
        idler.cancel()
        await runner.cleanup()


async def _close_idle(runner: web.AppRunner, used: set[object], idle: float) -> None:
    """Close each connection that doesn't come to a first request in time."""
    loop = asyncio.get_running_loop()
    since: dict[web.RequestHandler, float] = {}
    while True:
        await asyncio.sleep(min(LOOK_SECONDS, idle / 4))
        server = runner.server
        if server is None:
            return
        now = loop.time()
        used.intersection_update(server.connections)
        # nothing public tells whether a connection has a request now
        waiting = [one for one in server.connections if one not in used and one._current_request is None]
        since = {one: since.get(one, now) for one in waiting}
        for handler, began in since.items():
            if now - began >= idle and handler.transport is not None:
                handler.transport.abort()
