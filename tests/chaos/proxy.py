"""A fault proxy between the workers and the booking systems: it cuts, delays and drips, as its seed says.

It knows no HTTP but the first line of a connection, by which it tells an update from a look-up. What it holds back it
delivers within HELD_SECONDS or never, so that an update's lateness stays bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from enum import StrEnum

HELD_SECONDS = 3.0
"""The longest that a byte is held back."""

CHUNK = 65_536


class Fault(StrEnum):
    """What befalls a connection."""

    NONE = "none"
    CUT_REQUEST = "cut_request"
    """The request never arrives whole."""
    CUT_ANSWER = "cut_answer"
    """The request arrives; the answer is cut."""
    DELAY_REQUEST = "delay_request"
    DELAY_ANSWER = "delay_answer"
    DRIP_ANSWER = "drip_answer"
    """The answer comes a few bytes at a time."""
    SWALLOW_ANSWER = "swallow_answer"
    """The request arrives; no answer ever comes, and the connection stays open."""


FAULTS = tuple(fault for fault in Fault if fault is not Fault.NONE)


class FaultProxy:
    """Listens on a free port of this machine and passes on to another, but for its faults.

    `updates` and `look_ups` are the parts (0 to 1) of connections that a fault befalls.
    """

    def __init__(self, host: str, port: int, *, chance: random.Random, updates: float, look_ups: float) -> None:
        self._target = (host, port)
        self._chance = chance
        self._parts = {True: updates, False: look_ups}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.faults: Counter[str] = Counter()

    async def __aenter__(self) -> FaultProxy:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._carry(reader, writer)
        _abort(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(CHUNK)
        if not first:
            return
        fault = self._draw(is_update=b"/UpdateBooking" in first.split(b"\r\n", 1)[0])
        if fault is Fault.CUT_REQUEST and self._chance.random() < 0.5:
            return
        onward, back = await asyncio.open_connection(*self._target)
        try:
            if fault is Fault.CUT_REQUEST:
                back.write(first[: len(first) // 2])
                await back.drain()
                return
            if fault is Fault.DELAY_REQUEST:
                await asyncio.sleep(self._chance.uniform(0.2, HELD_SECONDS))
            back.write(first)
            await back.drain()
            up = asyncio.create_task(_pass(reader, back))
            down = asyncio.create_task(self._answer(fault, onward, writer))
            _, left = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
        finally:
            _abort(back)

    async def _answer(self, fault: Fault, onward: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match fault:
            case Fault.CUT_ANSWER:
                answer = await onward.read(CHUNK)
                writer.write(answer[: self._chance.randrange(len(answer) + 1)])
                await writer.drain()
            case Fault.SWALLOW_ANSWER:
                while await onward.read(CHUNK):
                    pass
            case Fault.DRIP_ANSWER:
                answer = await onward.read(CHUNK)
                size = max(1, len(answer) // 20)
                for start in range(0, len(answer), size):
                    writer.write(answer[start : start + size])
                    await writer.drain()
                    await asyncio.sleep(HELD_SECONDS / 20)
                await _pass(onward, writer)
            case Fault.DELAY_ANSWER:
                answer = await onward.read(CHUNK)
                await asyncio.sleep(self._chance.uniform(0.2, HELD_SECONDS))
                writer.write(answer)
                await _pass(onward, writer)
            case _:
                await _pass(onward, writer)

    def _draw(self, *, is_update: bool) -> Fault:
        fault = self._chance.choice(FAULTS) if self._chance.random() < self._parts[is_update] else Fault.NONE
        if fault is not Fault.NONE:
            self.faults[f"{'update' if is_update else 'look_up'}.{fault.value}"] += 1
        return fault


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
