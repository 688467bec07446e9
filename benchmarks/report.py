"""From a run's JSON file to the table in docs/performance.md, its plots, and what docs/operations.md sizes by.

`python -m benchmarks.report` makes them anew from docs/performance.json, each table between its markers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.plot import lines
from tests.markers import put_between

DOCS = Path(__file__).parents[1] / "docs"
RECORD = DOCS / "performance.json"
PAGE = DOCS / "performance.md"
PICTURES = {
    "latency.svg": "p95 of a look-up against load",
    "hanging.svg": "Everybody else's look-ups while one of 20 systems hangs",
}
HANDBOOK = DOCS / "operations.md"
BEGIN, END = "<!-- begin: made by `python -m benchmarks.report` -->", "<!-- end -->"


KIB = 1024

SIZING: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("gateway", "an idle WebSocket", ("sockets", "raw", "bytes_each"), "KiB"),
    (
        "gateway",
        "one event to each of 2,000 rebookings, followed over 10,000 WebSockets: CPU",
        ("sockets", "raw", "burst", "cpu_s"),
        "s",
    ),
    (
        "all",
        "a look-up of 20 timeslots: CPU of all processes",
        ("throughput", "raw", "20 timeslots", "ours", "cpu_ms"),
        "ms",
    ),
    ("all", "and of 200", ("throughput", "raw", "200 timeslots", "ours", "cpu_ms"), "ms"),
    ("availability", "look-ups of one process", ("scaling", "raw", "look-ups/s by processes", "1"), "a second"),
    ("availability", "and of two", ("scaling", "raw", "look-ups/s by processes", "2"), "a second"),
    (
        "availability",
        "a search over 20 facilities: CPU of all processes",
        ("scaling", "raw", "search by facilities", "20", "cpu_ms"),
        "ms",
    ),
)
"""What the handbook sizes by: the role, what it is, where the record has it, and its unit."""


def table(record: dict[str, Any]) -> str:
    """The table of a record, with what it was measured on."""
    machine = record["machine"]
    told = [
        f"Run of {record['date']}, size `{record['size']}`, {record['minutes']:.0f} minutes, on {machine['cores']} "
        f"cores ({machine['system']}), Python {machine['python']}. Load average before: {machine['load_before']:.1f}, "
        f"after: {machine['load_after']:.1f}. {record['note']}",
        "",
        "| figure | goal | measured | |",
        "|---|---|---|---|",
    ]
    for name, benchmark in record["benchmarks"].items():
        if "error" in benchmark:
            told.append(f"| {name} | | not measured: {benchmark['error']} | |")
        told += [
            f"| {row['figure']} | {row['goal']} | {row['measured']} | {row['met']} |"
            for row in benchmark.get("rows", ())
        ]
    return "\n".join(told)


def plots(record: dict[str, Any]) -> dict[str, str]:
    """The plots of a record by file name, as far as what they show was measured."""
    found: dict[str, str] = {}
    benchmarks = record["benchmarks"]
    curve = benchmarks.get("throughput", {}).get("raw", {}).get("latency against load")
    if curve:
        series = {name: [(rate, p95 * 1000) for rate, _, p95 in points] for name, points in curve.items()}
        title = "p95 of a look-up against load (20 timeslots, 50 ms systems)"
        found["latency.svg"] = lines(title, "look-ups a second", "milliseconds", series, logarithmic=True)
    isolation = benchmarks.get("isolation", {}).get("raw", {})
    if isolation:
        series = {}
        for name, values in isolation["latencies"].items():
            count = len(values)
            step = max(1, count // 300)
            series[name] = [(100 * (at + 1) / count, values[at] * 1000) for at in range(0, count, step)]
        title = "Everybody else's look-ups while one of 20 systems hangs, and without"
        found["hanging.svg"] = lines(title, "per cent of look-ups", "milliseconds at most", series, logarithmic=True)
    return found


def sizing(record: dict[str, Any]) -> str:
    """What a process costs and bears, by role, as far as the record has it; each with where it stands in the record."""
    told = [
        f"By the run of {record['date']} on {record['machine']['cores']} cores, which the load, the booking systems "
        "and all servers shared:",
        "",
        "| role | | measured | in `performance.json` |",
        "|---|---|---|---|",
    ]
    for role, what, source, unit in SIZING:
        found: Any = record["benchmarks"]
        for name in source:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, dict):
            measured = f"{found['median']:.3g} {unit} ({found['least']:.3g} to {found['greatest']:.3g})"
        elif found is not None:
            measured = f"{found / KIB:.3g} {unit} (one run)" if unit == "KiB" else f"{found:.3g} {unit} (one run)"
        else:
            continue
        told.append(f"| {role} | {what} | {measured} | {', '.join(source)} |")
    return "\n".join(told)


def write(record: dict[str, Any], page: Path = PAGE, handbook: Path = HANDBOOK) -> None:
    """Put the tables between the markers of both pages, and the plots beside the first. Raises ValueError without."""
    drawn = plots(record)
    pictures = "".join(f"\n![{PICTURES[name]}](performance-{name})\n" for name in drawn)
    _put(page, f"{table(record)}\n{pictures}".rstrip("\n"))
    _put(handbook, sizing(record))
    for name, svg in drawn.items():
        (page.parent / f"performance-{name}").write_text(svg, encoding="utf-8")


def _put(page: Path, content: str) -> None:
    page.write_text(put_between(page.read_text(encoding="utf-8"), BEGIN, END, content), encoding="utf-8")


if __name__ == "__main__":
    write(json.loads(RECORD.read_text(encoding="utf-8")))
