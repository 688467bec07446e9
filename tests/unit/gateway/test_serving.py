"""Connections that never come to a request are closed; others are left alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import zlib

import pytest
from aiohttp import ClientSession, web

from services.gateway.serving import serving


async def slow(request: web.Request) -> web.Response:
    """An answer that takes its time until the test lets it come."""
    await request.app[GO].wait()
    return web.Response(text="done")


async def quick(request: web.Request) -> web.Response:
    """An answer that comes at once."""
    return web.Response(text="quick")


async def echoing(request: web.Request) -> web.Response:
    """The body, as it came."""
    return web.Response(body=await request.read())


async def broken(request: web.Request) -> web.Response:
    """An answer that can't be made."""
    raise ZeroDivisionError


async def reading(request: web.Request) -> web.Response:
    """An answer that reads a form first, for as long as it takes to come."""
    await request.post()
    return web.Response(text="read")


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


async def test_many_connections_at_once_are_all_let_in():
    """Five hundred that come before one of them can be taken: none has to try again, and the next one is answered."""
    app = web.Application()
    app.router.add_get("/", quick)
    async with serving(app, host="127.0.0.1", port=0) as served, ClientSession() as session:
        address = ("127.0.0.1", int(served.base_url.rpartition(":")[2]))
        with contextlib.ExitStack() as stack:
            for _ in range(500):  # on the event loop's own thread, so that nobody is taken meanwhile
                stack.enter_context(socket.create_connection(address, timeout=0.5))
            async with session.get(served.base_url) as answer:
                assert answer.status == 200


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


async def test_a_body_that_never_ends_is_hung_up_on():
    """Whatever the handler waits for, nobody holds a connection by sending a form a byte at a time."""
    app = web.Application()
    app.router.add_post("/", reading)
    async with serving(app, host="127.0.0.1", port=0, body=0.2) as served:
        port = int(served.base_url.rpartition(":")[2])
        form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n"
        head = b"POST / HTTP/1.1\r\nHost: a\r\n" + form
        # Given a form that stops in the middle, and one that comes whole
        half, half_writer = await asyncio.open_connection("127.0.0.1", port)
        half_writer.write(head + b"a=b")
        whole, whole_writer = await asyncio.open_connection("127.0.0.1", port)
        whole_writer.write(head + b"a=bcdefgh")
        # Then the one is hung up on, and the other answered
        assert b"200 OK" in await asyncio.wait_for(whole.readuntil(b"read"), 10)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(half.read(), 10) == b""
        half_writer.close()
        whole_writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\nAuthorization: Bearer hemligt\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer hemligt\x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: hemligt\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"hemligt" * 3000 + b"\r\n\r\n",
    ],
    ids=["line", "value", "twice", "too long"],
)
async def test_a_malformed_request_is_refused_and_not_quoted_in_the_log(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It may hold a token or a name; and whoever sends many mustn't fill the log with what they choose."""
    caplog.set_level(logging.DEBUG)
    app = web.Application()
    app.router.add_get("/", quick)
    async with serving(app, host="127.0.0.1", port=0) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(served.base_url.rpartition(":")[2]))
        writer.write(request_)
        assert (await asyncio.wait_for(reader.readline(), 10)).split()[1:2] == [b"400"]
        writer.close()
    assert "hemligt" not in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO or record.exc_info]


async def test_an_error_of_our_own_is_still_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What nobody foresaw is a 500 with its traceback in the log."""
    app = web.Application()
    app.router.add_get("/", broken)
    async with serving(app, host="127.0.0.1", port=0) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(served.base_url.rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await asyncio.wait_for(reader.readline(), 10)).split()[1:2] == [b"500"]
        writer.close()
    assert "ZeroDivisionError" in caplog.text


async def test_a_compressed_body_is_not_unpacked(caplog: pytest.LogCaptureFixture) -> None:
    """What says that it is compressed is taken as it is, whether it would unpack to very much or not at all."""
    app = web.Application()
    app.router.add_post("/", echoing)
    async with serving(app, host="127.0.0.1", port=0) as served, ClientSession(served.base_url) as session:
        for sent in (zlib.compress(b"0" * 1_000_000), b"no such thing"):
            async with session.post("/", data=sent, headers={"Content-Encoding": "deflate"}) as answer:
                assert (answer.status, await answer.read()) == (200, sent)
    assert not [record for record in caplog.records if record.exc_info]
