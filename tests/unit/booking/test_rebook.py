"""The story of a rebooking, told for each thing that can happen to it: what is true, and what the patient is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from services.booking.dispatcher import STEPS_FOR_EACH, Dispatcher
from services.booking.rebook import Saga
from services.booking.telling import Teller
from shared.contracts.sections import OutcomeState
from shared.ledger.port import Accepted, LedgerEvent
from tests.builders.booking import HOME, OTHER, SETTLE, SUBJECT, SagaUnderTest, a_booking, a_timeslot, open_gate


@pytest.fixture
def saga(tmp_path: Path) -> Iterator[SagaUnderTest]:
    """A saga under a virtual clock."""
    one = SagaUnderTest(tmp_path)
    yield one
    one.close()


async def test_ok_is_confirmed_without_a_text(saga: SagaUnderTest) -> None:
    """OK shows no text, though there is one; the box is what was sent."""
    accepted = await saga.accept()
    outcome = await saga.run(accepted)
    assert (outcome.state, outcome.result_text, outcome.notice) == (OutcomeState.CONFIRMED, None, None)
    assert outcome.summary is not None
    assert outcome.summary.heading.start == "10:00"
    assert saga.is_at_target()


async def test_who_changed_whose_what_is_noted(saga: SagaUnderTest) -> None:
    """Each move of a rebooking is in the audit log: by which role, on whose behalf, of which rebooking and command."""
    accepted = await saga.accept()
    await saga.run(accepted)
    noted = [(one.actor, one.actor_type, one.act, one.outcome) for one in saga.audit.noted]
    assert noted == [("booking", "system", "rebook", "sending"), ("booking", "system", "rebook", "confirmed")]
    whose = {(one.subject, one.of, one.command_id) for one in saga.audit.noted}
    assert whose == {(saga.sealer.owner(SUBJECT), accepted.event.rebooking_id, "c1")}


async def test_info_is_confirmed_with_its_text(saga: SagaUnderTest) -> None:
    """INFO's text must be shown, under Information."""
    saga.system.mishap = "info"
    outcome = await saga.run(await saga.accept())
    assert (outcome.state, outcome.notice) == (OutcomeState.CONFIRMED, "Kom fastande.")
    assert outcome.summary is not None
    assert outcome.summary.rows[-1].text == "Kom fastande."


async def test_error_is_verified_and_rejected(saga: SagaUnderTest) -> None:
    """The booking is where it was; the text and the phone are told."""
    saga.system.mishap = "error"
    outcome = await saga.run(await saga.accept())
    assert (outcome.state, outcome.result_text, outcome.phone) == (OutcomeState.REJECTED, "Upptagen.", "08-1")
    assert not saga.is_at_target()


async def test_a_refused_second_delivery_is_confirmed(saga: SagaUnderTest) -> None:
    """The platform delivered twice: the first did it, the second said ERROR. The truth is told."""
    saga.system.mishap = "resend"
    outcome = await saga.run(await saga.accept())
    assert (outcome.state, outcome.result_text) == (OutcomeState.CONFIRMED, None)


async def test_an_error_that_cannot_be_verified_is_unknown_first(saga: SagaUnderTest) -> None:
    """Silent after ERROR: never "inte ombokad" unseen; it is told as rejected once it has settled."""
    saga.system.mishap = "error"
    accepted = await saga.accept()
    saga.system.silent_until = -1
    original = saga.system._look
    looks = iter([False, True])

    def silent_after_the_first() -> None:
        if next(looks, False):
            saga.system.silent_until = saga.clock.monotonic() + 60
        original()

    saga.system._look = silent_after_the_first  # type: ignore[method-assign]
    await saga.step(accepted.row_id)
    assert saga.outcome(accepted).state is OutcomeState.UNKNOWN
    outcome = await saga.run(accepted)
    assert (outcome.state, outcome.result_text) == (OutcomeState.REJECTED, "Upptagen.")


async def test_ok_that_is_contradicted_is_unknown(saga: SagaUnderTest) -> None:
    """The system says OK and has done nothing: not told as confirmed."""
    saga.system.mishap = "taken_silently"
    accepted = await saga.accept()
    await saga.step(accepted.row_id)
    assert saga.outcome(accepted).state is OutcomeState.UNKNOWN


