"""Ten thousand WebSockets over two thousand rebookings on one gateway: memory of an idle one, and a burst of events."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable

import aiohttp

from benchmarks.clients import Patient
from benchmarks.machine import Machine, cpu_seconds, resident_bytes
from benchmarks.results import Result, Size
from shared.messaging.event_log import NewEntry
from shared.messaging.event_log_redis import RedisEventLog

AT_ONCE = 32
PATIENCE = 60.0
PUBLIC = (
    b'{"type":"event","at":"2026-01-15T08:00:00.000Z","command_id":null,"name":"contracts.ready","final":false,'
    b'"data":{"section":"contracts","value":{}}}'
)


async def sockets(machine: Machine, size: Size, say: Callable[[str], None]) -> Result:
    """Open them, look at the gateway's memory, and append one event to each rebooking's log."""
    result = Result()
    needed = size.sockets + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        result.add(f"{size.sockets:,} WebSockets", "≤ 20 KiB each", f"not measured: ulimit -n is {hard}", "not met")
        return result
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    await machine.set(delay=0.0, slots=20)
    events = RedisEventLog(machine.events.url)
    async with machine.system() as system:
        gateway = system.role("gateway").pid
        patients = [Patient(machine, system, 100_000 + number) for number in range(size.rebookings)]
        for start in range(0, len(patients), AT_ONCE):
            say(f"rebooking {start} of {len(patients)}")
            await asyncio.gather(*(one.begin(one.number % 20) for one in patients[start : start + AT_ONCE]))
            await asyncio.gather(*(one.close() for one in patients[start : start + AT_ONCE]))
        await asyncio.sleep(3)  # closed sockets go
        before = resident_bytes(gateway)
        heard, readers, opened = _Heard(), [], []
        wanted = [patients[number % len(patients)] for number in range(size.sockets)]
        for start in range(0, len(wanted), AT_ONCE):
            if start % (AT_ONCE * 32) == 0:
                say(f"socket {start} of {len(wanted)}")
            some = await asyncio.gather(*(one.follow() for one in wanted[start : start + AT_ONCE]))
            opened += some
            readers += [asyncio.create_task(heard.listen(one)) for one in some]
        await heard.quiet()
        each = (resident_bytes(gateway) - before) / size.sockets
        say("the burst")
        heard.count = 0
        used, began = cpu_seconds([gateway]), time.perf_counter()
        most = asyncio.Semaphore(AT_ONCE)

        async def append(patient: Patient) -> None:
            async with most:
                await events.append(patient.path.rpartition("/")[2], [NewEntry(key="burst", public=PUBLIC)])

        await asyncio.gather(*(append(one) for one in patients))
        while heard.count < size.sockets and time.perf_counter() - began < PATIENCE:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        wall, cpu = heard.last - began, cpu_seconds([gateway]) - used
        for task in readers:
            task.cancel()
        await asyncio.gather(*(one.close() for one in opened), return_exceptions=True)
    await events.close()
    result.raw.update({"bytes_each": each, "burst": {"cpu_s": cpu, "wall_s": wall, "heard": heard.count}})
    result.add(
        f"{size.sockets:,} idle WebSockets over {size.rebookings:,} rebookings on one gateway process",
        "≤ 20 KiB each",
        f"{each / 1024:.1f} KiB each (one run)",
        each <= 20 * 1024,
    )
    result.add(
        "One event to each of these rebookings in a burst",
        "≤ 1 s CPU of the gateway",
        f"{cpu:.2f} s CPU, {wall:.1f} s wall; {heard.count:,} frames came (one run)",
        cpu <= 1.0 and heard.count == size.sockets,
    )
    return result


class _Heard:
    """How many frames have come, and when the last one did."""

    def __init__(self) -> None:
        self.count = 0
        self.last = time.perf_counter()

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Count a socket's frames."""
        async for _ in socket:
            self.count += 1
            self.last = time.perf_counter()

    async def quiet(self) -> None:
        """Wait until nothing has come for two seconds."""
        while time.perf_counter() - self.last < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
