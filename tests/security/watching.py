"""What a fuzzer watches beside the answers: errors in the log, how long it takes, how much memory is held."""

from __future__ import annotations

import gc
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST_GROWTH = 64 * 1024 * 1024
"""Bytes by which the process may grow while it is given hostile input (source: the reliability rules, N10)."""

DEADLINE_SECONDS = 10.0
"""The longest that anything may be waited for, on a machine that has more to do."""


class Errors(logging.Handler):
    """Every record that is an error or carries an exception."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it if it tells of something that nobody foresaw."""
        if record.levelno >= logging.ERROR or record.exc_info:
            text = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
            self.found.append(f"{record.name}: {record.getMessage()}\n{text}")


@contextmanager
def nothing_unforeseen() -> Iterator[Errors]:
    """Fail at the end of the block if an error or an exception went to the log meanwhile."""
    errors, root = Errors(), logging.getLogger()
    root.addHandler(errors)
    try:
        yield errors
    finally:
        root.removeHandler(errors)
    assert not errors.found, f"{len(errors.found)} errors, the first: {errors.found[0]}"


class Slowest:
    """The longest that anything took."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure one; who waits for it bounds it by the deadline."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds = max(self.seconds, time.monotonic() - began)


class Memory:
    """By how many bytes the process has grown at most."""

    grown = 0


@contextmanager
def bounded_memory() -> Iterator[Memory]:
    """Fail at the end of the block if the process has held more at any time than it may: also what it let go again."""
    gc.collect()
    with suppress(OSError):  # where the highest mark can't be set back, only what goes beyond it is seen
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    memory, before = Memory(), _most_held()
    yield memory
    memory.grown = _most_held() - before
    assert memory.grown < MOST_GROWTH, f"the process grew by {memory.grown / 1024 / 1024:.0f} MB"


def _most_held() -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
