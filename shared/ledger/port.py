"""The port to the ledger, as the gateway uses it. Synchronous: call it in a thread, never on a loop.

The gateway may only accept and read; only the booking worker claims and moves. Every time is the database's.
Source: architecture, "A rebooking is a ledger row first".
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Protocol

from shared.contracts.model import Frozen, Identity, Language, Timeslot
from shared.contracts.sections import Outcome, Summary


class LedgerUnavailable(Exception):
    """Raised when the database can't be reached in time: an accept may or may not have been committed."""


class Sealed(Frozen):
    """The sealed part of a row: everything personal that the booking worker needs to make the rebooking.

    `old` and `new` are the booked and the chosen timeslot as read; `summary` is the yellow box that the patient
    confirmed; `reason` is the comment when the chosen timeslot takes one, else None.
    """

    identity: Identity
    old: Timeslot
    new: Timeslot
    reason: str | None = None
    phone: str | None = None
    notification: str | None = None
    summary: Summary
    language: Language


@dataclass(frozen=True)
class NewRebooking:
    """What the gateway asks the ledger to accept. `content_sha256` is the hash of the command's own content.

    `facility_from` has the booking, `facility_to` is the target (both the catalogue's ids); `producer` is the
    target's booking system. `settle` is its settling time in seconds; `language` the rebooking's.
    """

    rebooking_id: str
    command_id: str
    content_sha256: str
    subject_hmac: str
    sealed: bytes
    facility_from: str
    facility_to: str
    booking_id: str
    producer: str
    settle: float
    language: Language
    traceparent: str | None = None


@dataclass(frozen=True)
class LedgerEvent:
    """One thing that the patient is to be told of a row: the `n`-th, from 1, without holes."""

    row_id: str
    rebooking_id: str
    n: int
    outcome: Outcome


@dataclass(frozen=True)
class Accepted:
    """The row is committed: new, or the same command's from before (`repeated`)."""

    row_id: str
    event: LedgerEvent
    repeated: bool


@dataclass(frozen=True)
class KeyReused:
    """The command id was used in this rebooking with other content."""


@dataclass(frozen=True)
class InProgress:
    """The booking has an open rebooking, this one's or another's."""

    rebooking_id: str


AcceptOutcome = Accepted | KeyReused | InProgress


@dataclass(frozen=True)
class Told:
    """A row as a reader sees it: the last thing told of it.

    `language` is None for a row from before the ledger kept it.
    """

    row_id: str
    rebooking_id: str
    command_id: str
    subject_hmac: str
    facility_from: str
    facility_to: str
    booking_id: str
    new_booking_id: str | None
    language: Language | None
    created_at: dt.datetime
    n: int
    outcome: Outcome


class Accepting(Protocol):
    """The gateway's part of the ledger."""

    def accept(self, new: NewRebooking) -> AcceptOutcome:
        """Commit a row in ACCEPTED with its first event, or say why not. Raises LedgerUnavailable."""

    def read(self, rebooking_id: str) -> Told | None:
        """The last row of a rebooking; None when it never was confirmed, or was erased. Raises LedgerUnavailable."""

    def of_bookings(self, subject_hmac: str, bookings: list[tuple[str, str]]) -> list[Told]:
        """The last row of each of the subject's bookings, by (facility, booking id), old or new."""

    def first_booked(self, subject_hmac: str, facility: str, booking_id: str) -> tuple[str, str]:
        """The facility and id that a booking of the subject's had before the first of its moves."""

    def published(self, row_id: str, n: int) -> None:
        """Note that a row's n-th event stands in the event log."""

    def ping(self) -> None:
        """Return when the database answers. Raises LedgerUnavailable."""
