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
from services.simulator.wire import TIME
from services.simulator.world import Change


class Journal:
    """Keeps the changes in memory, and in a file when it has a path; `at` is real time, RFC 3339 UTC.

    A journal begins anew each time the world does, so a file that was there is emptied.
    """

    def __init__(self, path: Path | None = None, now: Callable[[], dt.datetime] = real_time) -> None:
        self._now = now
        self._entries: list[dict[str, Any]] = []
        self._file: IO[str] | None = path.open("w", encoding="utf-8") if path else None

    def append(self, change: Change, *, call: int, delivery: int, late: bool) -> None:
        """Write one change down; `call` and `delivery` say which request did it, `late` that it came afterwards."""
        before, after = change.before, change.after
        entry = {
            "n": len(self._entries) + 1,
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
        self._entries.append(entry)

    def lines(self, after: int = 0) -> str:
        """Give the changes after number `after`, one JSON object on each line."""
        return "".join(map(_line, self._entries[max(0, after) :]))

    def clear(self) -> None:
        """Begin anew."""
        self._entries.clear()
        if self._file:
            self._file.seek(0)
            self._file.truncate()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _wire(moment: dt.datetime | None) -> str | None:
    return moment.strftime(TIME) if moment else None
