"""The ledger's promises, the same for SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import event

from shared.contracts.sections import Outcome, OutcomeState
from shared.ledger.ledger import Claimed, Ledger, LostClaim
from shared.ledger.migrate import is_current, migrate
from shared.ledger.port import Accepted, InProgress, KeyReused, NewRebooking, Sealed
from shared.ledger.transitions import ForbiddenMove, RowState
from shared.presentation.yellow_box import yellow_box
from shared.sealing import Sealer
from tests.builders.booking import HOME, IDENTITY, OTHER, SUBJECT, a_booking, a_saga_configuration, a_timeslot

DAY = 24 * 3600.0


@dataclass
class Bench:
    """A ledger under a clock that the test moves."""

    ledger: Ledger
    sealer: Sealer
    url: str
    now: float = 1_800_000_000.0

    def a_rebooking(self, **changes: Any) -> NewRebooking:
        """What the gateway asks to accept: a booking's first rebooking."""
        new = a_timeslot()
        box = yellow_box(new, facility=a_saga_configuration().facility(HOME), language="sv")
        sealed = Sealed(identity=IDENTITY, old=a_booking(), new=new, summary=box, language="sv")
        values: dict[str, Any] = {
            "rebooking_id": uuid.uuid4().hex,
            "command_id": "c1",
            "content_sha256": "a" * 64,
            "subject_hmac": self.sealer.owner(SUBJECT),
            "sealed": self.sealer.seal_model(sealed),
            "facility_from": HOME,
            "facility_to": HOME,
            "booking_id": "B1",
            "producer": "north",
            "settle": 90.0,
            "language": "en",
        }
        return NewRebooking(**{**values, **changes})

    def accept(self, **changes: Any) -> Accepted:
        """Accept a rebooking."""
        accepted = self.ledger.accept(self.a_rebooking(**changes))
        assert isinstance(accepted, Accepted)
        return accepted

    def claim(self, row_id: str, owner: str = "one") -> Claimed:
        """Take a row for ten seconds."""
        claimed = self.ledger.claim(row_id, owner, lease=10.0)
        assert claimed is not None
        return claimed

    def move(self, claimed: Claimed, *states: RowState, next_in: float | None = 0.0) -> Claimed:
        """Move a row through states, telling each that is told."""
        for state in states:
            told = None if state is RowState.PRECHECKED else an_outcome(OutcomeState(state.value))
            claimed, _ = self.ledger.move(claimed, state, outcome=told, next_in=next_in, release=False)
        return claimed

    def end(self, row_id: str) -> None:
        """Bring an accepted row to NOT_APPLIED."""
        told = an_outcome(OutcomeState.NOT_APPLIED)
        self.ledger.move(self.claim(row_id), RowState.NOT_APPLIED, outcome=told, next_in=None)


def an_outcome(state: OutcomeState) -> Outcome:
    """Something to tell."""
    return Outcome(state=state, command_id="c1", updated_at=dt.datetime(2026, 1, 15, tzinfo=dt.UTC))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Each database in turn, with its tables."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/ledger.db" if sqlite else request.getfixturevalue("fresh_database_url")
    migrate(url)
    sealer = Sealer([Fernet.generate_key().decode()], "k" * 32)
    bench: Bench
    ledger = Ledger(url, sealer, now=lambda _: bench.now)
    bench = Bench(ledger, sealer, url)
    yield bench
    ledger.close()


def test_migrating_again_changes_nothing(bench: Bench) -> None:
    """A deployment may be run again and at once from several places."""
    accepted = bench.accept()
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(migrate, [bench.url] * 3))
    assert is_current(bench.url)
    assert bench.ledger.read(accepted.event.rebooking_id) is not None


def test_the_database_has_a_clock_of_its_own(bench: Bench) -> None:
    """Without a test's clock, times are the database's: seconds since the epoch that never run backwards."""
    ledger = Ledger(bench.url, bench.sealer)
    first, second = ledger.now(), ledger.now()
    ledger.close()
    assert dt.datetime.fromtimestamp(first, dt.UTC).year >= 2024
    assert second >= first


def test_an_accepted_rebooking_can_be_read(bench: Bench) -> None:
    """The row and its first event are there when accept returns."""
    accepted = bench.accept()
    told = bench.ledger.read(accepted.event.rebooking_id)
    assert told is not None
    assert (told.n, told.outcome.state, told.language) == (1, OutcomeState.ACCEPTED, "en")
    assert bench.ledger.read("nobody's") is None


def test_the_same_command_is_answered_the_same(bench: Bench) -> None:
    """Same id and content: the same row and its present state, also after its end; other content: key reused."""
    new = bench.a_rebooking()
    first = bench.ledger.accept(new)
    assert isinstance(first, Accepted)
    assert not first.repeated
    bench.end(first.row_id)
    again = bench.ledger.accept(new)
    assert isinstance(again, Accepted)
    assert (again.repeated, again.row_id, again.event.n) == (True, first.row_id, 2)
    assert again.event.outcome.state is OutcomeState.NOT_APPLIED
    assert bench.ledger.accept(replace(new, content_sha256="b" * 64)) == KeyReused()


