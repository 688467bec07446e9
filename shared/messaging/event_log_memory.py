"""The event log in memory: for one process, and for tests.

Gateway and workers run on event loops of their own threads, so one lock guards everything and wake-ups cross over with
`call_soon_threadsafe`. Lifetimes go by the clock, so that a test can let them end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.clock import Clock
from shared.messaging.event_log import (
    IDLE_SECONDS,
    Appended,
    AppendOutcome,
    ChoiceMade,
    Conflict,
    Entry,
    Gone,
    Head,
    Known,
    Listener,
    LogView,
    NewEntry,
    Opened,
    Stale,
)


@dataclass
class _Log:
    head: Head
    expires: float
    entries: list[Entry] = field(default_factory=list)
    seq_of_key: dict[str, int] = field(default_factory=dict)
    basis: dict[str, int] = field(default_factory=dict)
    last_choice: int = 0

    def write(self, new: NewEntry) -> Entry:
        seq = len(self.entries) + 1
        entry = Entry(
            seq=seq,
            key=new.key,
            public=new.public,
            private=new.private,
            fingerprint=new.fingerprint,
            is_choice=new.expected_choice is not None,
            rebase=new.rebase,
            deadline=new.deadline,
        )
        self.entries.append(entry)
        self.seq_of_key[new.key] = seq
        self.basis.update(dict.fromkeys(new.rebase, seq))
        if entry.is_choice:
            self.last_choice = seq
        return entry

    def refusal(self, first: NewEntry) -> AppendOutcome | None:
        known = self.seq_of_key.get(first.key)
        if known is not None:
            return Known(known, self.entries[known - 1].fingerprint)
        if first.expected_choice is not None and first.expected_choice != self.last_choice:
            return Conflict(self.last_choice)
        if first.section is not None and first.basis is not None and self.basis.get(first.section) != first.basis:
            return Stale()
        return None


Item = TypeVar("Item")


class _Crossing(Generic[Item]):
    """Items handed from any thread to one event loop, in order."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Item] = asyncio.Queue()

    def hand(self, item: Item) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)

    async def items(self) -> AsyncIterator[Item]:
        while True:
            yield await self._queue.get()


class _MemoryListener:
    def __init__(self) -> None:
        self._crossing: _Crossing[str] = _Crossing()
        self._followed: set[str] = set()

    async def follow(self, rebooking_id: str) -> None:
        self._followed.add(rebooking_id)

    async def leave(self, rebooking_id: str) -> None:
        self._followed.discard(rebooking_id)

    def wakes(self) -> AsyncIterator[str]:
        return self._crossing.items()

    def wake(self, rebooking_id: str) -> None:
        if rebooking_id in self._followed:
            self._crossing.hand(rebooking_id)


class MemoryEventLog:
    """The event log of a single process; one instance serves every event loop in it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._logs: dict[str, _Log] = {}
        self._by_index: dict[str, str] = {}
        self._listeners: set[_MemoryListener] = set()
        self._choices: set[_Crossing[ChoiceMade]] = set()

    async def open(
        self,
        rebooking_id: str,
        head: Head,
        entries: Sequence[NewEntry],
        *,
        replaces: str | None = None,
        ttl: float = IDLE_SECONDS,
    ) -> Opened:
        """Open a log with its first entries, unless one stands under the same index (and isn't `replaces`)."""
        with self._lock:
            self._forget_expired()
            found = self._by_index.get(head.index)
            if found is not None and found != replaces:
                return Opened(found, created=False)
            log = self._logs[rebooking_id] = _Log(head, self._clock.now().timestamp() + ttl)
            self._by_index[head.index] = rebooking_id
            self._write(rebooking_id, log, entries)
        return Opened(rebooking_id, created=True)

    async def append(
        self, rebooking_id: str, entries: Sequence[NewEntry], *, ttl: float = IDLE_SECONDS
    ) -> AppendOutcome:
        """Append entries, all or none; only the first one's key, basis and expected choice are checked."""
        with self._lock:
            log = self._live(rebooking_id)
            if log is None:
                return Gone()
            refusal = log.refusal(entries[0])
            if refusal is not None:
                return refusal
            log.expires = max(log.expires, self._clock.now().timestamp() + ttl)
            return self._write(rebooking_id, log, entries)

    async def read(self, rebooking_id: str, *, after: int = 0) -> LogView | None:
        """The entries after a seq; None when there is no such log."""
        return (await self.read_each({rebooking_id: after})).get(rebooking_id)

    async def read_each(self, after: Mapping[str, int]) -> Mapping[str, LogView]:
        """The entries of several logs, each after its own seq; without the logs that don't exist."""
        with self._lock:
            found = ((one, seq, self._live(one)) for one, seq in after.items())
            return {
                one: LogView(log.head, tuple(log.entries[seq:]), len(log.entries))
                for one, seq, log in found
                if log is not None
            }

    async def last_seqs(self, rebooking_ids: Sequence[str]) -> Mapping[str, int]:
        """The last seq of each log that exists."""
        with self._lock:
            found = ((one, self._live(one)) for one in rebooking_ids)
            return {one: len(log.entries) for one, log in found if log is not None}

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Listener]:
        """Wake-ups for what this listener follows, on the event loop that asks."""
        listener = _MemoryListener()
        with self._lock:
            self._listeners.add(listener)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners.discard(listener)

    @asynccontextmanager
    async def choices(self) -> AsyncIterator[AsyncIterator[ChoiceMade]]:
        """Every choice made from now on, in any rebooking."""
        crossing: _Crossing[ChoiceMade] = _Crossing()
        with self._lock:
            self._choices.add(crossing)
        try:
            yield crossing.items()
        finally:
            with self._lock:
                self._choices.discard(crossing)

    async def ping(self) -> None:
        """Return: memory always answers."""

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    def _write(self, rebooking_id: str, log: _Log, entries: Sequence[NewEntry]) -> Appended:
        written = [log.write(new) for new in entries]
        for entry in written:
            if entry.is_choice:
                for crossing in self._choices:
                    crossing.hand(ChoiceMade(rebooking_id, entry.seq, entry.rebase))
        for listener in self._listeners:
            listener.wake(rebooking_id)
        return Appended(written[0].seq, written[-1].seq)

    def _live(self, rebooking_id: str) -> _Log | None:
        log = self._logs.get(rebooking_id)
        return log if log is not None and log.expires > self._clock.now().timestamp() else None

    def _forget_expired(self) -> None:
        now = self._clock.now().timestamp()
        for rebooking_id in [one for one, log in self._logs.items() if log.expires <= now]:
            log = self._logs.pop(rebooking_id)
            if self._by_index.get(log.head.index) == rebooking_id:
                del self._by_index[log.head.index]
