"""Acts a call out on the wire: answered as it should be, or with the mishap that is up for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from aiohttp import web

from services.simulator import mishaps
from services.simulator.delivery import Delivery
from services.simulator.malformed import spoil
from services.simulator.platform_faults import platform_fault
from services.simulator.wire import Answer, fault

Sleep = Callable[[float], Awaitable[None]]


class Stage:
    """Where waiting happens: it ends early when the simulator closes, and what is to happen later is kept here."""

    def __init__(self, sleep: Sleep, chance: random.Random) -> None:
        self.chance = chance
        self._sleep = sleep
        self._closing = asyncio.Event()
        self._later: set[asyncio.Task[None]] = set()

    async def wait(self, seconds: float) -> None:
        """Wait so many seconds, or until the simulator closes."""
        waits = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._closing.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something after so many seconds, unless the simulator has closed by then."""

        async def do() -> None:
            await self.wait(seconds)
            if not self._closing.is_set():
                act()

        task = asyncio.create_task(do())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def settled(self) -> None:
        """Wait until everything that was to happen later has happened."""
        while self._later:
            await asyncio.wait(self._later)

    def forget(self) -> None:
        """Let nothing happen later of what was to."""
        for task in self._later:
            task.cancel()

    async def close(self) -> None:
        """End all waiting; what was to happen later doesn't."""
        self._closing.set()
        await self.settled()


async def perform(
    mishap: mishaps.AnyMishap | None, delivery: Delivery, request: web.Request, stage: Stage
) -> web.StreamResponse:
    """Answer a request, the mishap's way if there is one."""
    match mishap:
        case mishaps.Slow():
            await stage.wait(mishap.draw(stage.chance))
            return respond(delivery.carry_out())
        case mishaps.Hang():
            if mishap.applied:
                delivery.carry_out()
            await stage.wait(mishap.seconds)
            return cut(request)
        case mishaps.Drip():
            return await _drip(delivery.carry_out(), mishap, request, stage)
        case mishaps.Down():
            return cut(request)
        case mishaps.Fault():
            if mishap.applied:
                delivery.carry_out()
            return respond(fault(mishap.text, side=mishap.side, status=mishap.status))
        case mishaps.Vp():
            if mishap.applied:
                delivery.carry_out()
            return respond(platform_fault(mishap.code))
        case mishaps.Taken():
            return respond(delivery.lose_timeslot(mishap.text))
        case mishaps.Info():
            return respond(delivery.carry_out_with_info(mishap.text))
        case mishaps.LostAnswer():
            delivery.carry_out()
            return cut(request)
        case mishaps.LateApply():
            stage.later(mishap.after, lambda: delivery.carry_out(late=True))
            return await _late_answer(mishap, request, stage)
        case mishaps.Resend():
            delivery.carry_out()
            return respond(delivery.carry_out(number=2))
        case mishaps.Malformed():
            answer = spoil(delivery.carry_out() if mishap.applied else delivery.pretend(), mishap.variant)
            return await _truncated(answer, request) if mishap.variant == "truncated" else respond(answer)
    return respond(delivery.carry_out())


def respond(answer: Answer) -> web.Response:
    """Make an HTTP response of an answer."""
    return web.Response(
        status=answer.status, body=answer.body, headers={"Content-Type": f"{answer.content_type};charset=UTF-8"}
    )


def cut(request: web.Request) -> web.Response:
    """Cut the connection with a reset; the response that is returned never leaves."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _drip(answer: Answer, mishap: mishaps.Drip, request: web.Request, stage: Stage) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": "text/xml;charset=UTF-8"})
    response.content_length = len(answer.body)
    await response.prepare(request)
    for start in range(0, len(answer.body), mishap.size):
        await response.write(answer.body[start : start + mishap.size])
        await stage.wait(mishap.every)
    return response


async def _truncated(answer: Answer, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": "text/xml;charset=UTF-8"})
    response.content_length = 2 * len(answer.body) + 1
    await response.prepare(request)
    await response.write(answer.body)
    if request.transport is not None:
        request.transport.close()
    return response


async def _late_answer(mishap: mishaps.LateApply, request: web.Request, stage: Stage) -> web.StreamResponse:
    match mishap.answer:
        case "cut":
            return cut(request)
        case "fault":
            return respond(fault("Tekniskt fel i bokningssystemet"))
        case "hang":
            await stage.wait(mishaps.Hang(kind="hang").seconds)
            return cut(request)
    return respond(platform_fault("VP009"))
