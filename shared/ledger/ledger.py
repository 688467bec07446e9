"""The ledger itself: accept, read, claim, move. Each is one transaction, and none is open during a call to anybody.

Synchronous: call it in a thread. Every time is the database's, or a test's. Source: the saga's rules 3.2 and 3.3.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from shared.contracts.identifiers import hsa_key
from shared.contracts.sections import Outcome, OutcomeState
from shared.ledger.engine import database_now, make_engine, transaction
from shared.ledger.port import (
    Accepted,
    AcceptOutcome,
    InProgress,
    KeyReused,
    LedgerEvent,
    NewRebooking,
    Sealed,
    Told,
)
from shared.ledger.tables import attempt, ledger_event, operator_note, rebooking_row
from shared.ledger.transitions import BLOCKING, OPEN, ForbiddenMove, RowState, check
from shared.sealing import Sealer

DEADLINE_SECONDS = 120.0
"""How long after accepting a rebooking may still be sent."""


@dataclass(frozen=True)
class Claimed:
    """A row that a worker has taken: what it held at that moment. Every write names its fence."""

    id: str
    fence: int
    rebooking_id: str
    command_id: str
    facility_from: str
    facility_to: str
    booking_id: str
    producer: str
    settle: float
    state: RowState
    reason: str | None
    attempt: int
    tries: int
    sent_at: float | None
    settle_until: float | None
    deadline_at: float
    created_at: float
    ended_at: float | None
    result_code: str | None
    result_text: str | None
    new_booking_id: str | None
    evidence: dict[str, Any]
    events: int
    traceparent: str | None
    now: float
    sealed: Sealed


class LostClaim(Exception):
    """Raised when a write names an old fence: somebody else has the row now, and nothing was written."""


class Ledger:
    """The ledger at an address."""

    def __init__(
        self,
        url: str,
        sealer: Sealer,
        *,
        now: Callable[[Connection], float] = database_now,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self.engine = make_engine(url)
        self._sealer = sealer
        self._now = now
        self._deadline = deadline

    def close(self) -> None:
        """Give the connections up."""
        self.engine.dispose()

    def ping(self) -> None:
        """Return when the database answers and has its tables."""
        with transaction(self.engine) as connection:
            connection.execute(select(rebooking_row.c.id).limit(1)).all()

    def now(self) -> float:
        """The ledger's time, seconds since the epoch."""
        with transaction(self.engine) as connection:
            return self._now(connection)

    # The gateway's part.

    def accept(self, new: NewRebooking) -> AcceptOutcome:
        """Commit a row in ACCEPTED with its first event, or say why not. Raises LedgerUnavailable."""
        try:
            with transaction(self.engine) as connection:
                found = self._of_command(connection, new)
                return found or self._insert(connection, new)
        except IntegrityError:
            # Somebody was quicker between the look and the insert: they tell what holds now.
            with transaction(self.engine) as connection:
                found = self._of_command(connection, new)
                if found is None:
                    raise
                return found

    def _of_command(self, connection: Connection, new: NewRebooking) -> AcceptOutcome | None:
        # The other one is looked for first: the same command, committed between the two looks, is then seen as itself.
        other = connection.execute(
            select(rebooking_row.c.rebooking_id).where(
                rebooking_row.c.facility_from == hsa_key(new.facility_from),
                rebooking_row.c.booking_key == self._booking_key(new.booking_id),
                rebooking_row.c.state.in_([state.value for state in BLOCKING]),
            )
        ).first()
        row = connection.execute(
            select(rebooking_row.c.id, rebooking_row.c.content_sha256).where(
                rebooking_row.c.rebooking_id == new.rebooking_id, rebooking_row.c.command_id == new.command_id
            )
        ).first()
        if row is not None:
            if row.content_sha256 != new.content_sha256:
                return KeyReused()
            event = self._last_event(connection, row.id)
            if event is None:
                return KeyReused()  # so old that it has been erased
            return Accepted(row.id, event, repeated=True)
        return InProgress(other.rebooking_id) if other is not None else None

    def _insert(self, connection: Connection, new: NewRebooking) -> Accepted:
        now = self._now(connection)
        row_id = uuid.uuid4().hex
        connection.execute(
            insert(rebooking_row).values(
                id=row_id,
                rebooking_id=new.rebooking_id,
                command_id=new.command_id,
                content_sha256=new.content_sha256,
                subject_hmac=new.subject_hmac,
                sealed=new.sealed,
                facility_from=hsa_key(new.facility_from),
                facility_to=hsa_key(new.facility_to),
                booking_key=self._booking_key(new.booking_id),
                booking_id=new.booking_id,
                producer=new.producer,
                settle=new.settle,
                state=RowState.ACCEPTED.value,
                attempt=0,
                tries=0,
                fence=0,
                next_at=now,
                deadline_at=now + self._deadline,
                evidence={},
                events=1,
                traceparent=new.traceparent,
                language=new.language,
                created_at=now,
                updated_at=now,
            )
        )
        outcome = Outcome(state=OutcomeState.ACCEPTED, command_id=new.command_id, updated_at=_utc(now))
        event = self._insert_event(connection, row_id, new.rebooking_id, 1, outcome, now)
        return Accepted(row_id, event, repeated=False)

    def read(self, rebooking_id: str) -> Told | None:
        """The last row of a rebooking; None when it never was confirmed, or was erased. Raises LedgerUnavailable."""
        with transaction(self.engine) as connection:
            row = connection.execute(
                select(rebooking_row)
                .where(rebooking_row.c.rebooking_id == rebooking_id)
                .order_by(rebooking_row.c.created_at.desc())
                .limit(1)
            ).first()
            return self._told(connection, row) if row is not None else None

    def of_bookings(self, subject_hmac: str, bookings: list[tuple[str, str]]) -> list[Told]:
        """The last row of each of the subject's bookings, by (facility, booking id), old or new."""
        wanted = {(hsa_key(facility), booking_id) for facility, booking_id in bookings}
        with transaction(self.engine) as connection:
            rows = connection.execute(
                select(rebooking_row)
                .where(rebooking_row.c.subject_hmac == subject_hmac)
                .order_by(rebooking_row.c.created_at.desc())
                .limit(200)
            ).all()
            found: list[Told] = []
            seen: set[tuple[str, str | None]] = set()
            for row in rows:
                keys = {(row.facility_from, row.booking_id), (row.facility_to, row.new_booking_id)} & wanted
                if keys - seen:
                    seen |= keys
                    told = self._told(connection, row)
                    if told is not None:
                        found.append(told)
            return found

    def first_booked(self, subject_hmac: str, facility: str, booking_id: str) -> tuple[str, str]:
        """The facility and id that a booking of the subject's had before the first of its moves, if they are kept."""
        c = rebooking_row.c
        with transaction(self.engine) as connection:
            moves = connection.execute(
                select(c.facility_from, c.booking_id, c.facility_to, c.new_booking_id)
                .where(c.subject_hmac == subject_hmac, c.state == RowState.CONFIRMED.value)
                .order_by(c.created_at.desc())
                .limit(200)
            ).all()
        now = (hsa_key(facility), booking_id)
        for move in moves:  # each leads further back
            if (move.facility_to, move.new_booking_id or move.booking_id) == now:
                now = (move.facility_from, move.booking_id)
        return now

    def _told(self, connection: Connection, row: Row[Any]) -> Told | None:
        event = self._last_event(connection, row.id)
        if event is None:
            return None
        return Told(
            row_id=row.id,
            rebooking_id=row.rebooking_id,
            command_id=row.command_id,
            subject_hmac=row.subject_hmac,
            facility_from=row.facility_from,
            facility_to=row.facility_to,
            booking_id=row.booking_id,
            new_booking_id=row.new_booking_id,
            language=row.language,
            created_at=_utc(row.created_at),
            n=event.n,
            outcome=event.outcome,
        )

    # What is told.

    def published(self, row_id: str, n: int) -> None:
        """Note that a row's n-th event stands in the event log."""
        with transaction(self.engine) as connection:
            connection.execute(
                update(ledger_event)
                .where(ledger_event.c.row_id == row_id, ledger_event.c.n == n)
                .values(published_at=self._now(connection))
            )

    def unpublished(self, *, older_than: float = 0.0, limit: int = 100) -> list[LedgerEvent]:
        """The events that the log may lack: oldest first and in order within each row."""
        with transaction(self.engine) as connection:
            old = ledger_event.c.at <= self._now(connection) - older_than if older_than > 0 else true()
            return self._untold(connection, old, limit)

    def _untold(
        self, connection: Connection, which: ColumnElement[bool], limit: int | None = None
    ) -> list[LedgerEvent]:
        rows = connection.execute(
            select(ledger_event)
            .where(ledger_event.c.published_at.is_(None), which)
            .order_by(ledger_event.c.at, ledger_event.c.row_id, ledger_event.c.n)
            .limit(limit)
        ).all()
        return [self._event(row) for row in rows]

    def _insert_event(
        self, connection: Connection, row_id: str, rebooking_id: str, n: int, outcome: Outcome, now: float
    ) -> LedgerEvent:
        connection.execute(
            insert(ledger_event).values(
                row_id=row_id,
                n=n,
                rebooking_id=rebooking_id,
                state=outcome.state.value,
                payload=self._sealer.seal_model(outcome),
                at=now,
            )
        )
        return LedgerEvent(row_id, rebooking_id, n, outcome)

    def _last_event(self, connection: Connection, row_id: str) -> LedgerEvent | None:
        row = connection.execute(
            select(ledger_event).where(ledger_event.c.row_id == row_id).order_by(ledger_event.c.n.desc()).limit(1)
        ).first()
        return self._event(row) if row is not None else None

    def _event(self, row: Row[Any]) -> LedgerEvent:
        return LedgerEvent(row.row_id, row.rebooking_id, row.n, self._sealer.open_model(Outcome, row.payload))

    # The booking worker's part.

    def due(self, *, limit: int, without: Collection[str] = ()) -> list[tuple[str, str]]:
        """Rows (id, producer) with something to do that nobody holds: due, or left in SENDING by a dead worker.

        Rows of the producers in `without` are left out.
        """
        with transaction(self.engine) as connection:
            now = self._now(connection)
            c = rebooking_row.c
            rows = connection.execute(
                select(c.id, c.producer)
                .where(
                    c.producer.not_in(sorted(without)),
                    or_(c.lease_until.is_(None), c.lease_until <= now),
                    or_(
                        c.next_at <= now,
                        and_(c.state == RowState.SENDING.value, c.lease_until.is_not(None)),
                    ),
                )
                .order_by(c.next_at)
                .limit(limit)
            ).all()
            return [(row.id, row.producer) for row in rows]

    def claim(self, row_id: str, owner: str, *, lease: float) -> Claimed | None:
        """Take a row that is due and that nobody holds; ACCEPTED becomes PRECHECKED. None when there is none."""
        c = rebooking_row.c
        with transaction(self.engine) as connection:
            # Locked while it is read: whoever held it may be moving it just now, and its fence alone wouldn't say so.
            locked = select(rebooking_row).where(c.id == row_id).with_for_update(skip_locked=True)
            row = connection.execute(locked).first()
            now = self._now(connection)
            if row is None or row.sealed is None or not _is_due(row, now):
                return None
            state = RowState.PRECHECKED if row.state == RowState.ACCEPTED.value else RowState(row.state)
            taken = connection.execute(
                update(rebooking_row)
                .where(c.id == row_id, c.fence == row.fence)
                .values(
                    state=state.value, fence=row.fence + 1, lease_owner=owner, lease_until=now + lease, updated_at=now
                )
                .returning(rebooking_row)
            ).first()
            return self._claimed(taken, now) if taken is not None else None

    def renew(self, claimed: Claimed, *, lease: float) -> bool:
        """Hold a row for longer; False when it is somebody else's now."""
        with transaction(self.engine) as connection:
            now = self._now(connection)
            return self._write(connection, claimed, {"lease_until": now + lease}, now) is not None

    def lease_holds(self, claimed: Claimed) -> bool:
        """Whether the row is still this worker's, by the database's time."""
        c = rebooking_row.c
        with transaction(self.engine) as connection:
            row = connection.execute(select(c.fence, c.lease_until).where(c.id == claimed.id)).one()
            return bool(row.fence == claimed.fence and row.lease_until and row.lease_until > self._now(connection))

    def move(
        self,
        claimed: Claimed,
        state: RowState,
        *,
        outcome: Outcome | None,
        next_in: float | None,
        release: bool = True,
        **values: Any,
    ) -> tuple[Claimed, list[LedgerEvent]]:
        """Commit a row's new state and what the patient is told of it, in one transaction; SENDING begins an attempt.

        `next_in` = seconds until there is something to do again, None = never. Returns what is now to be told: this
        event, after those of the row that the log may lack. Raises LostClaim, ForbiddenMove.
        """
        check(claimed.state, state)
        return self._commit(claimed, state, outcome, next_in, release, values)

    def stay(
        self,
        claimed: Claimed,
        *,
        next_in: float | None,
        outcome: Outcome | None = None,
        release: bool = True,
        **values: Any,
    ) -> tuple[Claimed, list[LedgerEvent]]:
        """Keep a row's state, note what was found, and say when to look again; as `move` else. Raises LostClaim."""
        return self._commit(claimed, claimed.state, outcome, next_in, release, values)

    def _commit(
        self,
        claimed: Claimed,
        state: RowState,
        outcome: Outcome | None,
        next_in: float | None,
        release: bool,
        values: dict[str, Any],
    ) -> tuple[Claimed, list[LedgerEvent]]:
        if isinstance(values.get("result_text"), str):
            values["result_text"] = self._sealer.seal(values["result_text"].encode())
        with transaction(self.engine) as connection:
            now = self._now(connection)
            written: dict[str, Any] = {
                "state": state.value,
                "next_at": now + next_in if next_in is not None else None,
                **values,
            }
            if release:
                written |= {"lease_owner": None, "lease_until": None}
            if state not in OPEN and claimed.state in OPEN:
                written["ended_at"] = now
            if outcome is not None:
                written["events"] = claimed.events + 1
            row = self._write(connection, claimed, written, now)
            if row is None:
                raise LostClaim(claimed.id)
            if state is RowState.SENDING and claimed.state is not state:
                connection.execute(insert(attempt).values(row_id=row.id, n=row.attempt, started_at=now))
            untold: list[LedgerEvent] = []
            if outcome is not None:
                outcome = outcome.model_copy(update={"updated_at": _utc(now)})
                untold = self._untold(connection, ledger_event.c.row_id == row.id)
                untold.append(self._insert_event(connection, row.id, row.rebooking_id, row.events, outcome, now))
            return self._claimed(row, now), untold

    def _write(self, connection: Connection, claimed: Claimed, values: dict[str, Any], now: float) -> Row[Any] | None:
        return connection.execute(
            update(rebooking_row)
            .where(rebooking_row.c.id == claimed.id, rebooking_row.c.fence == claimed.fence)
            .values(**values, updated_at=now)
            .returning(rebooking_row)
        ).first()

    def end_attempt(self, claimed: Claimed, n: int, **values: Any) -> None:
        """Note what an attempt has shown."""
        with transaction(self.engine) as connection:
            connection.execute(
                update(attempt)
                .where(attempt.c.row_id == claimed.id, attempt.c.n == n)
                .values(ended_at=self._now(connection), **values)
            )

    def _claimed(self, row: Row[Any], now: float) -> Claimed:
        return Claimed(
            id=row.id,
            fence=row.fence,
            rebooking_id=row.rebooking_id,
            command_id=row.command_id,
            facility_from=row.facility_from,
            facility_to=row.facility_to,
            booking_id=row.booking_id,
            producer=row.producer,
            settle=row.settle,
            state=RowState(row.state),
            reason=row.reason,
            attempt=row.attempt,
            tries=row.tries,
            sent_at=row.sent_at,
            settle_until=row.settle_until,
            deadline_at=row.deadline_at,
            created_at=row.created_at,
            ended_at=row.ended_at,
            result_code=row.result_code,
            result_text=self._sealer.open(row.result_text).decode() if row.result_text else None,
            new_booking_id=row.new_booking_id,
            evidence=dict(row.evidence or {}),
            events=row.events,
            traceparent=row.traceparent,
            now=now,
            sealed=self._sealer.open_model(Sealed, row.sealed),
        )

    def _booking_key(self, booking_id: str) -> str:
        return self._sealer.digest("booking", booking_id)

    # The operator's part.

    def listing(self, *, limit: int = 50, unresolved: bool = False) -> list[dict[str, Any]]:
        """Rows as an operator sees them, newest first; the unresolved ones oldest first. Nothing personal."""
        c = rebooking_row.c
        query = select(rebooking_row)
        if unresolved:
            states = [RowState.UNKNOWN.value, RowState.MANUAL.value]
            query = query.where(c.state.in_(states)).order_by(c.created_at)
        else:
            query = query.order_by(c.created_at.desc())
        with transaction(self.engine) as connection:
            return [_for_operator(row) for row in connection.execute(query.limit(limit)).all()]

    def show(self, some_id: str) -> dict[str, Any] | None:
        """One row by its own id or its rebooking's, with the booking's ids, attempts, evidence, events and notes."""
        c = rebooking_row.c
        with transaction(self.engine) as connection:
            row = connection.execute(
                select(rebooking_row)
                .where(or_(c.id == some_id, c.rebooking_id == some_id))
                .order_by(c.created_at.desc())
                .limit(1)
            ).first()
            if row is None:
                return None
            attempts = connection.execute(select(attempt).where(attempt.c.row_id == row.id).order_by(attempt.c.n)).all()
            told = connection.execute(
                select(ledger_event.c.n, ledger_event.c.state, ledger_event.c.at, ledger_event.c.published_at)
                .where(ledger_event.c.row_id == row.id)
                .order_by(ledger_event.c.n)
            ).all()
            notes = connection.execute(select(operator_note).where(operator_note.c.row_id == row.id)).all()
            return {
                **_for_operator(row),
                "booking_id": row.booking_id,
                "new_booking_id": row.new_booking_id,
                "evidence": row.evidence,
                "attempts": [_readable(one) for one in attempts],
                "told": [_readable(one) for one in told],
                "notes": [_readable(one) for one in notes],
            }

    def sealed(self, row_id: str) -> Sealed | None:
        """The personal part of a row; None when there is no such row, or that part was erased."""
        with transaction(self.engine) as connection:
            row = connection.execute(select(rebooking_row.c.sealed).where(rebooking_row.c.id == row_id)).first()
        return self._sealer.open_model(Sealed, row.sealed) if row is not None and row.sealed is not None else None

    def resolve(self, row_id: str, state: RowState, *, outcome: Outcome, reason: str, by: str) -> LedgerEvent:
        """Say what became of a row in MANUAL, with the operator's reason. Raises ForbiddenMove, LookupError."""
        c = rebooking_row.c
        with transaction(self.engine) as connection:
            row = connection.execute(select(rebooking_row).where(c.id == row_id).with_for_update()).first()
            if row is None:
                raise LookupError(row_id)
            before = RowState(row.state)
            check(before, state)
            if before is not RowState.MANUAL:
                raise ForbiddenMove(f"a row in {before.value} is the watcher's alone")
            now = self._now(connection)
            written = connection.execute(
                update(rebooking_row)
                .where(c.id == row_id, c.fence == row.fence)
                .values(
                    state=state.value,
                    fence=row.fence + 1,
                    events=row.events + 1,
                    next_at=None,
                    updated_at=now,
                    ended_at=now,
                )
            )
            if written.rowcount != 1:
                raise ForbiddenMove(f"row {row_id} has just been changed by somebody else")
            connection.execute(
                insert(operator_note).values(row_id=row_id, state=state.value, reason=reason, by=by, at=now)
            )
            outcome = outcome.model_copy(update={"updated_at": _utc(now), "command_id": row.command_id})
            return self._insert_event(connection, row_id, row.rebooking_id, row.events + 1, outcome, now)

    def purge(self, *, sealed_after: float, rows_after: float) -> tuple[int, int]:
        """Erase sealed parts and texts, and whole rows, of rebookings that ended so many seconds ago."""
        c = rebooking_row.c
        closed = c.state.not_in([state.value for state in BLOCKING])
        with transaction(self.engine) as connection:
            now = self._now(connection)
            old = closed & (c.ended_at <= now - sealed_after) & c.sealed.is_not(None)
            ids = [row.id for row in connection.execute(select(c.id).where(old)).all()]
            for chunk in _chunks(ids, 500):
                connection.execute(
                    update(rebooking_row).where(c.id.in_(chunk)).values(sealed=None, result_text=None, next_at=None)
                )
                connection.execute(ledger_event.delete().where(ledger_event.c.row_id.in_(chunk)))
            gone = connection.execute(rebooking_row.delete().where(closed & (c.ended_at <= now - rows_after)))
            return len(ids), int(gone.rowcount)

    def counts(self) -> dict[str, int]:
        """How many rows there are in each state: for metrics."""
        with transaction(self.engine) as connection:
            rows = connection.execute(select(rebooking_row.c.state, func.count()).group_by(rebooking_row.c.state)).all()
            return {str(state): int(count) for state, count in rows}


def _is_due(row: Row[Any], now: float) -> bool:
    free = row.lease_until is None or row.lease_until <= now
    left_behind = row.state == RowState.SENDING.value
    return free and (left_behind or (row.next_at is not None and row.next_at <= now))


def _for_operator(row: Row[Any]) -> dict[str, Any]:
    names = ("id", "rebooking_id", "state", "reason", "facility_from", "facility_to", "producer", "attempt", "tries")
    shown = {name: getattr(row, name) for name in names}
    times = ("created_at", "sent_at", "settle_until", "next_at", "ended_at")
    return shown | {
        name: _utc(value).isoformat() if (value := getattr(row, name)) is not None else None for name in times
    }


def _readable(row: Any) -> dict[str, Any]:
    return {
        name: _utc(value).isoformat() if value is not None and (name == "at" or name.endswith("_at")) else value
        for name, value in row._mapping.items()
        if name != "row_id"
    }


def _utc(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _chunks(ids: Sequence[str], size: int) -> list[Sequence[str]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
