"""One look-up at a time: ours over the peer with our SOAP rim, over the floor of bare pieces, and from the cache."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from benchmarks import floor
from benchmarks.clients import Client, PeersPatient, patients
from benchmarks.figures import paired, quantile
from benchmarks.load import closed, in_turn
from benchmarks.machine import Machine
from benchmarks.results import Result, Size

Say = Callable[[str], None]
PATIENTS = 5
KEPT = {"contracts": 300, "facilities": 60, "performers": 60, "days": 30, "timeslots": 600}


async def serial(machine: Machine, size: Size, say: Say) -> Result:
    """Alternating blocks of uncached look-ups: ours, the peer's, ours again (A/A) and the floor."""
    result = Result()
    await machine.set(delay=0.0, slots=20)
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(machine.system())
        rim = await stack.enter_async_context(machine.peer("rim"))
        # In turn, because a rebooking takes no more than 300 commands.
        several = await stack.enter_async_context(patients(machine, system, PATIENTS, first=30_000))
        peer = PeersPatient(machine, rim, several[0].number, several[0].days)
        bare = await stack.enter_async_context(floor.pieces(machine, several[0].days[0]))
        everybody: tuple[Client, ...] = (*several, peer)
        for client in everybody:
            await in_turn(client, size.in_block)
        blocks: dict[str, list[float]] = {"ours": [], "peer b": [], "again": [], "floor": []}
        for number in range(size.blocks):
            say(f"block {number + 1} of {size.blocks}")
            ours = several[number % PATIENTS]
            order: list[tuple[str, Client]] = [("ours", ours), ("peer b", peer), ("again", ours)]
            for name, client in order if number % 2 else reversed(order):
                blocks[name].append(statistics.median(await in_turn(client, size.in_block)))
            blocks["floor"].append(await bare.sum(size.in_block))
        differences = paired([(a - b) * 1000 for a, b in zip(blocks["ours"], blocks["peer b"], strict=True)])
        ratios = paired([a / b for a, b in zip(blocks["ours"], blocks["floor"], strict=True)])
        noise = paired([(a - b) * 1000 for a, b in zip(blocks["ours"], blocks["again"], strict=True)])
        medians = {name: statistics.median(some) * 1000 for name, some in blocks.items()}
        result.raw.update(
            {"median_ms": medians, "over peer b, ms": differences, "over the floor": ratios, "noise_ms": noise}
        )
        result.raw["pieces of the floor, ms"] = bare.medians()
    added = differences["median"]
    wide = noise["high"] - noise["low"] > 2.5
    result.add(
        "Serial median of an uncached look-up over peer (b)",
        "≤ + 2.5 ms",
        f"{medians['ours']:.1f} against {medians['peer b']:.1f} ms: + {added:.1f} ms "
        f"({differences['low']:.1f} to {differences['high']:.1f}); A/A {noise['low']:.1f} to {noise['high']:.1f} ms",
        "met" if added <= 2.5 else "not resolvable" if wide and differences["low"] <= 2.5 else "not met",
    )
    result.add(
        "Serial median of an uncached look-up over the floor",
        "≤ 2.0×",
        f"{medians['ours']:.1f} against {medians['floor']:.1f} ms: {ratios['median']:.1f}× "
        f"({ratios['low']:.1f} to {ratios['high']:.1f})",
        ratios["median"] <= 2.0,
    )
    return result


async def cached(machine: Machine, size: Size, say: Say) -> Result:
    """The same look-up again within its time, the booking system taking 50 ms, beside the peer that asks it anew."""
    result = Result()
    await machine.set(delay=0.05, slots=20)
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(machine.system(cache=KEPT))
        rim = await stack.enter_async_context(machine.peer("rim"))
        (ours,) = await stack.enter_async_context(patients(machine, system, 1, first=40_000))
        ours.days = ours.days[:3]
        peer = PeersPatient(machine, rim, ours.number, ours.days)
        both: tuple[Client, ...] = (ours, peer)
        for client in both:
            await in_turn(client, 5)
        before = await machine.counts()
        hits, asked = [], []
        for number in range(size.repeats * 2):
            say(f"block {number + 1} of {size.repeats * 2}")
            hits.append(statistics.median(await in_turn(ours, size.in_block)))
            asked.append(statistics.median(await in_turn(peer, size.in_block)))
        calls = (await machine.counts())["GetAvailableTimeslots"] - before["GetAvailableTimeslots"]
        if calls != len(asked) * size.in_block:
            raise RuntimeError("a look-up that should have come from the cache was asked for anew")
    ratios = paired([b / a for a, b in zip(hits, asked, strict=True)])
    hit = paired([one * 1000 for one in hits])
    result.raw.update({"hit_ms": hit, "peer b : hit": ratios})
    result.add(
        "Repeated look-up from the cache, 50 ms system, against peer (b)",
        "≥ 5× faster",
        f"{ratios['median']:.1f}× ({ratios['low']:.1f} to {ratios['high']:.1f})",
        ratios["median"] >= 5,
    )
    result.add(
        "A look-up from the cache, all of it ours",
        "≤ 2 ms added",
        f"{hit['median']:.1f} ms ({hit['low']:.1f} to {hit['high']:.1f})",
        hit["median"] <= 2,
    )
    return result


async def without_cache(machine: Machine, size: Size, say: Say) -> Result:
    """The cache's Redis is stopped: slower, never wrong."""
    result = Result()
    await machine.set(delay=0.05, slots=20)
    async with machine.system() as system, patients(machine, system, 8 * size.repeats, first=50_000) as everybody:
        with_cache, gone = [], []
        for repeat in range(size.repeats):
            say(f"repeat {repeat + 1}")
            # Others each time, because a rebooking takes no more than 300 commands.
            clients = everybody[8 * repeat : 8 * repeat + 8]
            for client in clients:
                await in_turn(client, 2)
            with_cache.append(await _p99(clients, size))
            machine.pause_cache()
            try:
                gone.append(await _p99(clients, size))
            finally:
                machine.resume_cache()
            await in_turn(clients[0], 2)
            await asyncio.sleep(1)  # until the processes have noticed that it is back
    ratios = paired([b / a for a, b in zip(with_cache, gone, strict=True)])
    result.raw.update({"p99 with": with_cache, "p99 without": gone, "ratios": ratios})
    result.add(
        "Cache Redis gone: p99 of uncached look-ups, 50 ms systems, without : with",
        "≤ 2×",
        f"{ratios['median']:.2f}× ({ratios['least']:.2f} to {ratios['greatest']:.2f}); all answered",
        ratios["median"] <= 2,
    )
    return result


async def _p99(clients: Sequence[Client], size: Size) -> float:
    load = await closed(clients, size.seconds)
    if len(load.latencies) != load.asked:
        raise RuntimeError("a look-up was not answered")
    return quantile(load.latencies, 0.99)