async def test_ok_for_a_booking_that_is_nowhere_is_unknown(saga: SagaUnderTest) -> None:
    """Moved, under a new id, and moved on by the facility before the look: what no longer holds isn't confirmed."""
    saga.system.keeps_id = False

    async def moved_on(point: str) -> None:
        if point == "answer":
            saga.system.facility_moves_it()

    saga.system.gate = moved_on
    accepted = await saga.accept()
    await saga.step(accepted.row_id)
    assert saga.outcome(accepted).state is OutcomeState.UNKNOWN


@pytest.mark.parametrize("keeps_id", [True, False])
@pytest.mark.parametrize("target", [HOME, OTHER])
@pytest.mark.parametrize("mishap", ["lost", "fault_applied", "vp009_applied", "malformed_applied"])
async def test_an_unclear_answer_to_an_applied_update_is_found_out(
    saga: SagaUnderTest, mishap: str, target: str, keeps_id: bool
) -> None:
    """Under the same id or a new one, here or at another facility: confirmed, and sent once."""
    saga.system.mishap, saga.system.keeps_id = mishap, keeps_id
    outcome = await saga.run(await saga.accept(target=target))
    assert outcome.state is OutcomeState.CONFIRMED
    assert outcome.booking_id == ("B1" if keeps_id else "B2")
    assert saga.system.sends == 1
    assert len(saga.system.journal) == 1


@pytest.mark.parametrize(
    ("mishap", "sends", "state"),
    [
        ("fault", 2, OutcomeState.CONFIRMED),
        ("vp009", 2, OutcomeState.CONFIRMED),
        ("malformed", 2, OutcomeState.CONFIRMED),
        ("not_applied", 1, OutcomeState.NOT_APPLIED),  # its timeout and settling take it past the deadline
    ],
)
async def test_an_unapplied_update_is_sent_once_more_when_settled_in_time(
    saga: SagaUnderTest, mishap: str, sends: int, state: OutcomeState
) -> None:
    """At most twice, and one effective change; nothing is told as not done before it has settled."""
    saga.system.mishap = mishap
    outcome = await saga.run(await saga.accept())
    assert saga.clock.monotonic() >= SETTLE
    assert (saga.system.sends, outcome.state) == (sends, state)
    assert len(saga.system.journal) == sends - 1


async def test_an_update_applied_late_is_confirmed(saga: SagaUnderTest) -> None:
    """It comes after the timeout and before it has settled: seen, and never sent again."""
    saga.system.mishap, saga.system.late_by = "late", 80.0
    outcome = await saga.run(await saga.accept())
    assert outcome.state is OutcomeState.CONFIRMED
    assert saga.system.sends == 1


async def test_an_update_applied_after_it_was_told_as_not_done_is_told(saga: SagaUnderTest) -> None:
    """The watcher looks again; the change is an event, and nothing is undone."""
    saga.system.mishap, saga.system.late_by = "late", 400.0
    accepted = await saga.accept()
    assert (await saga.run(accepted)).state is OutcomeState.NOT_APPLIED
    await saga.watch()
    assert saga.outcome(accepted).state is OutcomeState.CONFIRMED
    assert saga.is_at_target()


async def test_not_reached_is_tried_again(saga: SagaUnderTest) -> None:
    """No byte was written, so it may be."""
    saga.system.mishap = "not_reached"
    outcome = await saga.run(await saga.accept())
    assert outcome.state is OutcomeState.CONFIRMED
    assert saga.system.sends == 1


async def test_the_platforms_passing_trouble_is_tried_again(saga: SagaUnderTest) -> None:
    """VP008 comes before routing and passes."""
    saga.system.mishap = "vp008"
    outcome = await saga.run(await saga.accept())
    assert outcome.state is OutcomeState.CONFIRMED
    assert saga.system.sends == 2


async def test_a_missing_route_ends_it_as_not_eligible(saga: SagaUnderTest) -> None:
    """VP004: certainly not sent, and pointless to try again."""
    saga.system.mishap = "vp004"
    outcome = await saga.run(await saga.accept())
    assert outcome.state is OutcomeState.NOT_APPLIED
    assert outcome.problem is not None
    assert outcome.problem["reason"] == "contract_missing"


