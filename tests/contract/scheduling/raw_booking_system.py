"""A booking system at the level of bytes: it says exactly what a test tells it to, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Play = Callable[["RawConnection"], Awaitable[None]]


class RawConnection:
    """One connection as the booking system sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received = bytearray()
        self.requests = 0
        self.ended = asyncio.Event()
        self._reader = reader
        self._writer = writer

    async def request(self) -> bool:
        """Take one whole request; False when the other side has hung up instead."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        self.received += head + await self._reader.readexactly(length)
        self.requests += 1
        return True

    async def say(self, data: bytes) -> None:
        """Write bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def until_hung_up(self) -> None:
        """Wait for the other side's end; what it still writes is kept."""
        self.received += await self._reader.read()

    def reset(self) -> None:
        """End with a reset instead of an orderly close."""
        connection: socket.socket = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def end(self) -> None:
        """Close."""
        self._writer.close()
        self.ended.set()

    @property
    def head(self) -> str:
        """The first request's line and headers."""
        return bytes(self.received).partition(b"\r\n\r\n")[0].decode("ascii")

    @property
    def content(self) -> bytes:
        """The first request's content."""
        return bytes(self.received).partition(b"\r\n\r\n")[2]


class RawBookingSystem:
    """A server on 127.0.0.1 that plays the same part on each connection."""

    def __init__(self, play: Play) -> None:
        self.connections: list[RawConnection] = []
        self.url = ""
        self._play = play
        self._arrived = asyncio.Event()

    async def connected(self) -> RawConnection:
        """Wait for the first connection."""
        await self._arrived.wait()
        return self.connections[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Play the part on one connection."""
        connection = RawConnection(reader, writer)
        self.connections.append(connection)
        self._arrived.set()
        try:
            await self._play(connection)
        except ConnectionError:
            return
        finally:
            await connection.end()


@asynccontextmanager
async def a_raw_booking_system(play: Play, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawBookingSystem]:
    """Run a booking system for the length of a test; `url` holds `{contract}`."""
    system = RawBookingSystem(play)
    running: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.create_task(system.serve(reader, writer)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    system.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/{{contract}}/1/rivtabp21"
    try:
        yield system
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def http(body: bytes, *, status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    """An HTTP answer; `length` states another Content-Length than the true one."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/xml; charset=utf-8\r\n{headers}"
    return f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def says(data: bytes) -> Play:
    """Answer each request with the same bytes."""

    async def play(connection: RawConnection) -> None:
        while await connection.request():
            await connection.say(data)

    return play


def says_and_hangs_up(data: bytes) -> Play:
    """Answer one request with bytes, and close."""

    async def play(connection: RawConnection) -> None:
        await connection.request()
        await connection.say(data)

    return play


async def hangs(connection: RawConnection) -> None:
    """Take a request and never answer."""
    await connection.request()
    await connection.until_hung_up()


async def resets(connection: RawConnection) -> None:
    """Take a request and reset the connection."""
    await connection.request()
    connection.reset()


def drips(data: bytes) -> Play:
    """Answer a byte at a time, each within any wait for the next one, never coming to an end in time."""

    async def play(connection: RawConnection) -> None:
        await connection.request()
        for byte in data:
            await connection.say(bytes([byte]))
            await asyncio.sleep(0.01)

    return play


def floods(size: int) -> Play:
    """Answer with so many bytes, without saying beforehand how many there will be."""

    async def play(connection: RawConnection) -> None:
        await connection.request()
        await connection.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b" " * 65_536
        for _ in range(size // len(piece) + 2):
            await connection.say(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        await connection.until_hung_up()

    return play
