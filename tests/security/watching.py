"""What a fuzzer watches beside the answers: errors in the log, and how much memory the process holds."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_GROWTH = 64 * 1024 * 1024
"""Bytes by which the process may grow while it is given hostile input (source: the reliability rules, N10)."""

PAGE = 4096


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


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Fail at the end of the block if the process has grown by more than may be."""
    before = _resident()
    yield
    grown = _resident() - before
    assert grown < MOST_GROWTH, f"the process grew by {grown / 1024 / 1024:.0f} MB"


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE
