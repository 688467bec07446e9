"""One chaos run: patients rebook while a seeded killer strikes, and a judge says who was wronged.

    make chaos                                      # 1,000 rebookings, and the control
    python -m tests.chaos.run --rebookings 100 --kills 8 --out FILE [--seed N] [--naive] [--true-settings]

Exit code 0: nobody was wronged (with --naive: somebody was, as it must be).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.chaos import weather
from tests.chaos.judge import Verdict, judge, read_journal, read_told
from tests.chaos.killer import Killer, plan
from tests.chaos.patient import Patient, Record
from tests.chaos.proxy import HELD_SECONDS
from tests.chaos.system import SHORT, TRUE, System, Times, running

log = logging.getLogger("chaos")

ROOT = Path(__file__).parents[2]

VERSIONS = ("omboka", "celery", "kombu", "amqp", "redis", "psycopg", "aiohttp", "zeep", "lxml")
AT_ONCE = 60
"""How many patients are under way before a blow or a slow machine makes others wait."""

JOURNAL_READ_AGAIN_SECONDS = 60.0


@dataclass(frozen=True)
class Plan:
    """What a run is to do. `pace` = seconds from one patient's beginning to the next one's."""

    rebookings: int
    kills: int
    stops: int
    long_stops: int
    seed: int
    pace: float
    naive: bool = False
    times: Times = SHORT
    mishap_every: float = 2.5
    read_again_after: float = JOURNAL_READ_AGAIN_SECONDS + 5.0


class _Begun:
    """Counts the rebookings begun, and lets the killer wait for a number of them."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = asyncio.Condition()

    async def one_more(self) -> None:
        async with self._changed:
            self._count += 1
            self._changed.notify_all()

    async def at_least(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._count >= count)


async def make(wanted: Plan, folder: Path) -> dict[str, Any]:
    """Make a run; its files are left in the folder, and its result is given."""
    chance = random.Random(wanted.seed)
    began = time.time()
    async with running(
        folder,
        times=wanted.times,
        chance=random.Random(chance.random()),
        patients=wanted.rebookings * 2 + 50,
        naive=wanted.naive,
    ) as system:
        records, blows = await _rebook(system, wanted, chance)
        mishaps = Counter(
            call["mishap"]
            for call in json.loads(await system.simulator("GET", "/calls?contract=UpdateBooking"))["calls"]
            if call["mishap"]
        )
        _write(folder / "journal.first.jsonl", await system.simulator("GET", "/journal"))
        await asyncio.sleep(wanted.read_again_after)  # what is applied late, and what the watcher says, comes now
        async with aiohttp.ClientSession() as session:
            await _ask_again(session, system, records, chance)
        _write(folder / "journal.jsonl", await system.simulator("GET", "/journal"))
        lines = "".join(json.dumps(asdict(one)) + "\n" for _, one in records if one.confirmed)
        _write(folder / "told.jsonl", lines)
        faults = dict(sorted(system.proxy.faults.items()))
    journal = read_journal(folder / "journal.jsonl")
    verdict = judge(read_told(folder / "told.jsonl"), journal)
    return _result(wanted, verdict, [one for _, one in records], blows, journal, faults, mishaps, time.time() - began)


async def _rebook(
    system: System, wanted: Plan, chance: random.Random
) -> tuple[list[tuple[Patient, Record]], list[dict[str, object]]]:
    begun = _Begun()
    blows = plan(
        random.Random(chance.random()),
        rebookings=wanted.rebookings,
        kills=wanted.kills,
        stops=wanted.stops,
        long_stops=wanted.long_stops,
        settle=wanted.times.settle,
    )
    killer = Killer(blows, system.victims, random.Random(chance.random()))
    killing = asyncio.create_task(killer.run(begun.at_least))
    stormy = asyncio.create_task(_weather(system, wanted, random.Random(chance.random())))
    records: list[tuple[Patient, Record]] = []
    waiting = await people(system)
    room = asyncio.Semaphore(AT_ONCE)
    confirmed = 0
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one(person: dict[str, Any], booking: dict[str, Any]) -> None:
            nonlocal confirmed
            patient = Patient(
                session, system.gateways, system.auth_key, person, booking, random.Random(chance.random())
            )
            records.append((patient, patient.record))
            try:
                await patient.move()
            finally:
                room.release()
                confirmed += patient.record.accepted_at is not None

        tasks: list[asyncio.Task[None]] = []
        for person, booking in waiting:
            # Whoever gives up before confirming is replaced by another patient, at once.
            while confirmed < wanted.rebookings:
                under_way = [task for task in tasks if not task.done()]
                if confirmed + len(under_way) < wanted.rebookings:
                    break
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            if confirmed >= wanted.rebookings:
                break
            await room.acquire()
            await begun.one_more()
            tasks.append(asyncio.create_task(one(person, booking)))
            if len(tasks) % 50 == 0:
                log.info("%d begun, %d accepted", len(tasks), confirmed)
            await asyncio.sleep(wanted.pace)  # patients come one after the other
        await asyncio.gather(*tasks)
    stormy.cancel()
    await asyncio.gather(stormy, return_exceptions=True)
    await killing
    log.info("%d accepted", confirmed)
    return records, killer.done