@pytest.mark.parametrize("facility_from", [HOME, HOME.lower()])
def test_a_booking_has_one_open_rebooking(bench: Bench, facility_from: str) -> None:
    """Also from another tab to another target, and however the facility's id is spelled; after its end, anew."""
    first = bench.accept()
    second = bench.a_rebooking(facility_from=facility_from, facility_to=OTHER, command_id="c2")
    assert bench.ledger.accept(second) == InProgress(first.event.rebooking_id)
    bench.end(first.row_id)
    assert isinstance(bench.ledger.accept(second), Accepted)


def test_the_same_id_at_another_facility_is_another_booking(bench: Bench) -> None:
    """Booking ids are the issuing facility's own."""
    bench.accept()
    assert isinstance(bench.ledger.accept(bench.a_rebooking(facility_from=OTHER)), Accepted)


def test_manual_blocks_until_it_is_resolved(bench: Bench) -> None:
    """Nobody rebooks a booking of which nobody knows where it is; an operator's word, with a reason, opens it."""
    accepted = bench.accept()
    states = (RowState.SENDING, RowState.UNKNOWN, RowState.MANUAL)
    bench.move(bench.claim(accepted.row_id), *states, next_in=None)
    other = bench.a_rebooking(command_id="c2")
    assert bench.ledger.accept(other) == InProgress(accepted.event.rebooking_id)
    resolved = an_outcome(OutcomeState.NOT_APPLIED)
    bench.ledger.resolve(accepted.row_id, RowState.NOT_APPLIED, outcome=resolved, reason="Ringde.", by="op")
    assert isinstance(bench.ledger.accept(other), Accepted)
    shown = bench.ledger.show(accepted.row_id)
    assert shown is not None
    assert [note["reason"] for note in shown["notes"]] == ["Ringde."]
    assert shown["told"][-1]["state"] == "not_applied"


def test_only_manual_is_resolved_by_hand(bench: Bench) -> None:
    """What was told as not done can be found changed by the watcher alone."""
    accepted = bench.accept()
    bench.end(accepted.row_id)
    outcome = an_outcome(OutcomeState.CONFIRMED)
    with pytest.raises(ForbiddenMove):
        bench.ledger.resolve(accepted.row_id, RowState.CONFIRMED, outcome=outcome, reason="x", by="op")
    with pytest.raises(LookupError):
        bench.ledger.resolve("nobody", RowState.CONFIRMED, outcome=outcome, reason="x", by="op")


def test_fifty_at_once_open_one(bench: Bench) -> None:
    """Fifty threads confirm the same booking: one is accepted, the others are told of it."""
    wanted = [bench.a_rebooking(command_id=f"c{n}") for n in range(50)]
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(bench.ledger.accept, wanted))
    [accepted] = [one for one in answers if isinstance(one, Accepted)]
    others = [one for one in answers if one is not accepted]
    assert others == [InProgress(accepted.event.rebooking_id)] * 49


def test_the_same_command_at_once_is_one_row(bench: Bench) -> None:
    """A double click is one rebooking, and both are told of the same row."""
    new = bench.a_rebooking()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(bench.ledger.accept, [new] * 8))
    assert len({one.row_id for one in answers if isinstance(one, Accepted)}) == 1
    assert [one.repeated for one in answers if isinstance(one, Accepted)].count(False) == 1
    assert len(answers) == 8


def test_one_of_many_workers_gets_a_row(bench: Bench) -> None:
    """Workers that claim at once: one has it."""
    accepted = bench.accept()
    with ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(lambda n: bench.ledger.claim(accepted.row_id, f"w{n}", lease=10.0), range(8)))
    assert len([one for one in claims if one is not None]) == 1


def test_an_old_fence_writes_nothing(bench: Bench) -> None:
    """A worker that wakes after its lease finds the row taken: it can neither move, stay nor renew."""
    accepted = bench.accept()
    stale = bench.claim(accepted.row_id)
    bench.now += 11
    fresh = bench.claim(accepted.row_id, "two")
    assert fresh.fence > stale.fence
    with pytest.raises(LostClaim):
        bench.ledger.move(stale, RowState.UNKNOWN, outcome=None, next_in=0.0)
    with pytest.raises(LostClaim):
        bench.ledger.stay(stale, next_in=0.0, outcome=an_outcome(OutcomeState.ACCEPTED))
    assert not bench.ledger.renew(stale, lease=10.0)
    assert (bench.ledger.lease_holds(stale), bench.ledger.lease_holds(fresh)) == (False, True)
    told = bench.ledger.read(accepted.event.rebooking_id)
    assert told is not None
    assert told.n == 1


