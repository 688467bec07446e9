"""Throughput and CPU of a look-up against both peers, latency against load, and what a second process brings."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from benchmarks import scene
from benchmarks.clients import Client, PeersPatient, patients
from benchmarks.figures import quantile, spread
from benchmarks.load import Load, closed
from benchmarks.machine import Machine
from benchmarks.results import Result, Size

CLIENTS = 64
DELAY = 0.05
SLOTS = (20, 200)
CPU_GOALS = {20: 1 / 2, 200: 1 / 4}
STRETCH = {20: 5, 200: 10}
STEPS = (1, 4, 16, 64)

Say = Callable[[str], None]


async def throughput(machine: Machine, size: Size, say: Say) -> Result:
    """64 clients against systems that take 50 ms: ours, and both peers, in turn."""
    result = Result()
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(machine.system())
        zeep = await stack.enter_async_context(machine.peer("zeep"))
        rim = await stack.enter_async_context(machine.peer("rim"))
        await machine.set(delay=0.0, slots=20)
        ours = await stack.enter_async_context(patients(machine, system, CLIENTS))
        sides: dict[str, tuple[Sequence[Client], Callable[[], float]]] = {
            "ours": (ours, system.cpu_seconds),
            "peer a": ([PeersPatient(machine, zeep, n, ours[0].days) for n in range(CLIENTS)], zeep.cpu_seconds),
            "peer b": ([PeersPatient(machine, rim, n, ours[0].days) for n in range(CLIENTS)], rim.cpu_seconds),
        }
        for slots in SLOTS:
            await machine.set(delay=DELAY, slots=slots)
            loads: dict[str, list[Load]] = {name: [] for name in sides}
            for clients, cpu in sides.values():
                await closed(clients, size.seconds / 3, cpu)
            for repeat in range(size.repeats):
                for name, (clients, cpu) in sides.items():
                    say(f"{slots} timeslots, repeat {repeat + 1}: {name}")
                    loads[name].append(await closed(clients, size.seconds, cpu))
            _tell_throughput(result, slots, loads)
        curve: dict[str, list[tuple[float, float, float]]] = {name: [] for name in sides}
        await machine.set(delay=DELAY, slots=20)
        for step in STEPS:
            for name, (clients, cpu) in sides.items():
                say(f"latency against load: {step} clients, {name}")
                load = await closed(clients[:step], size.seconds, cpu)
                curve[name].append((load.rate, quantile(load.latencies, 0.5), quantile(load.latencies, 0.95)))
        result.raw["latency against load"] = curve
    return result


def _tell_throughput(result: Result, slots: int, loads: dict[str, list[Load]]) -> None:
    cpu = {name: [load.cpu_each * 1000 for load in some] for name, some in loads.items()}
    rate = {name: [load.rate for load in some] for name, some in loads.items()}
    result.raw[f"{slots} timeslots"] = {
        name: {"cpu_ms": spread(cpu[name]), "look_ups_per_s": spread(rate[name])} for name in loads
    }
    for peer in ("peer a", "peer b"):
        ratios = [a / b for a, b in zip(cpu["ours"], cpu[peer], strict=True)]
        ratio = statistics.median(ratios)
        measured = (
            f"{statistics.median(cpu['ours']):.1f} ms against {statistics.median(cpu[peer]):.1f} ms: "
            f"{ratio:.2f}× ({min(ratios):.2f} to {max(ratios):.2f})"
        )
        goal = CPU_GOALS[slots]
        figure = f"CPU for a look-up, all processes, {slots} timeslots, against {peer}"
        if peer == "peer a":
            result.add(figure, f"≤ {goal:g}×", measured, ratio <= goal)
        else:
            result.add(figure, "reported", measured)
    for peer in ("peer a", "peer b"):
        ratios = [a / b for a, b in zip(rate["ours"], rate[peer], strict=True)]
        measured = (
            f"{statistics.median(rate['ours']):.0f}/s against {statistics.median(rate[peer]):.0f}/s: "
            f"{statistics.median(ratios):.2f}× ({min(ratios):.2f} to {max(ratios):.2f})"
        )
        goal_text = f"reported; stretch {STRETCH[slots]}×" if peer == "peer a" else "reported"
        result.add(f"Throughput, 64 clients, 50 ms systems, {slots} timeslots, against {peer}", goal_text, measured)


async def scaling(machine: Machine, size: Size, say: Say) -> Result:
    """Look-ups a second with one and two availability processes, and a search over 1 to 50 facilities."""
    result = Result()
    rates: dict[int, list[float]] = {1: [], 2: []}
    for repeat in range(size.repeats):
        for workers in rates:
            say(f"{workers} availability processes, repeat {repeat + 1}")
            async with machine.system(workers=workers) as system:
                await machine.set(delay=0.0, slots=20)
                async with patients(machine, system, CLIENTS, first=1000 * (repeat + 1) + 100 * workers) as clients:
                    await machine.set(delay=DELAY, slots=20)
                    await closed(clients, size.seconds / 3)
                    rates[workers].append((await closed(clients, size.seconds)).rate)
    result.raw["look-ups/s by processes"] = {str(workers): spread(some) for workers, some in rates.items()}
    one, two = (statistics.median(rates[workers]) for workers in (1, 2))
    ratios = [b / a for a, b in zip(rates[1], rates[2], strict=True)]
    measured = f"{one:.0f}/s and {two:.0f}/s ({min(ratios):.2f} to {max(ratios):.2f}×), on the same two cores"
    result.add("Look-ups with 1 and 2 availability processes", "reported", measured)
    await _searches(machine, size, say, result)
    return result


async def _searches(machine: Machine, size: Size, say: Say, result: Result) -> None:
    cache = {"contracts": 300, "facilities": 60, "performers": 60, "days": 0.001, "timeslots": 0.001}
    async with machine.system(cache=cache) as system:
        await machine.set(delay=0.0, slots=20)
        async with patients(machine, system, 1, first=9000) as (client,):
            await machine.set(delay=DELAY, slots=20)
            costs: dict[int, list[tuple[float, float]]] = {}
            for facilities in (1, 5, 20, 50):
                say(f"a search over {facilities} facilities")
                for _ in range(size.repeats):
                    used = system.cpu_seconds()
                    lasted = await client.search(*range(facilities))
                    costs.setdefault(facilities, []).append((lasted * 1000, (system.cpu_seconds() - used) * 1000))
    result.raw["search by facilities"] = {
        str(facilities): {"ms": spread([one for one, _ in some]), "cpu_ms": spread([one for _, one in some])}
        for facilities, some in costs.items()
    }
    told = "; ".join(
        f"{facilities}: {statistics.median(one for one, _ in some):.0f} ms, "
        f"{statistics.median(one for _, one in some):.0f} ms CPU"
        for facilities, some in costs.items()
    )
    result.add(f"A search over 1, 5, 20, {scene.FACILITIES} facilities, 50 ms systems", "reported", told)
