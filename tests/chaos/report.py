"""Draws the results of the runs, docs/results/*.json, into docs/reliability.md.

make reliability
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.markers import put_between

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "reliability.md"
BEGIN, END = "<!-- results: made by `make reliability` -->", "<!-- end of results -->"

RUNS = (
    ("chaos.json", "Chaos"),
    ("chaos-control.json", "Control"),
    ("chaos-true-settings.json", "True settings"),
)


def table(results: dict[str, dict[str, Any]]) -> str:
    """Give the results as Markdown: one column for each run that there is."""
    runs = [(title, results[name], name) for name, title in RUNS if name in results]
    if not runs:
        return "No run has been kept yet."
    rows: list[tuple[str, list[str]]] = [
        ("accepted rebookings", [_of(run, "verdict", "rebookings") for _, run, _ in runs]),
        *(
            (f"**{name}**", [f"**{_of(run, 'verdict', name)}**" for _, run, _ in runs])
            for name in ("lost", "double", "wrong", "unresolved")
        ),
        ("ends told", [_counts(run["verdict"]["ends"]) for _, run, _ in runs]),
        ("kill -9", [_blows(run, "kill -9 ") for _, run, _ in runs]),
        ("SIGSTOP", [_blows(run, "SIGSTOP ") for _, run, _ in runs]),
        ("connections that the proxy spoiled", [str(sum(run["faults"].values())) for _, run, _ in runs]),
        ("updates with a mishap", [str(sum(run["mishaps"].values())) for _, run, _ in runs]),
        ("changes applied late", [_of(run, "journal", "late") for _, run, _ in runs]),
        ("WebSockets that resumed", [_of(run, "patients", "resumed") for _, run, _ in runs]),
        ("events missed / repeated", [_events(run) for _, run, _ in runs]),
        ("seconds to the end: median / p99 / longest", [_seconds(run) for _, run, _ in runs]),
        ("settling time, s", [f"{run['settings']['settle']:g}" for _, run, _ in runs]),
        ("seed", [str(run["seed"]) for _, run, _ in runs]),
        ("made", [f"{run['at'][:10]}, {run['took_seconds'] // 60} min" for _, run, _ in runs]),
        ("file", [f"[{name}](results/{name})" for _, _, name in runs]),
    ]
    lines = ["| | " + " | ".join(title for title, _, _ in runs) + " |", "|---" * (len(runs) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows]
    return "\n".join(lines)


def drawn(page: str, results: dict[str, dict[str, Any]]) -> str:
    """Give the page with the results in their place. Raises ValueError when it has none."""
    return put_between(page, BEGIN, END, table(results))


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the runs that there are."""
    return {
        name: json.loads((folder / name).read_text(encoding="utf-8")) for name, _ in RUNS if (folder / name).exists()
    }


def _of(run: dict[str, Any], part: str, name: str) -> str:
    return f"{run[part][name]:,}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _blows(run: dict[str, Any], what: str) -> str:
    struck = {name: count for name, count in run["blows"].items() if name.startswith(what)}
    told = ", ".join(f"{name.removeprefix(what)} {count}" for name, count in struck.items())
    return f"{sum(struck.values())}: {told}" if struck else "0"


def _events(run: dict[str, Any]) -> str:
    return f"{run['patients']['events_missed']} / {run['patients']['events_repeated']}"


def _seconds(run: dict[str, Any]) -> str:
    waits = run["seconds_to_the_end"]
    return f"{waits['median']} / {waits['p99']} / {waits['longest']}"


def main() -> int:
    """Draw them."""
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8"), read_results(DOCS / "results")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
