"""The states of a rebooking and the ways between them. Pure.

SENDING is committed before the first byte is written, and whoever finds a row in SENDING never sends, only finds out.
That alone closes a crash before the write, a redelivery, a repeated message and two workers.
Source: the saga's rules 3.1.
"""

from __future__ import annotations

from enum import StrEnum

from shared.contracts.sections import OutcomeState


class RowState(StrEnum):
    """Where a row stands."""

    ACCEPTED = "accepted"
    """Committed, nothing done yet."""
    PRECHECKED = "prechecked"
    """Taken by a worker; certainly nothing is sent, or what was sent certainly wasn't received."""
    SENDING = "sending"
    """The request may have been written. From here on only looking proves anything."""
    UNKNOWN = "unknown"
    """Sent, and nobody knows what became of it."""
    CONFIRMED = "confirmed"
    """The booking is at the new time."""
    REJECTED = "rejected"
    """The booking system said no, and the booking is where it was."""
    NOT_APPLIED = "not_applied"
    """Never sent, or settled to have changed nothing."""
    OTHER_TIME = "other_time"
    """The booking is at a third time: somebody else moved it."""
    MANUAL = "manual"
    """Nothing can be proven: a person has to ask the facility."""


S = RowState

ALLOWED: dict[RowState, frozenset[RowState]] = {
    S.ACCEPTED: frozenset({S.PRECHECKED}),
    S.PRECHECKED: frozenset({S.SENDING, S.CONFIRMED, S.OTHER_TIME, S.REJECTED, S.NOT_APPLIED, S.UNKNOWN}),
    S.SENDING: frozenset({S.CONFIRMED, S.REJECTED, S.OTHER_TIME, S.UNKNOWN, S.PRECHECKED, S.NOT_APPLIED}),
    S.UNKNOWN: frozenset({S.CONFIRMED, S.REJECTED, S.NOT_APPLIED, S.OTHER_TIME, S.MANUAL, S.PRECHECKED}),
    S.NOT_APPLIED: frozenset({S.CONFIRMED, S.OTHER_TIME}),
    S.REJECTED: frozenset({S.CONFIRMED, S.OTHER_TIME}),
    S.MANUAL: frozenset({S.CONFIRMED, S.NOT_APPLIED, S.OTHER_TIME}),
    S.CONFIRMED: frozenset(),
    S.OTHER_TIME: frozenset(),
}
"""From each state, where a row may go. The watcher alone leaves NOT_APPLIED and REJECTED, an operator MANUAL."""

OPEN: frozenset[RowState] = frozenset({S.ACCEPTED, S.PRECHECKED, S.SENDING, S.UNKNOWN})
"""The states that a worker still has something to do in."""

BLOCKING: frozenset[RowState] = OPEN | {S.MANUAL}
"""The states in which the booking may have no second rebooking."""

TOLD: dict[RowState, OutcomeState] = {
    S.ACCEPTED: OutcomeState.ACCEPTED,
    S.SENDING: OutcomeState.SENDING,
    S.UNKNOWN: OutcomeState.UNKNOWN,
    S.CONFIRMED: OutcomeState.CONFIRMED,
    S.REJECTED: OutcomeState.REJECTED,
    S.NOT_APPLIED: OutcomeState.NOT_APPLIED,
    S.OTHER_TIME: OutcomeState.OTHER_TIME,
    S.MANUAL: OutcomeState.MANUAL,
}
"""What the patient is told in each state; PRECHECKED is told by nothing new."""


class ForbiddenMove(Exception):
    """Raised when a row would go where no way leads: a fault of ours, never of the outside."""


def check(before: RowState, after: RowState) -> None:
    """Raise ForbiddenMove unless a row may go from one state to the other."""
    if after not in ALLOWED[before]:
        raise ForbiddenMove(f"a row in {before.value} can't become {after.value}")
