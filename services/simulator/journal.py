"""The journal: what really happened, one line for each effective change, on disk before anybody is told.

It holds the subject's number in clear, because the patients are made up and the numbers belong to nobody: a judge of a
test must be able to say whose booking was moved.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from services.simulator.clock import real_time
from services.simulator.facility import Facility
from services.simulator.wire import TIME
from services.simulator.world import Change, Move


class Journal:
    """Keeps the changes in memory, and in a file when it has a path; `at` is real time, RFC 3339 UTC.

    It goes on where its file ends, so that after a kill the world can be made of it as it was. Raises ValueError for a
    file that is no journal.
    """

    def __init__(self, path: Path | None = None, now: Callable[[], dt.datetime] = real_time) -> None:
        self._now = now
        self.entries = _read(path) if path and path.exists() else []
        self._file: IO[str] | None = path.open("a", encoding="utf-8") if path else None
        self.world = dt.datetime.fromisoformat(self.entries[0]["world"]) if self.entries else None
        """The moment from which the world was made that the changes are of, naive Swedish civil time."""

    def begin(self, world: dt.datetime) -> None:
        """Begin anew, for a world that is made from this moment."""
        self.entries.clear()
        self.world = world
        if self._file:
            self._file.truncate(0)

    def append(self, change: Change, *, call: int, delivery: int, late: bool) -> None:
        """Write one change down; `call` and `delivery` say which request did it, `late` that it came afterwards."""
        before, after = change.before, change.after
        entry = {
            "n": len(self.entries) + 1,
            "world": self.world.isoformat() if self.world else None,
            "at": self._now().astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "facility_from": before.facility,
            "facility_to": after.facility,
            "booking_id": before.id,
            "new_booking_id": after.id,
            "old_start": _wire(before.start),
            "old_end": _wire(before.end),
            "new_start": _wire(after.start),
            "new_end": _wire(after.end),
            "resource_id": after.resource.id,
            "subject": after.subject,
            "reason": after.reason,
            "phone": after.phone,
            "call": call,
            "delivery": delivery,
            "late": late,
        }
        if self._file:
            self._file.write(_line(entry))
            self._file.flush()
            os.fsync(self._file.fileno())
        self.entries.append(entry)

    def lines(self, after: int = 0) -> str:
        """Give the changes after number `after`, one JSON object on each line."""
        return "".join(map(_line, self.entries[max(0, after) :]))

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


def move_again(entry: dict[str, Any], target: Facility) -> Move:
    """What was asked for, by what came of it."""
    return Move(
        target=target,
        booking_id=entry["booking_id"],
        subject=entry["subject"],
        start=dt.datetime.strptime(entry["new_start"], TIME),
        end=dt.datetime.strptime(entry["new_end"], TIME),
        resource_id=entry["resource_id"],
        reason=entry["reason"],
        phone=entry["phone"],
    )


def _read(path: Path) -> list[dict[str, Any]]:
    # What a kill cut off in the middle of a line nobody was told of: it is taken away.
    whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    entries = [json.loads(line) for line in whole]
    if not all(isinstance(entry, dict) and "world" in entry for entry in entries):
        raise ValueError("these lines are no journal's")
    os.truncate(path, sum(map(len, whole)))
    return entries


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _wire(moment: dt.datetime | None) -> str | None:
    return moment.strftime(TIME) if moment else None
