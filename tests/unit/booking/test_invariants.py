"""Whatever happens in whatever order, the saga's invariants hold.

Workers crash, messages come twice, time jumps, the booking system does everything it can do, and the facility moves the
booking; at the end the journal and what was told are compared. Source: the saga's rules 3.8.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.sections import OPEN_OUTCOMES, OutcomeState
from shared.ledger.port import Accepted, InProgress, KeyReused
from shared.ledger.transitions import OPEN
from tests.builders.booking import HOME, OTHER, SagaUnderTest

EXAMPLES = int(os.environ.get("OMBOKA_EXAMPLES", "60"))

MISHAPS = (
    "ok",
    "info",
    "error",
    "taken_silently",
    "lost",
    "not_applied",
    "late",
    "resend",
    "fault",
    "fault_applied",
    "vp004",
    "vp008",
    "vp009",
    "vp009_applied",
    "malformed",
    "malformed_applied",
    "not_reached",
    "hang",
    "crash_before",
    "crash_after",
)

actions = st.one_of(
    st.tuples(st.just("mishap"), st.sampled_from(MISHAPS)),
    st.tuples(st.just("step"), st.integers(0, 1)),
    st.tuples(st.just("pass"), st.sampled_from([0.5, 3.0, 11.0, 45.0, 100.0])),
    st.tuples(st.just("silent"), st.sampled_from([5.0, 60.0])),
    st.tuples(st.just("again"), st.sampled_from(["same", "other content", "other command"])),
    st.tuples(st.just("facility"), st.just(None)),
)


@given(
    first=st.sampled_from(MISHAPS),
    target=st.sampled_from([HOME, OTHER]),
    keeps_id=st.booleans(),
    late_by=st.sampled_from([5.0, 40.0, 80.0]),
    story=st.lists(actions, max_size=40),
)
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
def test_the_invariants_hold(
    first: str, target: str, keeps_id: bool, late_by: float, story: list[tuple[str, Any]]
) -> None:
    """I1–I7: it ends, at most one effective change, told truthfully, and one open rebooking for each booking."""
    saga = SagaUnderTest(mishap=first, keeps_id=keeps_id, late_by=late_by)
    try:
        asyncio.run(_tell(saga, target, story))
    finally:
        saga.close()


async def _tell(saga: SagaUnderTest, target: str, story: list[tuple[str, Any]]) -> None:
    accepted = await saga.accept(target=target)
    moved_by_facility = False
    for what, how in story:
        if what == "facility":
            moved_by_facility = moved_by_facility or not saga.system.journal
            if not saga.system.journal and not saga.system.later:
                saga.system.facility_moves_it()
        else:
            await _do(saga, accepted, what, how)
    saga.system.mishap, saga.system.silent_until = "ok", -1.0
    outcome = await saga.run(accepted, seconds=300_000)

    # I1: it ends, in the ledger.
    assert outcome.state not in OPEN_OUTCOMES
    row = saga.ledger.show(accepted.row_id)
    assert row is not None
    assert row["state"] not in {state.value for state in OPEN}

    # I2: at most one effective change, no more sends than commits of SENDING, and at most two that may have done it.
    assert len(saga.system.journal) <= 1
    assert saga.system.sends <= row["attempt"]
    assert len([one for one in row["attempts"] if one["proves"] != "not_sent"]) <= 2

    # I3: what is told is true, also after the watcher has looked again.
    await saga.watch()
    _told_truly(saga, saga.outcome(accepted).state)

    # I6 and one open rebooking: the same key is the same command, and a booking that has ended may be moved again.
    same = saga.ledger.accept(saga.new_rebooking(target=target, rebooking_id=accepted.event.rebooking_id))
    assert isinstance(same, Accepted)
    assert (same.repeated, same.row_id) == (True, accepted.row_id)


async def _do(saga: SagaUnderTest, accepted: Accepted, what: str, how: Any) -> None:
    match what:
        case "mishap":
            saga.system.mishap = how
        case "step":
            await saga.step(accepted.row_id, worker=how)
        case "pass":
            saga.system.move_time(how)
        case "silent":
            saga.system.silent_until = saga.clock.monotonic() + how
        case "again":
            _accept_again(saga, accepted, how)


def _accept_again(saga: SagaUnderTest, accepted: Accepted, how: str) -> None:
    is_open = saga.outcome(accepted).state in OPEN_OUTCOMES
    rebooking_id = accepted.event.rebooking_id
    if how == "same":
        again = saga.ledger.accept(saga.new_rebooking(rebooking_id=rebooking_id))
        assert isinstance(again, Accepted)
        assert again.row_id == accepted.row_id
    elif how == "other content":
        again = saga.ledger.accept(saga.new_rebooking(rebooking_id=rebooking_id, content_sha256="b" * 64))
        assert isinstance(again, KeyReused)
    elif is_open:
        again = saga.ledger.accept(saga.new_rebooking(command_id="c2"))
        assert again == InProgress(rebooking_id)


def _told_truly(saga: SagaUnderTest, state: OutcomeState) -> None:
    at_target = saga.is_at_target()
    if state is OutcomeState.CONFIRMED:
        assert at_target, "told as confirmed, and it is not there"
    if state in (OutcomeState.REJECTED, OutcomeState.NOT_APPLIED):
        assert not at_target, "told as not rebooked, and it is"
    if state is OutcomeState.OTHER_TIME:
        assert not at_target
        assert saga.system.booking.start != "20260203090000"
