"""The chain: each entry carries a keyed digest of itself and of the one before, in one chain a day and process. Pure.

Without the key nobody can change, take out, put in or move an entry so that the rest still fits. A chain that was ended
in order says so in its last entry; one that doesn't was cut short, by a killed process or by somebody.
Source: the reliability rules 4.1, "PDL/audit".
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

VERSION = 1

END = "end"
"""What the last entry of a chain that was ended in order did."""

Digest = Callable[[str, str], str]
"""A keyed digest of two texts: the chain's purpose and its content."""

_PURPOSE = "audit"


@dataclass(frozen=True)
class Access:
    """One access: who did what to whose what, and how it ended. People are keyed digests, never numbers.

    `actor_sealed` = who acted, sealed, when it isn't the subject; `act` = `METHOD route`, a command's name, or what an
    operator did; `of` = the rebooking or row; `outcome` = an HTTP status, a problem or a state.
    """

    at: dt.datetime
    actor: str
    actor_type: str
    subject: str | None
    act: str
    outcome: str
    of: str | None = None
    command_id: str | None = None
    trace_id: str | None = None
    actor_sealed: str | None = None


class Chain:
    """One process's entries of one day, each the next in line."""

    def __init__(self, day: dt.date, process: str, digest: Digest) -> None:
        self.day = day
        self.name = f"{day.isoformat()}.{process}"
        self._digest = digest
        self._n = 0
        self._previous = ""

    def add(self, access: Access) -> str:
        """The next entry, as one line of JSON without its line feed."""
        told = {key: value for key, value in vars(access).items() if value is not None}
        return self._line({**told, "at": _time(access.at)})

    def end(self, at: dt.datetime) -> str:
        """The last entry: nothing comes after it."""
        return self._line({"at": _time(at), "act": END})

    def _line(self, told: dict[str, Any]) -> str:
        self._n += 1
        entry = {"audit": self.name, "v": VERSION, "n": self._n, **told}
        self._previous = _link(self._digest, self._previous, entry)
        return json.dumps({**entry, "link": self._previous}, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Broken:
    """The first entry of a chain that doesn't fit: `n` is its number, `line` where it stands, from 1."""

    chain: str
    n: int
    line: int
    why: str


@dataclass(frozen=True)
class Verdict:
    """What a look at all lines found: how many entries, the chains that have no end, and the first broken link."""

    entries: int
    chains: int
    unended: tuple[str, ...]
    broken: Broken | None


def verify(lines: Iterable[str], digest: Digest) -> Verdict:
    """Check every chain among these lines, up to the first link that is broken; lines that are no entries are passed.

    Chains may be mixed, as where several processes write to one place; each chain's own entries must be in order.
    """
    last: dict[str, tuple[int, str, bool]] = {}
    entries = 0
    broken = None
    for number, line in enumerate(lines, 1):
        entry = _entry(line)
        if entry is None:
            continue
        chain = entry["audit"]
        n, previous, ended = last.get(chain, (0, "", False))
        if why := _fault(entry, n, previous, ended, digest):
            broken = Broken(chain, n + 1, number, why)
            break
        entries += 1
        last[chain] = (n + 1, entry["link"], entry.get("act") == END)
    unended = tuple(chain for chain, (_, _, ended) in last.items() if not ended)
    return Verdict(entries, len(last), unended, broken)


def _fault(entry: dict[str, Any], n: int, previous: str, ended: bool, digest: Digest) -> str | None:
    if ended:
        return "it stands after the chain's end"
    if entry.get("n") != n + 1:
        return f"number {n + 1} was expected, number {entry.get('n')} stands there"
    content = {key: value for key, value in entry.items() if key != "link"}
    if entry.get("link") != _link(digest, previous, content):
        return "its content or the entry before it isn't what was written"
    return None


def _entry(line: str) -> dict[str, Any] | None:
    if '"audit"' not in line:
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("audit"), str) else None


def _link(digest: Digest, previous: str, entry: dict[str, Any]) -> str:
    content = json.dumps([previous, entry], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return digest(_PURPOSE, content)


def _time(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
