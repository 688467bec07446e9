"""The world's rules: what is free, what a rebooking does, and what it refuses."""

from __future__ import annotations

import datetime as dt
import threading

import pytest

from services.simulator.people import patients
from services.simulator.world import Booking, Outcome, World
from tests.builders.simulator import HOME, NOW, OTHER, SUBJECTS, UNLISTED, a_booking, a_move, a_search, a_world

KEPT = {HOME: {"booking_id": "kept"}, OTHER: {"booking_id": "kept"}}
NEW = {HOME: {"booking_id": "new"}, OTHER: {"booking_id": "new"}}


def moved(world: World, facility: str = HOME) -> tuple[Outcome, World]:
    """Move the ordinary booking to the last free timeslot of a facility in the first window."""
    booking = a_booking(world)
    timeslot = world.timeslots(a_search(world, booking, facility), NOW)[-1]
    return world.update(a_move(world, booking, timeslot), NOW), world


def everything(world: World) -> list[object]:
    """All that can be seen of a world."""
    booking = a_booking(world)
    return [[world.bookings(subject) for subject in SUBJECTS], world.timeslots(a_search(world, booking), NOW)]


def test_the_same_seed_gives_the_same_world() -> None:
    """Two worlds of one seed and one now hold the same people, bookings and free timeslots."""
    assert everything(a_world()) == everything(a_world())


def test_another_seed_gives_another_world() -> None:
    """Worlds of different seeds differ in what is free."""
    assert everything(a_world(seed=1)) != everything(a_world(seed=2))


def test_free_timeslots_are_in_opening_hours_on_working_days() -> None:
    """Nobody is seen on a weekend, over lunch, before eight or after half past four."""
    # Given
    world = a_world()
    # When
    found = world.timeslots(a_search(world, a_booking(world)), NOW)
    # Then
    assert found
    assert {timeslot.start.weekday() for timeslot in found} == {0, 1, 2, 3, 4}
    assert all(dt.time(8) <= timeslot.start.time() and timeslot.end.time() <= dt.time(16, 30) for timeslot in found)
    assert not any(timeslot.start.hour == 12 for timeslot in found)


def test_past_times_are_not_offered() -> None:
    """At noon nothing that began before noon is free any more."""
    world = a_world()
    noon = NOW.replace(hour=12)
    found = world.timeslots(a_search(world, a_booking(world)), noon)
    assert min(timeslot.start for timeslot in found) > noon


def test_times_are_released_thirteen_months_ahead() -> None:
    """The last released day is the last day of the month thirteen months ahead."""
    world = a_world()
    search = a_search(world, a_booking(world), first_day=dt.date(2027, 2, 1), last_day=dt.date(2027, 3, 31))
    assert max(timeslot.start.date() for timeslot in world.timeslots(search, NOW)).month == 2


def test_the_bookings_time_type_steers_a_search() -> None:
    """A search that names no time type finds the booking's own alone."""
    world = a_world()
    booking = a_booking(world)
    found = world.timeslots(a_search(world, booking), NOW)
    assert {timeslot.resource.time_type for timeslot in found} == {booking.resource.time_type}


def test_a_search_for_a_performer_ignores_the_case_of_the_hsa_id() -> None:
    """Choosing a performer gives their times alone, however the HSA-id is written."""
    # Given
    world = a_world()
    booking = a_booking(world)
    performer = booking.resource.performer
    assert performer
    # When
    found = world.timeslots(a_search(world, booking, performers=(performer.hsa_id.lower(),)), NOW)
    # Then
    assert {timeslot.resource.performer for timeslot in found} == {performer}


def test_nothing_is_found_for_somebody_elses_booking() -> None:
    """A search with another patient's booking finds nothing."""
    world = a_world()
    search = a_search(world, a_booking(world), subject="191212121212")
    assert world.timeslots(search, NOW) == []


def test_days_are_those_with_a_free_timeslot() -> None:
    """The days of a search are exactly the days of its timeslots."""
    world = a_world()
    search = a_search(world, a_booking(world))
    days = {day for day, _ in world.days(search, NOW)}
    assert days == {timeslot.start.date() for timeslot in world.timeslots(search, NOW)}


def test_a_facility_may_have_free_days_of_its_own_choice() -> None:
    """`free_days` leaves those days alone, which is how a test gets an empty first window."""
    world = a_world({HOME: {"free_days": ["2026-03-03"], "free": 1.0}})
    search = a_search(world, a_booking(world), last_day=dt.date(2026, 3, 31))
    assert {day for day, _ in world.days(search, NOW)} == {dt.date(2026, 3, 3)}