async def test_a_refusal_by_http_is_believed_only_after_a_look(saga: SagaUnderTest) -> None:
    """404 without SOAP: one look, then it ends as never sent, and the watcher looks once more."""
    saga.system.mishap = "http404"
    accepted = await saga.accept()
    outcome = await saga.run(accepted)
    assert outcome.state is OutcomeState.NOT_APPLIED
    assert outcome.problem is not None
    assert outcome.problem["type"].endswith("facility-unavailable")
    assert (saga.system.sends, saga.system.looks) == (1, 2)
    saga.system.apply(saga.system.requests[-1])
    await saga.watch()
    assert saga.outcome(accepted).state is OutcomeState.CONFIRMED


async def test_a_refusal_by_http_of_what_was_done_is_confirmed(saga: SagaUnderTest) -> None:
    """A proxy lost the answer and made up one of its own: the booking is at the new time."""
    saga.system.mishap = "http404_applied"
    assert (await saga.run(await saga.accept())).state is OutcomeState.CONFIRMED
    assert saga.is_at_target()


async def test_a_refusal_by_http_that_nobody_can_look_after_is_unknown(saga: SagaUnderTest) -> None:
    """Silence proves nothing: it is found out later."""
    saga.system.mishap = "http404"
    accepted = await saga.accept()

    async def falls_silent(point: str) -> None:
        if point == "answer":
            saga.system.silent_until = saga.clock.monotonic() + 60.0

    saga.system.gate = falls_silent
    await saga.step(accepted.row_id)
    assert saga.outcome(accepted).state is OutcomeState.UNKNOWN
    saga.system.gate = open_gate
    assert (await saga.run(accepted)).state is OutcomeState.CONFIRMED


async def test_waiting_is_told_while_an_update_takes_long(saga: SagaUnderTest) -> None:
    """Still sending, said to be waiting, with the phone; it is sent once and ends as if nothing had been."""
    saga.schedule = replace(saga.schedule, waiting_told_after=0.01)
    worker = saga.a_worker("patient")
    accepted = await saga.accept()
    told = []

    async def takes_long(point: str) -> None:
        while point == "answer" and not told:
            outcome = saga.outcome(accepted)
            told.extend([outcome] if outcome.waiting else [])
            await asyncio.sleep(0)

    saga.system.gate = takes_long
    await worker.step(accepted.row_id)
    worker.close()
    assert [(one.state, one.phone) for one in told] == [(OutcomeState.SENDING, "08-1")]
    assert saga.outcome(accepted).state is OutcomeState.CONFIRMED
    assert saga.system.sends == 1


async def test_an_ok_waits_for_its_look_only_so_long(saga: SagaUnderTest) -> None:
    """Both calls of a look together: an OK that no look answers in time is told, and looked at again later."""
    saga.schedule = replace(saga.schedule, look_patience=0.05)
    worker = saga.a_worker("patient")
    accepted = await saga.accept()

    async def hangs(point: str) -> None:
        if point == "look" and saga.system.sends:
            await asyncio.Event().wait()

    saga.system.gate = hangs
    await worker.step(accepted.row_id)
    worker.close()
    assert saga.outcome(accepted).state is OutcomeState.CONFIRMED
    row = saga.ledger.show(accepted.row_id)
    assert row is not None
    assert row["evidence"]["verified"] is False
    assert row["next_at"] is not None


@pytest.mark.parametrize(
    ("mishap", "ends"),
    [(None, OutcomeState.NOT_APPLIED), ("lost", OutcomeState.MANUAL), ("crash_after", OutcomeState.MANUAL)],
)
async def test_what_the_configuration_no_longer_has_comes_to_an_end(
    saga: SagaUnderTest, mishap: str | None, ends: OutcomeState
) -> None:
    """Never sent: at its deadline, and the booking is free again. Sent: a person has to ask, and no phone is shown."""
    accepted = await saga.accept()
    if mishap is not None:
        saga.system.mishap, saga.system.silent_until = mishap, -1.0
        await saga.step(accepted.row_id)
    saga.configuration = saga.configuration.model_copy(update={"facilities": {}})
    saga.sagas[1].close()
    saga.schedule = replace(saga.schedule, give_up=900.0)
    saga.sagas[1] = saga.a_worker("later")
    outcome = await saga.run(accepted, seconds=2_000, worker=1)
    assert (outcome.state, outcome.phone) == (ends, None)


