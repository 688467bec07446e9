"""Ten thousand WebSockets over two thousand rebookings on one gateway: memory of an idle one, and a burst of events."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable

from benchmarks.clients import Patient
from benchmarks.machine import Machine, cpu_seconds, resident_bytes
from benchmarks.results import Result, Size
from shared.messaging.event_log import NewEntry
from shared.messaging.event_log_redis import RedisEventLog

AT_ONCE = 32
PATIENCE = 60.0
AGAIN_SECONDS = 1.0
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
        heard, readers = _Heard(), []
        wanted = [patients[number % len(patients)] for number in range(size.sockets)]
        for start in range(0, len(wanted), AT_ONCE):
            if start % (AT_ONCE * 32) == 0:
                say(f"socket {start} of {len(wanted)}")
            readers += [asyncio.create_task(heard.listen(one)) for one in wanted[start : start + AT_ONCE]]
            await heard.all_open(len(readers))
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
        cpu, wall = cpu_seconds([gateway]) - used, heard.last - began
        for task in readers:
            task.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    await events.close()
    result.raw.update({"bytes_each": each, "burst": {"cpu_s": cpu, "wall_s": wall, "heard": heard.count}})
    result.raw["opened_again"] = heard.opened_again
    result.add(
        f"{size.sockets:,} idle WebSockets over {size.rebookings:,} rebookings on one gateway process",
        "≤ 20 KiB each",
        f"{each / 1024:.1f} KiB each; {heard.opened_again} were told to come again while all opened (one run)",
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
    """Who listens, how many frames have come, and when the last one did."""

    def __init__(self) -> None:
        self.count = 0
        self.last = time.perf_counter()
        self.opened_again = 0
        self._open = 0

    async def listen(self, patient: Patient) -> None:
        """Count a socket's frames; one that the gateway closes is opened again, as every client does."""
        while True:
            async with await patient.follow() as socket:
                self._open += 1
                async for _ in socket:
                    self.count += 1
                    self.last = time.perf_counter()
            self._open -= 1
            self.opened_again += 1
            await asyncio.sleep(AGAIN_SECONDS)

    async def all_open(self, count: int) -> None:
        """Wait until so many are open."""
        while self._open < count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def quiet(self) -> None:
        """Wait until nothing has come for two seconds."""
        while time.perf_counter() - self.last < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
