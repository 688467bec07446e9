"""`python -m benchmarks`: run them all, or those that are named, and write what they found down."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks import isolation, look_ups, moves, one_call, report, serial, sockets, worker_parts
from benchmarks.machine import Machine, machine
from benchmarks.results import QUICK, SMOKE, Result, Size

Benchmark = Callable[[Machine, Size, Callable[[str], None]], Awaitable[Result]]

ALL: dict[str, Benchmark] = {
    "isolation": isolation.isolation,
    "throughput": look_ups.throughput,
    "serial": serial.serial,
    "cached": serial.cached,
    "one-call": one_call.one_call,
    "worker-parts": worker_parts.worker_parts,
    "sockets": sockets.sockets,
    "scaling": look_ups.scaling,
    "without-cache": serial.without_cache,
    "moves": moves.moves,
}
SIZES = {"full": Size(), "quick": QUICK, "smoke": SMOKE}


async def run(
    names: list[str], size: Size, note: str, keep: Callable[[dict[str, Any]], None] = lambda record: None
) -> dict[str, Any]:
    """Run these; gives the record, and to `keep` after each. What fails is told in it and stops nothing else."""
    began, before = time.monotonic(), os.getloadavg()[0]

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", file=sys.stderr, flush=True)

    done: dict[str, Any] = {}

    def record() -> dict[str, Any]:
        return {
            "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "size": size.name,
            "note": note,
            "minutes": (time.monotonic() - began) / 60,
            "machine": {
                "cores": os.cpu_count(),
                "system": f"{platform.system()} {platform.machine()}",
                "python": platform.python_version(),
                "load_before": before,
                "load_after": os.getloadavg()[0],
            },
            "benchmarks": done,
        }

    say("starting the servers")
    async with machine() as started:
        for name in names:
            at = time.monotonic()
            try:
                result = await ALL[name](started, size, lambda text, name=name: say(f"{name}: {text}"))  # type: ignore[misc]
                done[name] = result.content()
                for row in result.rows:
                    say(f"   {row.met:15} {row.figure}: {row.measured}  (goal: {row.goal})")
            except Exception as error:
                say(f"{name} failed: {type(error).__name__}: {error}")
                done[name] = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
            done[name]["seconds"] = round(time.monotonic() - at, 1)
            keep(record())
    return record()


def main() -> int:
    """Run from the command line; gives the exit code: 1 when a benchmark failed, whatever the goals."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=ALL, metavar="NAME", help=f"one of {', '.join(ALL)}")
    parser.add_argument("--size", choices=SIZES, default="full", help="quick and smoke are not for the record")
    parser.add_argument("--out", type=Path, default=Path("benchmark.json"), help="the JSON file to write")
    parser.add_argument("--record", action="store_true", help="put the run into docs/performance.json and .md")
    parser.add_argument("--note", default="", help="what else ran on the machine")
    given = parser.parse_args()

    def keep(record: dict[str, Any]) -> None:
        given.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    record = asyncio.run(run(given.only or list(ALL), SIZES[given.size], given.note, keep))
    if given.record:
        report.RECORD.write_text(given.out.read_text(encoding="utf-8"), encoding="utf-8")
        report.write(record)
    print(report.table(record))
    return int(any("error" in benchmark for benchmark in record["benchmarks"].values()))


if __name__ == "__main__":
    sys.exit(main())