async def test_a_system_that_never_answers_ends_as_not_sent(saga: SagaUnderTest) -> None:
    """Nothing is sent blindly: without a look beforehand it ends as not applied, saying why."""
    saga.system.silent_until = 1e9
    outcome = await saga.run(await saga.accept())
    assert outcome.state is OutcomeState.NOT_APPLIED
    assert outcome.problem is not None
    assert outcome.problem["type"].endswith("facility-unavailable")
    assert saga.system.sends == 0


async def test_a_booking_moved_meanwhile_is_told_and_not_sent(saga: SagaUnderTest) -> None:
    """The time that really holds is told."""
    accepted = await saga.accept()
    saga.system.facility_moves_it()
    outcome = await saga.run(accepted)
    assert outcome.state is OutcomeState.OTHER_TIME
    assert outcome.summary is not None
    assert outcome.summary.heading.date == "2026-03-01"
    assert saga.system.sends == 0


async def test_a_booking_no_longer_rebookable_is_rejected(saga: SagaUnderTest) -> None:
    """The last look decides, not the page that was shown."""
    accepted = await saga.accept()
    saga.system.booking = saga.system.booking.model_copy(update={"rebooking_allowed": False})
    outcome = await saga.run(accepted)
    assert outcome.state is OutcomeState.REJECTED
    assert saga.system.sends == 0


async def test_what_can_never_be_proven_is_for_a_person(saga: SagaUnderTest) -> None:
    """Silent for a day after an unclear answer: manual, with the phone."""
    saga.system.mishap = "lost"
    accepted = await saga.accept()
    await saga.step(accepted.row_id)
    saga.system.silent_until = 1e9
    outcome = await saga.run(accepted, seconds=200_000)
    assert (outcome.state, outcome.phone) == (OutcomeState.MANUAL, "08-1")


@pytest.mark.parametrize(
    ("old", "new", "earliest", "latest"),
    [
        ("20260203090000", "20260116070000", 400, 1_000),
        ("20260116070000", "20260210100000", 400, 1_000),
        ("20260203090000", "20260116095900", 6_900, 8_000),
        ("20260203090000", "20260210100000", 86_400, 90_000),
    ],
    ids=["to a time within a day", "from a time within a day", "to one that comes within a day", "neither"],
)
async def test_a_person_is_asked_sooner_when_a_time_is_near(
    saga: SagaUnderTest, old: str, new: str, earliest: float, latest: float
) -> None:
    """Less than 24 hours before either time nobody waits for a day: five minutes after settling it is for a person."""
    saga.system.booking = a_booking(old, old[:-4] + "5900")
    saga.system.mishap = "lost"
    accepted = await saga.accept(new=a_timeslot(new, new[:-4] + "5959"))
    await saga.step(accepted.row_id)
    saga.system.silent_until = 1e9
    assert (await saga.run(accepted, seconds=earliest - 10)).state is OutcomeState.UNKNOWN
    assert (await saga.run(accepted, seconds=200_000)).state is OutcomeState.MANUAL
    assert saga.clock.monotonic() <= latest


@pytest.mark.parametrize("mishap", ["crash_before", "crash_after"])
async def test_a_worker_that_dies_while_sending_leaves_the_row_to_another(saga: SagaUnderTest, mishap: str) -> None:
    """Whoever finds a row in SENDING never sends: it finds out, once the lease has ended."""
    saga.system.mishap = mishap
    accepted = await saga.accept()
    await saga.step(accepted.row_id)
    row = saga.ledger.show(accepted.row_id)
    assert row is not None
    assert row["state"] == "sending"
    assert saga.ledger.due(limit=10) == []
    saga.system.move_time(saga.schedule.lease + 1)
    assert [row_id for row_id, _ in saga.ledger.due(limit=10)] == [accepted.row_id]
    await saga.step(accepted.row_id, worker=1)
    assert saga.system.sends == 1
    outcome = await saga.run(accepted, worker=1)
    assert (outcome.state is OutcomeState.CONFIRMED) == saga.is_at_target()
    assert len(saga.system.journal) == 1


@pytest.mark.parametrize("settle", [5.0, 12.0, 14.0, 17.0, 90.0])
async def test_a_settled_negative_is_found_as_soon_as_it_counts(saga: SagaUnderTest, settle: float) -> None:
    """A worker died, nothing was applied: sent once more after the lease, settling, ten seconds and the ticks.

    Whatever other looks fall between the two that count.
    """
    saga.system.mishap = "crash_before"
    accepted = await saga.accept(settle=settle)
    began = saga.clock.monotonic()
    assert (await saga.run(accepted)).state is OutcomeState.CONFIRMED
    ((applied_at, _),) = saga.system.journal
    ticks = 4.0  # one for the dead lease, one for each of the two looks, one for sending
    assert applied_at - began <= saga.schedule.lease + settle + saga.schedule.two_looks_apart + ticks


