"""The WebSocket of the pytest plugin: whatever breaks, it goes on from the last event."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.testing.ws import Ws


async def test_a_connection_that_broke_while_nobody_read_is_made_anew() -> None:
    """A ping lies there to be answered, and the connection is gone: no error, and the events go on."""
    seen: list[int] = []

    async def stream(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["omboka.v1"])
        await socket.prepare(request)
        after = json.loads(await socket.receive_str())["after"]
        seen.append(after)
        event = {"type": "event", "seq": after + 1, "name": "x.ready", "command_id": None}
        await socket.send_json({**event, "data": {"section": "x", "value": after + 1}})
        if after == 0:
            await socket.ping()
            assert request.transport is not None
            request.transport.close()
        else:
            await socket.receive()
        return socket

    app = web.Application()
    app.router.add_get("/v1/rebookings/{id}/stream", stream)
    server = TestServer(app)
    await server.start_server()
    ws = Ws(str(server.make_url("")).rstrip("/"), lambda: "token")
    try:
        async with asyncio.timeout(10):
            await ws.follow("one")
            await ws.expect("x.ready")
            assert ws._socket is not None
            while ws._socket.get_extra_info("peername") is not None:  # noqa: ASYNC110 - nobody is told when it breaks
                await asyncio.sleep(0)
            assert (await ws.expect("x.ready"))["seq"] == 2
    finally:
        await ws.close()
        await server.close()
    assert seen == [0, 1]
    assert ws.resumed == 1