def test_a_rebooking_moves_the_booking_and_keeps_its_identity() -> None:
    """OK: the booking has the new time under its old identity."""
    # Given
    world = a_world(KEPT)
    before = a_booking(world)
    # When
    outcome, _ = moved(world)
    # Then
    home = world.facility(HOME)
    assert home
    assert outcome.code == "OK"
    assert outcome.change
    assert world.booking(home, before.id) == outcome.change.after
    assert outcome.change.after.start != before.start


def test_a_rebooking_may_give_a_new_identity() -> None:
    """Where the facility says so the booking gets a new identity, and the old one is unknown."""
    # Given
    world = a_world(NEW)
    before = a_booking(world)
    # When
    outcome, _ = moved(world)
    # Then
    home = world.facility(HOME)
    assert home
    assert outcome.change
    assert outcome.change.after.id != before.id
    assert world.booking(home, before.id) is None
    assert world.booking(home, outcome.change.after.id) == outcome.change.after


def test_the_old_time_is_free_at_once_and_the_new_one_taken() -> None:
    """After a rebooking the free timeslots have the old time and lack the new one."""
    # Given
    world = a_world()
    before = a_booking(world)
    # When
    outcome, _ = moved(world)
    # Then
    assert outcome.change
    starts = {(time.resource.id, time.start) for time in world.timeslots(a_search(world, outcome.change.after), NOW)}
    assert (before.resource.id, before.start) in starts
    assert (outcome.change.after.resource.id, outcome.change.after.start) not in starts


def test_a_booking_can_be_moved_there_and_back() -> None:
    """The time that became free can be booked again, and then isn't free any more."""
    # Given
    world = a_world(KEPT)
    before = a_booking(world)
    outcome, _ = moved(world)
    assert outcome.change
    after = outcome.change.after
    old_time = next(
        time
        for time in world.timeslots(a_search(world, after), NOW)
        if (time.resource, time.start) == (before.resource, before.start)
    )
    # When
    back = world.update(a_move(world, after, old_time), NOW)
    # Then
    assert back.code == "OK"
    assert world.free_timeslot(a_move(world, before, old_time)) is None


def test_a_booking_can_be_moved_to_another_facility() -> None:
    """A listed facility takes the booking over: it is there, and no longer at the first."""
    # Given
    world = a_world(KEPT)
    before = a_booking(world)
    # When
    outcome, _ = moved(world, OTHER)
    # Then
    home, other = world.facility(HOME), world.facility(OTHER)
    assert home
    assert other
    assert outcome.change
    assert world.booking(home, before.id) is None
    assert world.booking(other, before.id) == outcome.change.after
    assert world.schedule(other, before.subject, NOW) == [outcome.change.after]


def test_a_timed_invitation_becomes_a_booking() -> None:
    """After a rebooking an invitation is one no more (contract description 3.3)."""
    world = a_world()
    invitation = a_booking(world, "docbook-invitation")
    timeslot = world.timeslots(a_search(world, invitation), NOW)[0]
    outcome = world.update(a_move(world, invitation, timeslot), NOW)
    assert outcome.change
    assert invitation.is_invitation
    assert not outcome.change.after.is_invitation


def test_reason_and_phone_are_kept_with_the_booking() -> None:
    """What the patient wrote is in the booking afterwards."""
    world = a_world()
    booking = a_booking(world)
    timeslot = world.timeslots(a_search(world, booking), NOW)[0]
    outcome = world.update(a_move(world, booking, timeslot, reason="Jag är bortrest", phone="070"), NOW)
    assert outcome.change
    assert (outcome.change.after.reason, outcome.change.after.phone) == ("Jag är bortrest", "070")


@pytest.mark.parametrize(("repeat", "code"), [("ok", "OK"), ("error", "ERROR")])
def test_the_same_rebooking_again_changes_nothing(repeat: str, code: str) -> None:
    """A repeated call on a kept identity is answered as the facility does, without a change."""
    # Given
    world = a_world({HOME: {"booking_id": "kept", "repeat": repeat}})
    booking = a_booking(world)
    move = a_move(world, booking, world.timeslots(a_search(world, booking), NOW)[0])
    world.update(move, NOW)
    # When
    again = world.update(move, NOW)
    # Then
    assert (again.code, again.change) == (code, None)