async def test_what_was_sent_once_is_watched_though_it_ends_unsent(saga: SagaUnderTest) -> None:
    """Settled, to be sent once more, never reached again: an update applied later than believed is still told."""
    saga.system.mishap, saga.system.late_by = "late", 300.0
    accepted = await saga.accept(settle=20.0)
    await saga.run(accepted, seconds=38.0)
    while (row := saga.ledger.show(accepted.row_id)) is not None and row["state"] != "prechecked":
        saga.system.move_time(1.0)
        for row_id, _ in saga.ledger.due(limit=10):
            await saga.step(row_id)
    saga.system.silent_until = saga.clock.monotonic() + 100.0
    outcome = await saga.run(accepted)
    assert (outcome.state, saga.system.sends) == (OutcomeState.NOT_APPLIED, 1)
    await saga.watch()
    assert saga.outcome(accepted).state is OutcomeState.CONFIRMED


async def test_the_watcher_learns_the_id_that_no_look_could_say(saga: SagaUnderTest) -> None:
    """An OK that couldn't be looked at is told without an id; found later, the booking is followed by its new one."""
    saga.system.keeps_id, saga.system.gate = False, saga.system.silent_from_the_answer_on
    accepted = await saga.accept()
    assert (await saga.run(accepted)).state is OutcomeState.CONFIRMED
    row = saga.ledger.show(accepted.row_id)
    assert row is not None
    assert (row["new_booking_id"], row["evidence"]["verified"]) == (None, False)
    await saga.watch()
    row = saga.ledger.show(accepted.row_id)
    assert row is not None
    assert (row["new_booking_id"], row["evidence"]["verified"]) == (saga.system.booking.booking_id, True)
    assert saga.outcome(accepted).state is OutcomeState.CONFIRMED


async def test_the_watcher_takes_no_other_booking_for_the_one_that_it_has_seen(saga: SagaUnderTest) -> None:
    """The facility moves the booking on, and another of the patient's comes to stand at its time: the id stays."""
    saga.system.keeps_id, saga.system.gate = False, saga.system.silent_from_the_answer_on
    accepted = await saga.accept()
    await saga.run(accepted)
    saga.system.move_time(310.0)
    await saga.step(accepted.row_id)
    moved = saga.system.booking
    saga.system.facility_moves_it()
    saga.system.another = moved.model_copy(update={"booking_id": "B9"})
    saga.system.move_time(1_600.0)
    await saga.step(accepted.row_id)
    row = saga.ledger.show(accepted.row_id)
    assert row is not None
    assert (row["new_booking_id"], row["next_at"]) == (moved.booking_id, None)


async def test_who_was_not_there_and_then_is_calls_nobody_any_more(saga: SagaUnderTest) -> None:
    """Found at its old time by the first watch, and by the second where it was told to be: its reason goes."""
    saga.system.gate = saga.system.silent_from_the_answer_on
    accepted = await saga.accept()
    await saga.run(accepted)
    moved, found = saga.system.booking, []
    for booking, later in ((a_booking(), 310.0), (moved, 1_600.0)):
        saga.system.booking = booking
        saga.system.move_time(later)
        await saga.step(accepted.row_id)
        row = saga.ledger.show(accepted.row_id)
        assert row is not None
        found.append((row["reason"], row["evidence"]["verified"], row["next_at"] is None))
    assert found == [("not_there", False, False), (None, True, True)]


async def test_a_row_is_taken_by_one_worker(saga: SagaUnderTest) -> None:
    """A repeated message, or the dispatcher beside it, finds nothing to do."""
    accepted = await saga.accept()
    first = saga.ledger.claim(accepted.row_id, "one", lease=10)
    assert first is not None
    assert saga.ledger.claim(accepted.row_id, "two", lease=10) is None
    saga.system.move_time(11)
    second = saga.ledger.claim(accepted.row_id, "two", lease=10)
    assert second is not None
    assert second.fence > first.fence