async def people(system: System) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Everybody with one booking that may be moved."""
    told = json.loads(await system.simulator("GET", "/patients?limit=100000"))["patients"]
    found = []
    for person in told:
        bookings = person["bookings"]
        if len(bookings) == 1 and bookings[0]["story"] == "ordinary" and bookings[0]["facility"] in weather.FACILITIES:
            found.append((person, bookings[0]))
    return found


async def _weather(system: System, wanted: Plan, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(wanted.mishap_every)  # the weather changes by itself
        facility = chance.choice(weather.FACILITIES)
        mishap = weather.of_updates(chance, latest=wanted.times.latest - HELD_SECONDS)
        await system.simulator("PUT", f"/mishaps/{facility}/UpdateBooking", mishap)
        if chance.random() < 0.2:
            contract = chance.choice(("GetBookingDetails", "GetSubjectOfCareSchedule"))
            await system.simulator("PUT", f"/mishaps/{facility}/{contract}", weather.of_looks(chance))


async def _ask_again(
    session: aiohttp.ClientSession, system: System, records: Sequence[tuple[Patient, Record]], chance: random.Random
) -> None:
    """Everybody comes back later and looks, a few at a time."""
    room = asyncio.Semaphore(8)

    async def one(patient: Patient) -> None:
        async with room:
            patient.use(session)
            await patient.ask_again()

    await asyncio.gather(*(one(patient) for patient, record in records if record.confirmed))


def _result(
    wanted: Plan,
    verdict: Verdict,
    records: list[Record],
    blows: list[dict[str, object]],
    journal: list[dict[str, Any]],
    faults: dict[str, int],
    mishaps: Counter[str],
    seconds: float,
) -> dict[str, Any]:
    waits = sorted(
        one.ended_at - one.accepted_at for one in records if one.ended_at is not None and one.accepted_at is not None
    )
    struck = Counter(f"{blow['what']} {str(blow['whom']).partition('-')[0]}" for blow in blows)
    return {
        "what": "control" if wanted.naive else "chaos",
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "seed": wanted.seed,
        "code_sha256": _digest("services", "shared", "tests/chaos"),
        "versions": _versions(),
        "machine": {"cpus": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        "settings": {
            "settle": wanted.times.settle,
            "watch": list(wanted.times.watch),
            "applied_at_most_late": wanted.times.latest,
            "pace": wanted.pace,
        },
        "verdict": {name: value for name, value in asdict(verdict).items() if name != "reasons"},
        "reasons": list(verdict.reasons)[:50],
        "patients": {
            "begun": len(records),
            "gave_up_before_confirming": sum(not one.confirmed for one in records),
            "confirmed_and_refused": dict(Counter(one.refused for one in records if one.confirmed and one.refused)),
            "resumed": sum(len(one.outages) for one in records),
            "longest_outage": max((outage for one in records for outage in one.outages), default=None),
            "resynced": sum(one.resynced for one in records),
            "events_missed": sum(one.missed for one in records),
            "events_repeated": sum(one.repeated for one in records),
        },
        "seconds_to_the_end": {
            "median": round(statistics.median(waits), 2) if waits else None,
            "p99": round(waits[int(len(waits) * 0.99)], 1) if waits else None,
            "longest": round(waits[-1], 1) if waits else None,
        },
        "blows": dict(sorted(struck.items())),
        "faults": faults,
        "mishaps": dict(sorted(mishaps.items())),
        "journal": {
            "changes": len(journal),
            "late": sum(bool(change["late"]) for change in journal),
            "second_delivery": sum(change["delivery"] > 1 for change in journal),
        },
        "took_seconds": round(seconds),
    }


def _digest(*folders: str) -> str:
    """The code that was tried: a digest over its files."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _versions() -> dict[str, str]:
    found = {}
    for name in VERSIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Make one run, write its result, and say it in a line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rebookings", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--stops", type=int, default=10, help="SIGSTOP of 20 s")
    parser.add_argument("--long-stops", type=int, default=3, help="SIGSTOP of the settling time and five seconds")
    parser.add_argument("--pace", type=float, default=1.0, help="seconds from one patient to the next")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--naive", action="store_true", help="the control: plain Celery and blind retries")
    parser.add_argument("--true-settings", action="store_true", help="settle 90 s and the real timeouts")
    parser.add_argument("--out", type=Path, required=True, help="where the result goes (JSON)")
    parser.add_argument("--folder", type=Path, help="where logs, journal and what was told are kept")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    wanted = Plan(
        chosen.rebookings,
        chosen.kills,
        chosen.stops,
        chosen.long_stops,
        chosen.seed,
        chosen.pace,
        chosen.naive,
        TRUE if chosen.true_settings else SHORT,
    )
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="omboka-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    log.info("seed %d, files in %s", wanted.seed, folder)
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, signal.default_int_handler)  # also in the background: nothing is left running
    result = asyncio.run(make(wanted, folder))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    _write(chosen.out, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps({**result["verdict"], "patients": result["patients"]}))
    return 0 if as_it_must_be(result) else 1


def as_it_must_be(result: dict[str, Any]) -> bool:
    """Whether nobody was wronged and no event was missed or repeated; the control must wrong somebody."""
    verdict, patients = result["verdict"], result["patients"]
    if result["what"] == "control":
        return bool(verdict["lost"] or verdict["double"])
    wronged = any(verdict[name] for name in ("lost", "double", "wrong", "unresolved"))
    return not wronged and not patients["events_missed"] and not patients["events_repeated"]


if __name__ == "__main__":
    sys.exit(main())
