"""The floor: what the bare pieces of a look-up cost, one after another, with nothing of ours between them.

Two hops over RabbitMQ by py-amqp, a WebSocket's echo, a POST to the booking system, and lxml's reading of its answer.
It is an addition of separately measured medians and no path that could be taken.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import amqp
from aiohttp import web
from kombu import Connection
from lxml import etree

from benchmarks import scene
from benchmarks.machine import Machine

QUEUES = ("bench.there", "bench.back")


class Pieces:
    """The pieces, ready to be measured."""

    def __init__(
        self, machine: Machine, socket: aiohttp.ClientWebSocketResponse, hop: Callable[[], None], day: str
    ) -> None:
        self._machine, self._socket, self._hop = machine, socket, hop
        self._day = day.replace("-", "")
        self._measured: dict[str, list[float]] = {"broker": [], "websocket": [], "post": [], "parse": []}

    async def sum(self, times: int) -> float:
        """The seconds of a look-up made of the bare pieces: the sum of their medians."""
        request = (
            f"<e><healthcare_facility>{scene.facility(1)}</healthcare_facility>"
            f"<startDateInclusive>{self._day}</startDateInclusive></e>"
        ).encode()
        url = f"{self._machine.booking_systems}/{scene.booking_system(1)}/GetAvailableTimeslots"
        measured: dict[str, list[float]] = {name: [] for name in self._measured}
        for _ in range(times):
            began = time.perf_counter()
            await asyncio.to_thread(self._hop)
            hopped = time.perf_counter()
            await self._socket.send_str("x" * 200)
            await self._socket.receive()
            echoed = time.perf_counter()
            async with self._machine.session.post(url, data=request) as answer:
                body = await answer.read()
            posted = time.perf_counter()
            _ = [{etree.QName(e).localname: e.text for e in slot} for slot in etree.fromstring(body)[0][0]]
            parsed = time.perf_counter()
            times_ = (hopped - began, echoed - hopped, posted - echoed, parsed - posted)
            for name, seconds in zip(measured, times_, strict=True):
                measured[name].append(seconds)
        for name, some in measured.items():
            self._measured[name].append(statistics.median(some))
        return sum(statistics.median(some) for some in measured.values())

    def medians(self) -> dict[str, float]:
        """The pieces by name, in milliseconds."""
        return {name: statistics.median(some) * 1000 for name, some in self._measured.items()}


@asynccontextmanager
async def pieces(machine: Machine, day: str) -> AsyncIterator[Pieces]:
    """Make the pieces ready: an echo of each kind, and a connection of its own at either end of the broker."""

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    broker = await asyncio.to_thread(_Hops, machine.broker.url)
    try:
        async with machine.session.ws_connect(f"http://127.0.0.1:{runner.addresses[0][1]}/") as socket:
            yield Pieces(machine, socket, broker.hop, day)
    finally:
        broker.close()
        await runner.cleanup()


class _Hops:
    """A message to the other side and one back."""

    def __init__(self, url: str) -> None:
        self._here, self._there = Connection(url), Connection(url)
        self._channel = self._here.channel()
        for queue in QUEUES:
            self._channel.queue_declare(queue, durable=False, auto_delete=False)
        self._came = threading.Event()
        self._ended = False
        self._channel.basic_consume(QUEUES[1], no_ack=True, callback=lambda message: self._came.set())
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def hop(self) -> None:
        """There and back."""
        self._came.clear()
        self._channel.basic_publish(amqp.Message("x" * 500), routing_key=QUEUES[0])
        while not self._came.is_set():
            self._here.drain_events(timeout=10)

    def close(self) -> None:
        """End both sides."""
        self._ended = True
        self._thread.join(2)
        for queue in QUEUES:
            self._channel.queue_delete(queue)
        self._here.release()
        self._there.release()

    def _answer(self) -> None:
        channel = self._there.channel()
        back = self._there.channel()
        channel.basic_consume(
            QUEUES[0],
            no_ack=True,
            callback=lambda message: back.basic_publish(amqp.Message(message.body), routing_key=QUEUES[1]),
        )
        while not self._ended:
            try:
                self._there.drain_events(timeout=0.5)
            except TimeoutError:
                continue
