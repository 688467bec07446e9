"""Load: a closed loop, in which each client asks again as soon as it is answered, and an open one at a set rate."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.clients import Client, NoAnswer

REST_SECONDS = 5.0
"""How long the answers of an open loop are waited for after its last question."""


@dataclass
class Load:
    """What a load came to. `latencies` are of those that were answered; `asked` counts everybody."""

    seconds: float = 0.0
    cpu: float = 0.0
    asked: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answered look-ups a second."""
        return len(self.latencies) / self.seconds

    @property
    def cpu_each(self) -> float:
        """CPU seconds for an answered look-up."""
        return self.cpu / max(1, len(self.latencies))


async def closed(clients: Sequence[Client], seconds: float, cpu: Callable[[], float] = lambda: 0.0) -> Load:
    """Everybody asks again and again for so long."""
    load, began, used = Load(), time.perf_counter(), cpu()

    async def one(client: Client) -> None:
        while time.perf_counter() - began < seconds:
            load.asked += 1
            try:
                load.latencies.append(await client.look_up())
            except NoAnswer:
                await asyncio.sleep(0.01)

    await asyncio.gather(*(one(client) for client in clients))
    load.seconds, load.cpu = time.perf_counter() - began, cpu() - used
    return load


async def in_turn(client: Client, times: int) -> list[float]:
    """One client asks so many times."""
    return [await client.look_up() for _ in range(times)]


async def opened(
    groups: Sequence[tuple[Sequence[Client], float]], seconds: float, cpu: Callable[[], float] = lambda: 0.0
) -> list[Load]:
    """Each group's clients ask in turn at the group's rate, whether the one before has been answered or not."""
    used, began = cpu(), time.perf_counter()
    loads = await asyncio.gather(*(_opened(clients, rate, seconds) for clients, rate in groups))
    lasted = time.perf_counter() - began
    for load in loads:
        load.cpu, load.seconds = cpu() - used, lasted
    return list(loads)


async def _opened(clients: Sequence[Client], rate: float, seconds: float) -> Load:
    load, began = Load(), time.perf_counter()
    asking: set[asyncio.Task[None]] = set()

    free = deque(clients)

    async def one(client: Client) -> None:
        try:
            load.latencies.append(await client.look_up())
        except NoAnswer:
            return
        finally:
            if client not in free:
                free.append(client)

    while (due := load.asked / rate) < seconds:
        await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
        # Who still waits asks again only when everybody does: a patient's newer question supersedes the older one,
        # which then rightly has no answer.
        task = asyncio.create_task(one(free.popleft() if free else clients[load.asked % len(clients)]))
        load.asked += 1
        asking.add(task)
        task.add_done_callback(asking.discard)
    if asking:
        await asyncio.wait(asking, timeout=REST_SECONDS)
    for task in list(asking):
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    return load
