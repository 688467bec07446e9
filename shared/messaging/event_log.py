"""The port to the event log: one log for each rebooking, with one atomic append and a wake-up for those who listen.

The gateway appends choices, workers append what they found, and a snapshot is a fold over the entries. An append
either writes all of its entries or none, and says why not. Source: architecture, "A rebooking is an event log".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

IDLE_SECONDS = 3600
"""How long a log is kept after its last event."""

OPEN_OUTCOME_SECONDS = 24 * 3600
"""How long a log is kept after its last event while the outcome of a rebooking is open."""


class LogUnavailable(Exception):
    """Raised when the event log can't be reached within a second: nothing is known of what was written."""


@dataclass(frozen=True)
class Head:
    """What a log is opened with. `owner` = HMAC of the subject of care; `body` = sealed facts that never change.

    `index` = HMAC of (subject, facility, booking id): at most one log is found under it.
    """

    owner: str
    index: str
    body: bytes


@dataclass(frozen=True)
class NewEntry:
    """An entry to append. `key` is unique within the log: the same key again writes nothing and gives the old seq.

    `public` is the frame's JSON without seq; `private` is sealed and never sent. `fingerprint` is the hash of the
    client's content, for telling a repeated command from a reused id. A result names its `section` and the `basis`
    on which it was made. A choice names `expected_choice`, the seq of the choice that it was folded on (0 = none),
    and is itself a choice. `rebase` are the sections whose basis becomes this entry's seq. `deadline` (UTC seconds)
    is when what it started should have ended.
    """

    key: str
    public: bytes
    private: bytes | None = None
    fingerprint: str = ""
    section: str | None = None
    basis: int | None = None
    expected_choice: int | None = None
    rebase: tuple[str, ...] = ()
    deadline: float | None = None


@dataclass(frozen=True)
class Entry:
    """An entry as it stands in the log."""

    seq: int
    key: str
    public: bytes
    private: bytes | None
    fingerprint: str
    is_choice: bool
    rebase: tuple[str, ...]
    deadline: float | None


@dataclass(frozen=True)
class Appended:
    """All entries were written; `seq` is the first one's, `last_seq` the last one's."""

    seq: int
    last_seq: int


@dataclass(frozen=True)
class Known:
    """The first entry's key was there already: nothing was written, this is its seq and fingerprint."""

    seq: int
    fingerprint: str


@dataclass(frozen=True)
class Conflict:
    """Another choice came first: fold again."""

    last_choice: int


@dataclass(frozen=True)
class Stale:
    """The result's basis is no longer its section's: nothing was written, and nobody wants it."""


@dataclass(frozen=True)
class Gone:
    """There is no such log (any more)."""


AppendOutcome = Appended | Known | Conflict | Stale | Gone


@dataclass(frozen=True)
class Opened:
    """A log stands: `created` = by this call, else it is the one that was found under the index."""

    rebooking_id: str
    created: bool


@dataclass(frozen=True)
class LogView:
    """What a read gives: the head, the entries after the asked seq in order, and the seq of the last one of all."""

    head: Head
    entries: tuple[Entry, ...]
    last_seq: int


class Listener(Protocol):
    """Wake-ups for the rebookings that somebody here follows. They carry no data: read the log from the last seq.

    After a broken connection every followed rebooking is woken once.
    """

    async def follow(self, rebooking_id: str) -> None:
        """Wake for this rebooking from now on (subscribed when this returns)."""

    async def leave(self, rebooking_id: str) -> None:
        """Wake no more for this rebooking."""

    def wakes(self) -> AsyncIterator[str]:
        """The ids of rebookings with something new, for as long as it is iterated."""


@dataclass(frozen=True)
class ChoiceMade:
    """A choice that superseded what was going on in these sections."""

    rebooking_id: str
    seq: int
    rebase: tuple[str, ...]


class EventLog(Protocol):
    """The event log. Every method raises LogUnavailable within a second when the log can't be reached."""

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

    async def append(
        self, rebooking_id: str, entries: Sequence[NewEntry], *, ttl: float = IDLE_SECONDS
    ) -> AppendOutcome:
        """Append entries, all or none; only the first one's key, basis and expected choice are checked.

        In this order: no log → Gone; key known → Known; expected_choice isn't the last choice's seq → Conflict;
        basis isn't the section's current one → Stale; else written, listeners woken, lifetime renewed to `ttl`
        seconds (never shortened below what another append in the last 24 hours asked for, if that is still longer).
        """

    async def read(self, rebooking_id: str, *, after: int = 0) -> LogView | None:
        """The entries after a seq; None when there is no such log."""

    async def read_each(self, after: Mapping[str, int]) -> Mapping[str, LogView]:
        """The entries of several logs, each after its own seq, in one asking; without the logs that don't exist."""

    async def last_seqs(self, rebooking_ids: Sequence[str]) -> Mapping[str, int]:
        """The last seq of each log that exists."""

    def listen(self) -> AbstractAsyncContextManager[Listener]:
        """Open one connection for wake-ups, shared by all that this process follows."""

    def choices(self) -> AbstractAsyncContextManager[AsyncIterator[ChoiceMade]]:
        """Every choice made from now on, in any rebooking: for cancelling what it superseded. May miss some."""

    async def ping(self) -> None:
        """Return when the log answers."""

    async def close(self) -> None:
        """Give the connections up."""
