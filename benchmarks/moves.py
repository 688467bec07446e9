"""What is added to a rebooking beyond the booking system's own time, verification calls counted apart."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.clients import Patient, patients
from benchmarks.figures import quantile
from benchmarks.machine import Machine
from benchmarks.results import Result, Size


async def moves(machine: Machine, size: Size, say: Callable[[str], None]) -> Result:
    """From confirm to confirmed, one rebooking at a time, against booking systems that answer at once."""
    result = Result()
    await machine.set(delay=0.0, slots=20)
    count = size.moves * size.repeats
    async with machine.system(booking=True) as system, patients(machine, system, count, first=70_000) as found:
        added, looks, theirs = [], [], []
        for number, patient in enumerate(found):
            if number % 20 == 0:
                say(f"rebooking {number + 1} of {count}")
            await _choose(patient)
            await machine.set()
            began = time.perf_counter()
            await patient.confirm()
            seconds = time.perf_counter() - began
            counts = await machine.counts()
            looks.append(counts.get("GetBookingDetails", 0))
            theirs.append(sum(value for name, value in counts.items() if name.endswith(" us")) / 1e6)
            added.append((seconds - theirs[-1]) * 1000)
    p50, p99 = quantile(added, 0.5), quantile(added, 0.99)
    result.raw.update({"added_ms": added, "looks": looks, "booking_systems_s": theirs})
    result.add(
        "Added to a rebooking beyond the booking system's own time",
        "p99 ≤ 60 ms",
        f"p50 {p50:.0f} ms, p99 {p99:.0f} ms of {len(added)}; that holds {statistics.median(looks):.0f} "
        "verification calls",
        p99 <= 60,
    )
    return result


async def _choose(patient: Patient) -> None:
    timeslot = next(one for one in patient.timeslots if not one["current"])
    await patient.command("choose_timeslot", "details.ready", timeslot_id=timeslot["timeslot_id"])
    await patient.command("give_details", "details.ready", comment="Jag har fått förhinder", phone="070-174 06 05")
