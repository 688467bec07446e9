"""Is each guard of the saga needed? Each is taken out in turn, and the saga's machine must find a story that does harm.

    make mutations [ARGS="[--examples 2000] [--seed N] [NAME ...]"]

A copy of the code is changed, never the code itself. Exit code 0: the whole code passes and every mutant is caught.
Source: the saga's rules 3.8.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("services", "shared", "tests", "pyproject.toml")
TEST = "tests/unit/booking/test_invariants.py"

REBOOK = "services/booking/rebook.py"
RECONCILE = "services/booking/reconcile.py"
LEDGER = "shared/ledger/ledger.py"


@dataclass(frozen=True)
class Change:
    """A text that stands once in a file, and what takes its place."""

    file: str
    before: str
    after: str


@dataclass(frozen=True)
class Mutant:
    """The code without one guard."""

    name: str
    without: str
    changes: tuple[Change, ...]


MUTANTS = (
    Mutant(
        "settle",
        "a negative look counts before the settling time is over",
        (
            Change(
                RECONCILE,
                "if seen.where in (Where.SILENT, Where.GONE) or now < settle_until:",
                "if seen.where in (Where.SILENT, Where.GONE):",
            ),
        ),
    ),
    Mutant(
        "verify-error",
        "an ERROR is believed without a look",
        (
            Change(
                REBOOK,
                "        seen = await self._look(row, facility_from, facility_to)\n        match seen.where:\n"
                "            case Where.AT_TARGET:\n                # The platform",
                "        seen = Look(Where.AT_OLD)\n        match seen.where:\n"
                "            case Where.AT_TARGET:\n                # The platform",
            ),
        ),
    ),
    Mutant(
        "verify-never-sent",
        "who says on the way that nothing came is believed without a look",
        (
            Change(
                REBOOK,
                "                await self._verify_never_sent(row, observed, facility_from, facility_to)",
                "                await self._never_sent(row, facility_to, observed)",
            ),
        ),
    ),
    Mutant(
        "look-after-ok",
        "an OK is believed without a look",
        (
            Change(
                REBOOK,
                "seen = await self._look(row, facility_from, facility_to, patience=self._deps.schedule.look_patience)",
                "seen = Look(Where.AT_TARGET)",
            ),
        ),
    ),
    Mutant(
        "sending",
        "whoever finds a row in SENDING sends",
        (
            Change(
                REBOOK,
                "row = await self._unknown(row, facilities[1], release=False)\n"
                "                    await self._find_out(row, *facilities)",
                "row = await self._move(row, RowState.PRECHECKED, None, next_in=0.0, release=False)\n"
                "                    await self._send(row, *facilities)",
            ),
        ),
    ),
    Mutant(
        "one-open",
        "a booking may have two open rebookings",
        (
            # The look before the insert only words the answer: with it alone, two at once would both pass.
            Change(
                LEDGER,
                "rebooking_row.c.state.in_([state.value for state in BLOCKING]),\n            )",
                "False,\n            )",
            ),
            Change("shared/ledger/migrations/versions/0001_ledger.py", "unique=True", "unique=False"),
        ),
    ),
    Mutant(
        "fence",
        "a worker writes though another has taken the row since",
        (
            Change(
                LEDGER,
                ".where(rebooking_row.c.id == claimed.id, rebooking_row.c.fence == claimed.fence)",
                ".where(rebooking_row.c.id == claimed.id)",
            ),
        ),
    ),
    Mutant(
        "two-looks",
        "one negative look is enough",
        (
            Change(RECONCILE, "    if now - before.since < apart:\n        return Conclusion.OPEN, before\n", ""),
            Change(RECONCILE, "        return Conclusion.OPEN, Evidence(seen.where, now, start)\n", "        pass\n"),
        ),
    ),
    Mutant(
        "lease",
        "a row is taken while another worker holds it",
        (Change(LEDGER, "    free = row.lease_until is None or row.lease_until <= now\n", "    free = True\n"),),
    ),
    Mutant(
        "pause",
        "a worker that slept between its commit and the first byte sends",
        (
            Change(
                REBOOK,
                "if not holds or deps.boottime() - before_commit > deps.schedule.pause:",
                "if not holds:",
            ),
        ),
    ),
    Mutant(
        "lease-before-sending",
        "a worker whose row was taken sends",
        (
            Change(
                REBOOK,
                "if not holds or deps.boottime() - before_commit > deps.schedule.pause:",
                "if False:",
            ),
        ),
    ),
    Mutant(
        "in-order",
        "an event is told though one before it could not be",
        (
            Change(
                REBOOK,
                "        for event in untold:\n",
                "        for event in untold[-1:]:\n",
            ),
        ),
    ),
    Mutant(
        "one-resend",
        "it is sent again as often as the deadline allows",
        (Change(REBOOK, "if row.attempt < self._deps.schedule.most_attempts and now", "if now"),),
    ),
    Mutant(
        "same-command",
        "a command that comes again is a new rebooking",
        (Change(LEDGER, "return Accepted(row.id, event, repeated=True)", "return KeyReused()"),),
    ),
)


def mutated(folder: Path, mutant: Mutant | None) -> None:
    """Copy the code into a folder and take the guard out. Raises ValueError when a text doesn't stand once."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        else:
            shutil.copy(source, target)
    for change in mutant.changes if mutant else ():
        path = folder / change.file
        path.write_text(replaced(change, path.read_text()))


