"""Evidence: positive ends it at once, negative counts only after settling and by two looks apart."""

from __future__ import annotations

import random

import pytest

from services.booking.looks import Schedule, backoff, next_look
from services.booking.reconcile import Conclusion, Evidence, Look, Where, is_at_target, judge
from shared.configuration import Facility
from tests.builders.booking import a_booking, a_timeslot

NONE = Evidence()


def judged(where: Where, before: Evidence, *, now: float, was_rejected: bool = False) -> tuple[Conclusion, Evidence]:
    """Judge a look at a booking whose settling ends at 100."""
    return judge(Look(where, a_booking()), before, now=now, settle_until=100.0, was_rejected=was_rejected)


def test_being_at_the_target_ends_it_at_once() -> None:
    """However early the look."""
    assert judged(Where.AT_TARGET, NONE, now=1)[0] is Conclusion.CONFIRMED


@pytest.mark.parametrize("where", [Where.AT_OLD, Where.ELSEWHERE, Where.GONE, Where.SILENT])
def test_nothing_negative_counts_before_settling(where: Where) -> None:
    """A booking system may apply an update late."""
    conclusion, evidence = judged(where, NONE, now=99)
    assert conclusion is Conclusion.OPEN
    assert evidence == NONE


def test_two_looks_apart_settle_it() -> None:
    """One look after settling isn't enough, nor are two at once."""
    conclusion, first = judged(Where.AT_OLD, NONE, now=101)
    assert conclusion is Conclusion.OPEN
    assert judged(Where.AT_OLD, first, now=105)[0] is Conclusion.OPEN
    assert judged(Where.AT_OLD, first, now=111)[0] is Conclusion.NOT_APPLIED
    assert judged(Where.AT_OLD, first, now=111, was_rejected=True)[0] is Conclusion.REJECTED


def test_a_third_time_is_told_only_when_settled() -> None:
    """Somebody moved it; ours may still come."""
    _, first = judged(Where.ELSEWHERE, NONE, now=101)
    assert judged(Where.ELSEWHERE, first, now=112)[0] is Conclusion.OTHER_TIME


@pytest.mark.parametrize("between", [Where.SILENT, Where.GONE, Where.ELSEWHERE])
def test_another_look_between_begins_anew(between: Where) -> None:
    """Two looks count only when they say the same without interruption."""
    _, first = judged(Where.AT_OLD, NONE, now=101)
    _, second = judged(between, first, now=106)
    assert judged(Where.AT_OLD, second, now=120)[0] is Conclusion.OPEN


@pytest.mark.parametrize("where", [Where.GONE, Where.SILENT])
def test_an_id_that_is_gone_proves_nothing(where: Where) -> None:
    """Neither does silence, however long."""
    evidence = NONE
    for now in (200, 300, 100_000):
        conclusion, evidence = judged(where, evidence, now=now)
        assert conclusion is Conclusion.OPEN


def test_the_target_is_start_end_facility_and_what_both_say() -> None:
    """Performer, resource and time type count only where both name one; HSA-ids whatever their case."""
    facility = Facility(id="SE2321000016-1AAA", name="x", phone="1")
    new = a_timeslot().model_copy(update={"performer": "SE1-P1", "time_type_id": "T"})
    there = new.model_copy(update={"performer": "se1-p1", "resource_id": "R"})
    assert is_at_target(there, new, facility, "se2321000016-1aaa")
    assert not is_at_target(there.model_copy(update={"performer": "SE1-P2"}), new, facility, facility.id)
    assert not is_at_target(there.model_copy(update={"time_type_id": "U"}), new, facility, facility.id)
    assert not is_at_target(there.model_copy(update={"start": a_booking().start}), new, facility, facility.id)
    assert not is_at_target(there, new, facility, "SE2321000016-2BBB")


def test_looks_follow_the_schedule() -> None:
    """2, 5, 10 … 90 s after sending (±20 %), then each half minute, then rarer; soon after settling in any case."""
    schedule = Schedule()
    for since, wait in ((0, 2), (2, 3), (60, 15), (100, 30), (299, 30), (301, 299), (30_000, 56_400)):
        found = next_look(schedule, since_sent=since, until_settled=-1, chance=random.Random(since))
        assert wait * 0.8 <= found <= wait * 1.2, since
    assert next_look(schedule, since_sent=100, until_settled=3.5, chance=random.Random(1)) == 3.5


def test_backoff_has_full_jitter_and_a_ceiling() -> None:
    """U(0, min(20, 2^n)) seconds."""
    waits = [backoff(Schedule(), 10, random.Random(seed)) for seed in range(200)]
    assert max(waits) <= 20
    assert min(waits) < 2
