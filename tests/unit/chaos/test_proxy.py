"""The fault proxy: what it doesn't spoil passes whole, and an update is told from a look-up."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.chaos.proxy import FaultProxy

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\nConnection: close\r\n\r\n" + b"x" * 2000


@asynccontextmanager
async def proxied(*, updates: float, look_ups: float) -> AsyncIterator[tuple[FaultProxy, list[bytes]]]:
    """A booking system that always answers the same, behind a proxy; gives what it received."""
    received: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            received.append(await reader.read(65_536))
            writer.write(ANSWER)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with FaultProxy("127.0.0.1", port, chance=random.Random(3), updates=updates, look_ups=look_ups) as proxy:
        yield proxy, received
    server.close()


async def asked(proxy: FaultProxy, contract: str) -> bytes:
    """Ask once; gives what came of the answer within two seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(f"POST /nordic/{contract}/1/rivtabp21 HTTP/1.1\r\n\r\n".encode() + b"y" * 500)
    came = b""
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(2):
            while data := await reader.read(65_536):
                came += data
    writer.transport.abort()
    return came


async def test_without_faults_everything_passes_whole() -> None:
    """Request and answer, byte for byte."""
    async with proxied(updates=0.0, look_ups=0.0) as (proxy, received):
        assert await asked(proxy, "UpdateBooking") == ANSWER
        assert received[0].endswith(b"y" * 500)
        assert not proxy.faults


async def test_updates_are_spoiled_and_look_ups_are_not() -> None:
    """Each part has its own measure; every fault is counted by what it befell."""
    async with proxied(updates=1.0, look_ups=0.0) as (proxy, _):
        await asyncio.gather(*(asked(proxy, "UpdateBooking") for _ in range(40)))
        assert await asked(proxy, "GetBookingDetails") == ANSWER
        assert sum(proxy.faults.values()) == 40
        assert all(name.startswith("update.") for name in proxy.faults)
        assert len(proxy.faults) >= 3
