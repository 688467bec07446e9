"""Connections that never come to a request are closed; others are left alone."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from services.gateway.serving import serving


async def slow(request: web.Request) -> web.Response:
    """An answer that takes its time until the test lets it come."""
    await request.app[GO].wait()
    return web.Response(text="done")


async def quick(request: web.Request) -> web.Response:
    """An answer that comes at once."""
    return web.Response(text="quick")


GO: web.AppKey[asyncio.Event] = web.AppKey("go", asyncio.Event)


async def test_half_open_connections_are_closed_and_a_slow_answer_is_not():
    """Fifty headers that never end are hung up on; a request that is being answered meanwhile is answered."""
    app = web.Application()
    app[GO] = asyncio.Event()
    app.router.add_get("/", slow)
    async with serving(app, host="127.0.0.1", port=0, idle=0.2) as served:
        port = int(served.base_url.rpartition(":")[2])
        # Given a request under way and fifty headers begun
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        half_open = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        for _, begun in half_open:
            begun.write(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        # When time passes, the half-open ones are hung up on
        for half, begun in half_open:
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(half.read(), 10) == b""
            begun.close()
        # Then the other one still gets its answer
        app[GO].set()
        assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"done")
        writer.close()


async def test_a_connection_that_has_had_a_request_is_kept_for_the_next():
    """A proxy's connection isn't hung up on between two requests, while one that never asks is."""
    app = web.Application()
    app.router.add_get("/", quick)
    async with serving(app, host="127.0.0.1", port=0, idle=0.2) as served:
        port = int(served.base_url.rpartition(":")[2])
        # Given one connection that has had an answer, and one that begins a header after it
        used, used_writer = await asyncio.open_connection("127.0.0.1", port)
        used_writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.wait_for(used.readuntil(b"quick"), 10)
        begun, begun_writer = await asyncio.open_connection("127.0.0.1", port)
        begun_writer.write(b"GET / HT")
        # When the other one has been hung up on
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(begun.read(), 10) == b""
        # Then the first one still serves
        used_writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.wait_for(used.readuntil(b"quick"), 10)
        used_writer.close()
        begun_writer.close()
