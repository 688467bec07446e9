"""From a run's JSON file to the table in docs/performance.md, between its markers, and the plots beside it.

`python -m benchmarks.report` makes both anew from docs/performance.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.plot import lines

DOCS = Path(__file__).parents[1] / "docs"
RECORD = DOCS / "performance.json"
PAGE = DOCS / "performance.md"
PICTURES = {
    "latency.svg": "p95 of a look-up against load",
    "hanging.svg": "Everybody else's look-ups while one of 20 systems hangs",
}
BEGIN, END = "<!-- begin: made by `python -m benchmarks.report` -->", "<!-- end -->"


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


def write(record: dict[str, Any], page: Path = PAGE) -> None:
    """Put the table between the page's markers and the plots beside the page. Raises ValueError without markers."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no markers")
    drawn = plots(record)
    pictures = "".join(f"\n![{PICTURES[name]}](performance-{name})\n" for name in drawn)
    page.write_text(f"{before}{BEGIN}\n{table(record)}\n{pictures}{END}{after}", encoding="utf-8")
    for name, svg in drawn.items():
        (page.parent / f"performance-{name}").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    write(json.loads(RECORD.read_text(encoding="utf-8")))