def test_the_same_rebooking_again_on_a_new_identity_is_refused() -> None:
    """When the identity has changed, the old one can't be moved again."""
    world = a_world(NEW)
    booking = a_booking(world)
    move = a_move(world, booking, world.timeslots(a_search(world, booking), NOW)[0])
    world.update(move, NOW)
    assert world.update(move, NOW) == Outcome("ERROR", "Bokningen är redan ombokad.")


def test_a_taken_timeslot_is_refused_and_the_booking_stays() -> None:
    """ERROR with the text of the contract description; the booking has its old time."""
    # Given
    world = a_world()
    booking = a_booking(world)
    move = a_move(world, booking, world.timeslots(a_search(world, booking), NOW)[0])
    world.reserve(move)
    # When
    outcome = world.update(move, NOW)
    # Then
    assert outcome == Outcome("ERROR", "Tiden har blivit upptagen av annan patient/invånare.")
    assert a_booking(world) == booking


@pytest.mark.parametrize("story", ["not-rebookable", "passed", "open-invitation"])
def test_what_cannot_be_rebooked_is_refused(story: str) -> None:
    """Not rebookable, passed, and an open invitation: ERROR, and no change."""
    # Given
    world = a_world()
    booking = a_booking(world, story)
    timeslot = world.timeslots(a_search(world, booking), NOW)[0]
    # When
    outcome = world.update(a_move(world, booking, timeslot), NOW)
    # Then
    assert (outcome.code, outcome.change) == ("ERROR", None)
    assert outcome.text


def test_a_facility_that_was_not_listed_is_refused() -> None:
    """A booking moves only to its own facility or to a listed one."""
    # Given
    world = a_world()
    booking = a_booking(world)
    elsewhere = world.timeslots(a_search(world, booking, UNLISTED), NOW)[0]
    # When
    outcome = world.update(a_move(world, booking, elsewhere), NOW)
    # Then
    assert outcome == Outcome("ERROR", "Bokningen kan inte bokas om här.")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"booking_id": "NONE"}, "Bokningen finns inte."),
        ({"subject": "191212121212"}, "Bokningen finns inte."),
        ({"start": NOW - dt.timedelta(days=1)}, "Den valda tiden har redan varit."),
        ({"time_type_id": "NONE"}, "Den valda tiden finns inte längre."),
    ],
)
def test_a_request_for_what_is_not_there_is_refused(changes: dict[str, object], text: str) -> None:
    """An unknown booking, somebody else's, a passed time and a time that never was: ERROR with its own text."""
    world = a_world()
    booking = a_booking(world)
    timeslot = world.timeslots(a_search(world, booking), NOW)[0]
    assert world.update(a_move(world, booking, timeslot, **changes), NOW) == Outcome("ERROR", text)


def test_a_patient_is_in_one_place_at_a_time() -> None:
    """A time that overlaps the patient's other booking at the facility is refused."""
    # Given a patient with two bookings at one facility
    world = a_world({OTHER: {"free": 1.0}})
    first, second = (booking for booking in world.bookings(SUBJECTS[7]) if booking.facility == OTHER)
    # When one is to be moved beside the other
    search = a_search(world, first, OTHER, last_day=dt.date(2026, 3, 15))
    timeslot = next(time for time in world.timeslots(search, NOW) if time.start == second.start)
    outcome = world.update(a_move(world, first, timeslot), NOW)
    # Then
    assert outcome == Outcome("ERROR", "Du har redan en bokad tid då.")


def test_of_many_at_once_one_gets_the_timeslot() -> None:
    """Eight patients ask for one timeslot from eight threads: one gets it, the others ERROR."""
    # Given
    world = a_world({HOME: {"free": 0.05}}, patients=40)
    wanted = world.timeslots(a_search(world, a_booking(world)), NOW)[0]
    everybody = [
        booking
        for patient in patients(40)
        for booking in world.bookings(patient.subject)
        if booking.facility == HOME and booking.start and booking.rebooking_allowed and booking.start > NOW
    ][:8]
    outcomes: list[Outcome] = []
    barrier = threading.Barrier(len(everybody))

    def ask(booking: Booking) -> None:
        barrier.wait()
        outcomes.append(world.update(a_move(world, booking, wanted), NOW))

    # When
    threads = [threading.Thread(target=ask, args=(booking,)) for booking in everybody]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Then
    assert sorted(outcome.code for outcome in outcomes) == ["ERROR"] * (len(everybody) - 1) + ["OK"]