def test_a_lease_ends_unless_it_is_renewed(bench: Bench) -> None:
    """Held for ten seconds at a time."""
    claimed = bench.claim(bench.accept().row_id)
    bench.now += 8
    assert bench.ledger.renew(claimed, lease=10.0)
    bench.now += 8
    assert bench.ledger.lease_holds(claimed)
    bench.now += 3
    assert not bench.ledger.lease_holds(claimed)


def test_what_is_due(bench: Bench) -> None:
    """What nobody holds and whose time has come; what a dead worker left in SENDING; not what is left out."""
    first = bench.accept()
    second = bench.accept(booking_id="B2", producer="south")
    assert bench.ledger.due(limit=10, without={"north"}) == [(second.row_id, "south")]
    claimed = bench.move(bench.claim(first.row_id), RowState.SENDING, next_in=None)
    assert bench.ledger.due(limit=10) == [(second.row_id, "south")]
    bench.now += 11
    assert {row_id for row_id, _ in bench.ledger.due(limit=10)} == {first.row_id, second.row_id}
    assert not bench.ledger.lease_holds(claimed)


def test_no_forbidden_move_is_written(bench: Bench) -> None:
    """A way that the states don't have is an error of ours, and changes nothing."""
    claimed = bench.claim(bench.accept().row_id)
    with pytest.raises(ForbiddenMove):
        bench.ledger.move(claimed, RowState.MANUAL, outcome=an_outcome(OutcomeState.MANUAL), next_in=None)
    assert bench.ledger.counts() == {"prechecked": 1}


def test_whoever_moves_a_row_is_given_all_that_the_log_may_lack_of_it(bench: Bench) -> None:
    """In order, so that nothing is told before what came before it; of this row alone."""
    accepted, other = bench.accept(), bench.accept(booking_id="B2")
    sending = bench.move(bench.claim(accepted.row_id), RowState.SENDING)
    bench.ledger.published(accepted.row_id, 1)
    _, untold = bench.ledger.move(sending, RowState.UNKNOWN, outcome=an_outcome(OutcomeState.UNKNOWN), next_in=1.0)
    assert [(event.row_id, event.n) for event in untold] == [(accepted.row_id, 2), (accepted.row_id, 3)]
    _, none = bench.ledger.stay(bench.claim(other.row_id), next_in=1.0)
    assert none == []


def test_sending_begins_an_attempt(bench: Bench) -> None:
    """It is noted in the same commit that says that something may have been sent."""
    claimed = bench.claim(bench.accept().row_id)
    sending = an_outcome(OutcomeState.SENDING)
    claimed, _ = bench.ledger.move(claimed, RowState.SENDING, outcome=sending, next_in=1.0, release=False, attempt=1)
    bench.ledger.stay(claimed, next_in=1.0, outcome=sending, release=False)
    shown = bench.ledger.show(claimed.id)
    assert shown is not None
    assert [(one["n"], one["ended_at"]) for one in shown["attempts"]] == [(1, None)]
    bench.ledger.end_attempt(claimed, 1, proves="ambiguous", kind="broken")
    shown = bench.ledger.show(claimed.id)
    assert shown is not None
    assert shown["attempts"][0]["proves"] == "ambiguous"


def test_events_are_numbered_and_kept_until_published(bench: Bench) -> None:
    """Each told state is an event without holes in its numbers, unpublished until somebody says otherwise."""
    accepted = bench.accept()
    bench.move(bench.claim(accepted.row_id), RowState.SENDING, RowState.UNKNOWN)
    assert [event.n for event in bench.ledger.unpublished()] == [1, 2, 3]
    bench.ledger.published(accepted.row_id, 2)
    assert [event.n for event in bench.ledger.unpublished()] == [1, 3]
    assert bench.ledger.unpublished(older_than=5.0) == []
    bench.now += 6
    assert [event.outcome.state.value for event in bench.ledger.unpublished(older_than=5.0)] == ["accepted", "unknown"]


def test_a_subjects_bookings_find_their_rebookings(bench: Bench) -> None:
    """By the old id where it was; another subject's hash finds nothing."""
    accepted = bench.accept()
    owner = bench.sealer.owner(SUBJECT)
    [told] = bench.ledger.of_bookings(owner, [(HOME.lower(), "B1"), (OTHER, "B1")])
    assert told.row_id == accepted.row_id
    assert bench.ledger.of_bookings("somebody else", [(HOME, "B1")]) == []