async def test_an_update_waits_for_no_event_log(saga: SagaUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """That it is being sent is told beside the sending; what comes of it is told after that all the same."""
    answered = asyncio.Event()

    async def gate(point: str) -> None:
        if point == "answer":
            answered.set()

    saga.system.gate = gate
    teller = saga.sagas[0]._deps.teller
    tell, order = teller.tell, []

    async def hanging(event: LedgerEvent) -> bool:
        if event.outcome.state is OutcomeState.SENDING:
            await answered.wait()
        order.append(event.outcome.state)
        return await tell(event)

    monkeypatch.setattr(teller, "tell", hanging)
    accepted = await saga.accept()
    await asyncio.wait_for(saga.step(accepted.row_id), 30)
    assert order[-2:] == [OutcomeState.SENDING, OutcomeState.CONFIRMED]


async def test_events_reach_the_log_in_order_and_once(saga: SagaUnderTest) -> None:
    """What couldn't be told goes before what follows it, and telling it again writes nothing."""
    saga.system.mishap = "lost"
    accepted = await saga.accept()
    saga.log.away = True
    await saga.step(accepted.row_id)
    assert len(saga.ledger.unpublished()) == 3
    saga.log.away = False
    await saga.run(accepted)
    assert saga.ledger.unpublished() == []
    await saga.sagas[0]._deps.teller.tell(accepted.event)
    view = await saga.log.read(accepted.event.rebooking_id)
    assert view is not None
    told = [json.loads(entry.public)["name"].partition(".")[2] for entry in view.entries[1:]]
    assert told == ["accepted", "sending", "unknown", "confirmed"]
    assert [entry.key.rpartition(":")[2] for entry in view.entries[1:]] == ["1", "2", "3", "4"]


async def test_a_pause_before_the_first_byte_does_not_send(saga: SagaUnderTest) -> None:
    """The clock is read after everything that is waited for, such as the purge of cached answers."""
    saga.pause_while_purging = 3.0
    accepted = await saga.accept()
    await saga.step(accepted.row_id)
    assert saga.system.sends == 0
    assert saga.outcome(accepted).state is OutcomeState.SENDING
    outcome = await saga.run(accepted)
    assert (outcome.state, saga.system.sends) == (OutcomeState.CONFIRMED, 1)


async def test_what_was_never_sent_has_moved_nothing(saga: SagaUnderTest) -> None:
    """Another booking of the patient's at the chosen time isn't this one: it is sent, not told as done."""
    times = ("20260210100000", "20260210102000")
    saga.system.another = a_booking(*times, healthcare_facility=OTHER, booking_id="B9")
    accepted = await saga.accept(target=OTHER)
    outcome = await saga.run(accepted)
    assert (outcome.state, saga.system.sends, len(saga.system.journal)) == (OutcomeState.CONFIRMED, 1, 1)


async def test_a_look_that_breaks_in_an_unforeseen_way_saw_nothing(saga: SagaUnderTest) -> None:
    """It counts as silence, so that the row goes on to an end instead of beginning anew for ever."""
    saga.system.breaks = True
    accepted = await saga.accept()
    outcome = await saga.run(accepted)
    assert (outcome.state, saga.system.sends) == (OutcomeState.NOT_APPLIED, 0)


async def test_a_full_booking_systems_rows_leave_room(saga: SagaUnderTest) -> None:
    """However many rows of one booking system are due, the dispatcher begins a few, and another system's at once."""
    begun: list[str] = []
    goes_on = asyncio.Event()

    class Held:
        def free_places(self) -> dict[str, bool]:
            return {"north": True}

        async def step(self, row_id: str) -> None:
            begun.append(row_id)
            await goes_on.wait()

    for n in range(100):
        saga.ledger.accept(saga.new_rebooking(booking_id=f"N{n}"))
    dispatcher = Dispatcher(saga.ledger, cast(Saga, Held()), Teller(saga.log))
    await dispatcher.tick()
    await asyncio.sleep(0)
    assert len(begun) == STEPS_FOR_EACH
    other = saga.ledger.accept(saga.new_rebooking(booking_id="S1", producer="south"))
    assert isinstance(other, Accepted)
    await dispatcher.tick()
    await asyncio.sleep(0)
    assert begun[STEPS_FOR_EACH:] == [other.row_id]
    goes_on.set()
    await dispatcher.drain()
