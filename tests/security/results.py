"""What the fuzzers found at full size, docs/results/fuzz/*.json, drawn into SECURITY.md: `make fuzz`."""

from __future__ import annotations

import datetime as dt
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.markers import put_between
from tests.security.sizes import FULL, SEED

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "results" / "fuzz"
PAGE = ROOT / "SECURITY.md"
PACKAGES = ("aiohttp", "lxml", "zeep")
"""What reads whatever comes from outside before any code of ours does."""

BEGIN, END = "<!-- fuzzers: made by `make fuzz` -->", "<!-- end of fuzzers -->"


def keep(name: str, *, tried: int, slowest: float, grown: int, ends: dict[str, int]) -> None:
    """Keep what a fuzzer has tried and what came of it; a short run is not for the record."""
    if not FULL:
        return
    found = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {package: version(package) for package in PACKAGES},
        "seed": SEED,
        "tried": tried,
        "slowest_seconds": round(slowest, 3),
        "grown_bytes": grown,
        "ends": dict(sorted(ends.items())),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def table(results: dict[str, dict[str, Any]]) -> str:
    """Give the results as Markdown, a row for each fuzzer."""
    lines = ["| fuzzer | tried | slowest | grew at most by | ends | made |", "|---|---|---|---|---|---|"]
    for name, one in sorted(results.items()):
        grown = f"{one['grown_bytes'] / 1024 / 1024:.0f} MB"
        ends = ", ".join(f"{end} {count:,}" for end, count in one["ends"].items())
        link = f"[{name}](docs/results/fuzz/{name}.json)"
        lines.append(
            f"| {link} | {one['tried']:,} | {one['slowest_seconds']:g} s | {grown} | {ends} | {one['at'][:10]} |"
        )
    return "\n".join(lines)


def drawn(page: str, results: dict[str, dict[str, Any]]) -> str:
    """Give the page with the results in their place. Raises ValueError when it has none."""
    return put_between(page, BEGIN, END, table(results))


def read_results() -> dict[str, dict[str, Any]]:
    """Read what has been kept."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in FOLDER.glob("*.json")}


def main() -> int:
    """Draw them."""
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8"), read_results()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
