"""One of twenty booking systems hangs, with a tenth of the traffic: what everybody else feels of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from benchmarks import scene
from benchmarks.clients import Client, PeersPatient, patients
from benchmarks.figures import paired, quantile
from benchmarks.load import Load, opened
from benchmarks.machine import Machine
from benchmarks.results import Result, Size

RATE = 36.0
HANGING_RATE = 4.0
DELAY = 0.05
OTHERS, AT_HANGING = 95, 40

Groups = Sequence[tuple[Sequence[Client], float]]


async def isolation(machine: Machine, size: Size, say: Callable[[str], None]) -> Result:
    """Interleaved pairs, with the system hanging and without, at the same open load; then the peer's."""
    result = Result()
    await machine.set(delay=0.0, slots=20)
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(machine.system())
        everybody = await stack.enter_async_context(patients(machine, system, OTHERS + 5))
        others = [one for one in everybody if one.number % scene.BOOKING_SYSTEMS]
        few = patients(machine, system, AT_HANGING, first=20_000, systems=1)
        at_hanging = await stack.enter_async_context(few)
        groups: Groups = [(others, RATE), (at_hanging, HANGING_RATE)]
        await _arm(machine, groups, min(3.0, size.pair_seconds), hanging=False)
        pairs: list[tuple[Load, Load]] = []
        for number in range(size.pairs):
            arms: dict[bool, Load] = {}
            for hanging in sorted((False, True), reverse=number % 2 == 0):
                say(f"pair {number + 1} of {size.pairs}: {'hanging' if hanging else 'without'}")
                arms[hanging] = await _arm(machine, groups, size.pair_seconds, hanging=hanging, cpu=system.cpu_seconds)
            pairs.append((arms[False], arms[True]))
        _tell(result, pairs)
        peer = await stack.enter_async_context(machine.peer("zeep"))
        days = others[0].days
        numbers = [one.number for one in others]
        peers: Groups = [
            ([PeersPatient(machine, peer, number, days) for number in numbers], RATE),
            ([PeersPatient(machine, peer, 0, days) for _ in range(AT_HANGING)], HANGING_RATE),
        ]
        without: list[Load] = []
        hanging_load: list[Load] = []
        for number in range(min(size.pairs, 2)):
            for hanging in (False, True):
                say(f"peer a, pair {number + 1}: {'hanging' if hanging else 'without'}")
                load = await _arm(machine, peers, size.pair_seconds, hanging=hanging)
                (hanging_load if hanging else without).append(load)
        answered = sum(len(load.latencies) for load in hanging_load) / sum(load.asked for load in hanging_load)
        result.raw["peer a"] = {
            "answered": answered,
            "without": [_told(load) for load in without],
            "hanging": [_told(load) for load in hanging_load],
        }
        result.add("The same for peer (a): everybody else's look-ups answered", "shown beside it", f"{answered:.0%}")
    return result


async def _arm(
    machine: Machine, groups: Groups, seconds: float, *, hanging: bool, cpu: Callable[[], float] = lambda: 0.0
) -> Load:
    await machine.set(delay=DELAY, slots=20, hanging=[scene.booking_system(0)] if hanging else [])
    load, _ = await opened(groups, seconds, cpu)
    await machine.set(delay=DELAY, slots=20)
    return load


def _told(load: Load) -> dict[str, Any]:
    answered = load.latencies
    return {
        "asked": load.asked,
        "answered": len(answered),
        "p50": quantile(answered, 0.5) if answered else None,
        "p95": quantile(answered, 0.95) if answered else None,
        "p99": quantile(answered, 0.99) if answered else None,
        "cpu_share": load.cpu / load.seconds / 2 if load.seconds else None,
    }


def _tell(result: Result, pairs: list[tuple[Load, Load]]) -> None:
    asked = sum(hanging.asked for _, hanging in pairs)
    answered = sum(len(hanging.latencies) for _, hanging in pairs)
    ratios: dict[str, dict[str, Any]] = {}
    for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        ratios[name] = paired([_quantile(hanging, part) / _quantile(without, part) for without, hanging in pairs])
    plain = [_quantile(without, 0.95) for without, _ in pairs]
    noise = paired([b / a for a, b in zip(plain[::2], plain[1::2], strict=False)] or [1.0])
    result.raw["pairs"] = [{"without": _told(a), "hanging": _told(b)} for a, b in pairs]
    result.raw["latencies"] = {
        "without": _shape([one for load, _ in pairs for one in load.latencies]),
        "hanging": _shape([one for _, load in pairs for one in load.latencies]),
    }
    result.raw["ratios"], result.raw["noise"] = ratios, noise
    share = statistics.median(load.cpu / load.seconds / 2 for pair in pairs for load in pair)
    result.add(
        "One of 20 systems hangs with 10 % of the traffic: everybody else's look-ups answered",
        "100 %",
        f"{answered} of {asked}",
        answered == asked,
    )
    p95 = ratios["p95"]
    wide = noise["low"] < 0.9 or noise["high"] > 1.1
    good = p95["median"] <= 1.10 and p95["high"] <= 1.25
    result.add(
        "Their p95 with : without, pairs of the same load",
        "median ≤ 1.10, upper bound ≤ 1.25",
        f"{p95['median']:.2f} ({p95['low']:.2f} to {p95['high']:.2f}); our processes at {share:.0%} of two cores; "
        f"A/A {noise['median']:.2f} ({noise['low']:.2f} to {noise['high']:.2f})",
        "met" if good else "not resolvable" if wide else "not met",
    )
    p99 = ratios["p99"]
    result.add("Their p99 with : without", "reported", f"{p99['median']:.2f} ({p99['low']:.2f} to {p99['high']:.2f})")


def _quantile(load: Load, part: float) -> float:
    return quantile(load.latencies, part) if load.latencies else float("inf")


def _shape(latencies: list[float]) -> list[float]:
    """The shape of very many latencies in two hundred of them."""
    ordered = sorted(latencies)
    return [round(ordered[int(part / 200 * (len(ordered) - 1))], 5) for part in range(201)] if ordered else []
