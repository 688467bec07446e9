"""The audit log: notes accesses at once, and writes them in a thread of its own, in order and down to the disk.

Where it can't write it keeps what it has and tries again; when that is too much, nothing may be accessed any more.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import queue
import secrets
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Protocol, TextIO

from shared.audit.chain import Access, Chain, Digest
from shared.clock import Clock
from shared.settings import SettingsError

log = logging.getLogger(__name__)

MOST_KEPT = 50_000
"""How many accesses may wait to be written; with more, each is refused."""

BATCH = 500
RETRY_SECONDS = 1.0

STANDARD_OUTPUT = "stdout"
"""The setting that sends entries to standard output, for the platform to ship; any other value is a folder."""


class AuditUnavailable(Exception):
    """Raised when an access can't be noted, so that it may not be given."""


class Audit(Protocol):
    """Where accesses are noted."""

    def note(self, access: Access) -> None:
        """Note an access; never waits. Raises AuditUnavailable."""

    def check(self) -> None:
        """Return while there is room for another access. Raises AuditUnavailable."""

    def writes(self) -> None:
        """Return while what is noted gets written. Raises AuditUnavailable."""


class Sink(Protocol):
    """Where lines go."""

    def write(self, chain: str, lines: list[str]) -> None:
        """Write these lines of a chain down, all or OSError. Nothing that was written before is changed."""


class MemoryAudit:
    """An audit log that keeps what is noted in a list: for tests."""

    def __init__(self) -> None:
        self.noted: list[Access] = []

    def note(self, access: Access) -> None:
        """Keep it."""
        self.noted.append(access)

    def check(self) -> None:
        """There is always room."""

    def writes(self) -> None:
        """There is nothing to write."""


class Folder:
    """A file for each chain in a folder, only ever added to, and on the disk before the next is taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(parents=True, exist_ok=True, mode=0o750)

    def write(self, chain: str, lines: list[str]) -> None:
        """Add the lines, whole: what was written of them before an error is taken back.

        Raises OSError.
        """
        content = "".join(f"{line}\n" for line in lines).encode()
        file = os.open(self._path / f"{chain}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            size = os.fstat(file).st_size
            try:
                if os.write(file, content) != len(content):
                    raise OSError("the audit log's disk is full")
                os.fsync(file)
            except OSError:
                os.ftruncate(file, size)
                raise
        finally:
            os.close(file)


class StandardOutput:
    """Standard output: one entry a line."""

    def write(self, chain: str, lines: list[str]) -> None:
        """Print the lines."""
        _print(lines, sys.stdout)


class StandardError:
    """Standard error: for commands whose output is an operator's."""

    def write(self, chain: str, lines: list[str]) -> None:
        """Print the lines."""
        _print(lines, sys.stderr)


def _print(lines: list[str], stream: TextIO) -> None:
    stream.write("".join(f"{line}\n" for line in lines))
    stream.flush()


def sink_of(setting: str | None) -> Sink:
    """Where the setting OMBOKA_AUDIT sends entries: standard output without one. Raises SettingsError."""
    if setting in (None, STANDARD_OUTPUT):
        return StandardOutput()
    try:
        return Folder(Path(str(setting)))
    except OSError as error:
        raise SettingsError(f"OMBOKA_AUDIT: the folder {setting} can't be used: {error.strerror}") from None


class AuditLog:
    """Chains and writes accesses. Start it before the first, close it after the last: closing writes what is left."""

    def __init__(
        self,
        sink: Sink,
        digest: Digest,
        clock: Clock,
        *,
        role: str,
        most: int = MOST_KEPT,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._sink = sink
        self._digest = digest
        self._clock = clock
        self._retry_seconds = retry_seconds
        # Two processes never share a chain, whatever their host and number.
        self._process = f"{role}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._noted: queue.Queue[Access | None] = queue.Queue(most)
        self._chain: Chain | None = None
        self._closed = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def note(self, access: Access) -> None:
        """Put it in line to be written; never waits. Raises AuditUnavailable when too much waits already."""
        if self._closed:
            raise AuditUnavailable("the audit log is closed")
        try:
            self._noted.put_nowait(access)
        except queue.Full:
            raise AuditUnavailable("the audit log can't be written") from None

    def check(self) -> None:
        """Return while there is room for another access. Raises AuditUnavailable."""
        if self._closed or self._noted.full():
            raise AuditUnavailable("the audit log can't be written")

    def writes(self) -> None:
        """Return while what is noted gets written. Raises AuditUnavailable."""
        if self._failing:
            raise AuditUnavailable("the audit log can't be written")

    def close(self, *, patience: float = 10.0) -> None:
        """Write what is left and end the chain; what can't be written within `patience` seconds is told in the log."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(queue.Full):
            self._noted.put(None, timeout=patience)
        self._thread.join(patience)
        if self._thread.is_alive():
            log.critical("the audit log could not be written to its end: entries are lost")

    def _run(self) -> None:
        ended = False
        while not ended:
            batch = [self._noted.get()]
            with contextlib.suppress(queue.Empty):
                while len(batch) < BATCH:
                    batch.append(self._noted.get_nowait())
            ended = None in batch
            self._write([access for access in batch if access is not None])
        if self._chain is not None:
            self._deliver(self._chain, [self._chain.end(self._clock.now())])

    def _write(self, batch: list[Access]) -> None:
        """Write accesses in the order in which they were noted; a new day begins a new chain."""
        lines: list[str] = []
        for access in batch:
            day = access.at.astimezone(dt.UTC).date()
            if self._chain is None or day > self._chain.day:
                if self._chain is not None:
                    self._deliver(self._chain, [*lines, self._chain.end(access.at)])
                self._chain, lines = Chain(day, self._process, self._digest), []
            lines.append(self._chain.add(access))
        if self._chain is not None and lines:
            self._deliver(self._chain, lines)

    def _deliver(self, chain: Chain, lines: list[str]) -> None:
        """Write until it is written; while it can't be, what is noted waits and `check` says so."""
        while True:
            try:
                self._sink.write(chain.name, lines)
            except (OSError, ValueError) as error:
                if not self._failing:
                    log.error("the audit log can't be written: %s", type(error).__name__)
                self._failing = True
                time.sleep(self._retry_seconds)
                continue
            self._failing = False
            return