def replaced(change: Change, text: str) -> str:
    """Give the text with the change made. Raises ValueError when its place isn't there exactly once."""
    if text.count(change.before) != 1:
        raise ValueError(f"{change.file}: {change.before!r} stands {text.count(change.before)} times, not once")
    return text.replace(change.before, change.after)


def passes(mutant: Mutant | None, *, examples: int, seed: int) -> tuple[bool, float, str]:
    """Run the saga's machine on the code or on a mutant: whether it passes, the seconds it took, its last words."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="omboka-mutant-") as folder:
        mutated(Path(folder), mutant)
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-x",
                "-p",
                "no:cacheprovider",
                "--timeout=0",
                f"--hypothesis-seed={seed}",
                TEST,
            ],
            cwd=folder,
            env={**os.environ, "OMBOKA_EXAMPLES": str(examples), "OMBOKA_SHRINK": "", "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            timeout=3600,
            check=False,
        )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"the tests could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    words = [line[4:].strip() for line in done.stdout.splitlines() if line.startswith("E   ")]
    why = next((one for one in words if one), "")
    return done.returncode == 0, time.monotonic() - began, why


def main(arguments: list[str] | None = None) -> int:
    """Run the code and every mutant, two at a time, and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these guards")
    most = int(os.environ.get("OMBOKA_EXAMPLES", "2000"))
    parser.add_argument("--examples", type=int, default=most, help="stories for each (OMBOKA_EXAMPLES, else 2000)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="the same seed, the same stories")
    chosen = parser.parse_args(arguments)
    mutants = [one for one in MUTANTS if not chosen.names or one.name in chosen.names]
    print(f"seed {chosen.seed}, up to {chosen.examples} stories of 40 steps each", flush=True)
    good = True
    with ThreadPoolExecutor(2) as pool:
        runs = {one: pool.submit(passes, one, examples=chosen.examples, seed=chosen.seed) for one in [*mutants, None]}
        for mutant, run in runs.items():
            passed, seconds, why = run.result()
            if mutant is None:
                good &= passed
                word = "passes" if passed else f"FAILS: {why}"
                print(f"{'the whole code':22} {word} ({seconds:.0f} s)", flush=True)
            else:
                good &= not passed
                word = "SURVIVES" if passed else f"caught: {why}"
                print(f"{mutant.name:22} {word} ({seconds:.0f} s; {mutant.without})", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