def test_a_booking_is_followed_back_through_its_moves(bench: Bench) -> None:
    """To another facility and id, and on from there; a move that came to nothing, and another's, lead nowhere."""
    owner = bench.sealer.owner(SUBJECT)
    ways = (
        ({}, RowState.CONFIRMED, "B9"),
        ({"facility_from": OTHER, "facility_to": OTHER, "booking_id": "B9"}, RowState.NOT_APPLIED, "B10"),
        ({"facility_from": OTHER, "facility_to": OTHER, "booking_id": "B9"}, RowState.CONFIRMED, None),
        ({"facility_from": OTHER, "facility_to": HOME, "booking_id": "B9"}, RowState.CONFIRMED, "B11"),
    )
    for n, (changes, state, new_id) in enumerate(ways):
        bench.now += 1
        accepted = bench.accept(command_id=f"w{n}", **{"facility_to": OTHER, **changes})
        told = an_outcome(OutcomeState(state.value))
        bench.ledger.move(bench.claim(accepted.row_id), state, outcome=told, next_in=None, new_booking_id=new_id)
    assert bench.ledger.first_booked(owner, HOME.lower(), "B11") == (HOME, "B1")
    assert bench.ledger.first_booked(owner, OTHER, "B9") == (HOME, "B1")
    assert bench.ledger.first_booked(owner, OTHER, "B10") == (OTHER, "B10")
    assert bench.ledger.first_booked("somebody else", HOME, "B11") == (HOME, "B11")


def test_what_has_ended_is_erased_in_time(bench: Bench) -> None:
    """Thirty days after its end the personal part and the texts go, a year after it the row; open ones stay."""
    ended = bench.accept()
    still_open = bench.accept(booking_id="B2")
    bench.end(ended.row_id)
    periods = {"sealed_after": 30 * DAY, "rows_after": 365 * DAY}
    bench.now += 29 * DAY
    assert bench.ledger.purge(**periods) == (0, 0)
    bench.now += 2 * DAY
    assert bench.ledger.purge(**periods) == (1, 0)
    assert bench.ledger.read(ended.event.rebooking_id) is None
    assert bench.ledger.show(ended.row_id) is not None
    bench.now += 340 * DAY
    assert bench.ledger.purge(**periods) == (0, 1)
    assert bench.ledger.show(ended.row_id) is None
    assert bench.ledger.read(still_open.event.rebooking_id) is not None


def test_nothing_personal_is_shown_or_kept_open(bench: Bench) -> None:
    """Neither what an operator is shown nor the first column of the row holds the patient's number."""
    accepted = bench.accept()
    shown = repr(bench.ledger.show(accepted.row_id)) + repr(bench.ledger.listing()) + repr(bench.claim(accepted.row_id))
    assert SUBJECT.reveal() not in shown
    with bench.ledger.engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT * FROM rebooking_row").one()
    assert SUBJECT.reveal() not in repr([bytes(one) if isinstance(one, memoryview) else one for one in stored])


def test_a_row_is_never_taken_as_it_was_before_its_holder_moved_it(bench: Bench) -> None:
    """A slow holder moves the row while another takes it: one of the two is too late, and knows it.

    Taken as it was before, it would be sent a second time.
    """
    held = bench.claim(bench.accept().row_id)
    bench.now += 11.0
    holder = Ledger(bench.url, bench.sealer, now=lambda _: bench.now)
    told = an_outcome(OutcomeState.SENDING)
    moves: list[Future[Any]] = []

    def while_it_is_taken(_: object) -> float:
        if not moves:
            moves.append(threads.submit(holder.move, held, RowState.SENDING, outcome=told, next_in=0.0, release=False))
            wait(moves, timeout=0.5)
        return bench.now

    taker = Ledger(bench.url, bench.sealer, now=while_it_is_taken)
    try:
        with ThreadPoolExecutor(1) as threads:
            taken = taker.claim(held.id, "two", lease=10.0)
            late = isinstance(moves[0].exception(), LostClaim)
        assert (taken is None) != late
    finally:
        holder.close()
        taker.close()


def test_the_same_command_at_two_gateways_at_once_is_one_rebooking(bench: Bench) -> None:
    """One commits between the other's two looks: both are told "accepted", for one row, and neither "in progress"."""
    new = bench.a_rebooking()
    other = Ledger(bench.url, bench.sealer, now=lambda _: bench.now)
    quicker: list[Future[Any]] = []

    def after_the_first_look(*_: object) -> None:
        if not quicker:
            quicker.append(threads.submit(other.accept, new))
            wait(quicker, timeout=0.5)  # where the database lets only one in, it comes after

    event.listen(bench.ledger.engine, "after_cursor_execute", after_the_first_look)
    try:
        with ThreadPoolExecutor(1) as threads:
            answers = [bench.ledger.accept(new), quicker[0].result()]
        assert [type(one) for one in answers] == [Accepted, Accepted]
        assert len({one.row_id for one in answers}) == 1
        assert sorted(one.repeated for one in answers) == [False, True]
    finally:
        other.close()
