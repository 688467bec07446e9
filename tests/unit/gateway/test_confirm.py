"""Confirm: accepted by the ledger before it is told, once, and nothing else goes on while it is open."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.commands import LookUpTimeslots
from shared.contracts.sections import OutcomeState
from shared.ledger.port import Sealed
from shared.messaging.event_log import LogUnavailable
from tests.builders.gateway import OTHER, OWN, Gateway, a_booking, a_gateway, a_timeslot, a_token

OPEN = [OutcomeState.ACCEPTED, OutcomeState.SENDING, OutcomeState.UNKNOWN]
FINAL = [OutcomeState.CONFIRMED, OutcomeState.OTHER_TIME, OutcomeState.MANUAL]
TRY_AGAIN = [OutcomeState.REJECTED, OutcomeState.NOT_APPLIED]


def slug(body: dict[str, Any]) -> str:
    """A problem's slug."""
    return str(body["type"]).rpartition(":")[2]


async def confirmed(gateway: Gateway, state: OutcomeState) -> str:
    """A rebooking that was confirmed and has come to this."""
    rebooking_id = await gateway.to_summary()
    await gateway.command(rebooking_id, "confirm")
    if state is not OutcomeState.ACCEPTED:
        await gateway.tell_outcome(rebooking_id, state, n=2)
    return rebooking_id


async def test_what_the_ledger_is_asked_to_accept():
    """The booking and the chosen timeslot as read, the patient's names, comment and phone; personal data sealed."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        await gateway.tell_booking()
        await gateway.tell_facilities(OWN, OTHER)
        await gateway.command(rebooking_id, "choose_facilities", facilities=[OTHER])
        await gateway.tell_days("2026-02-02")
        ids = await gateway.tell_timeslots(a_timeslot(healthcare_facility=OTHER), facility=OTHER)
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        await gateway.command(rebooking_id, "give_details", comment="Ja", phone="070")
        await gateway.command(rebooking_id, "confirm", id="c1")
        (row,) = gateway.ledger.rows
        assert (row.rebooking_id, row.command_id, row.booking_id) == (rebooking_id, "c1", "B1")
        assert (row.facility_from, row.facility_to, row.producer, row.settle) == (OWN, OTHER, "solsken", 90)
        assert row.language == "sv"
        assert b"191212121212" not in row.sealed
        sealed = gateway.deps.sealer.open_model(Sealed, row.sealed)
        assert (sealed.old, sealed.new) == (a_booking(), a_timeslot(healthcare_facility=OTHER))
        assert (sealed.reason, sealed.phone, sealed.notification) == ("Ja", "070", "SMS")
        assert sealed.identity.subject.reveal() == "191212121212"
        assert (sealed.identity.given_name, sealed.identity.family_name) == ("Tolvan", "Tolvansson")
        assert sealed.summary.rows[-1].text == "Ja"


async def test_a_comment_that_is_not_asked_for_never_gets_to_the_ledger():
    """The chosen timeslot takes no message: reason is left out, also the free timeslot's own."""
    async with a_gateway() as gateway:
        rebooking_id, ids = await gateway.to_timeslots(a_timeslot(message_allowed=False, reason="free"))
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        await gateway.command(rebooking_id, "give_details", comment="Hemligt")
        await gateway.command(rebooking_id, "confirm")
        assert gateway.deps.sealer.open_model(Sealed, gateway.ledger.rows[0].sealed).reason is None


async def test_a_comment_that_is_required_is_refused_again_by_confirm():
    """Confirming without the details that the timeslot asks for is invalid, and nothing is committed."""
    async with a_gateway() as gateway:
        rebooking_id, ids = await gateway.to_timeslots()
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        body = await gateway.command(rebooking_id, "confirm", status=422)
        assert body["errors"][0]["field"] == "comment"
        assert gateway.ledger.rows == []


@pytest.mark.parametrize("missing", ["given_name", "family_name"])
async def test_a_token_without_a_name_cannot_confirm(missing: str) -> None:
    """The wire needs the names: without one nothing is committed, and the field says which."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary()
        token = a_token(**{missing: None})
        path = f"/v1/rebookings/{rebooking_id}/commands"
        answer = await gateway.post(path, {"id": "c1", "name": "confirm"}, token=token)
        body = await answer.json()
        assert (answer.status, body["errors"][0]["field"]) == (422, f"token.{missing}")
        assert gateway.ledger.rows == []


async def test_confirm_with_a_seq_that_a_choice_came_after():
    """What was looked through is what is confirmed: a later choice is told as booking-changed."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary()
        seen = (await gateway.snapshot(rebooking_id))["seq"]
        await gateway.command(rebooking_id, "give_details", comment="Annat")
        body = await gateway.command(rebooking_id, "confirm", status=409, seq=seen)
        assert slug(body) == "booking-changed"
        now = (await gateway.snapshot(rebooking_id))["seq"]
        await gateway.command(rebooking_id, "confirm", seq=now)
        assert len(gateway.ledger.rows) == 1


async def test_confirming_twice_with_the_same_id_is_once():
    """The same command gives the same answer, one row; its id with other content is key-reused."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary()
        first = await gateway.command(rebooking_id, "confirm", id="c1")
        assert await gateway.command(rebooking_id, "confirm", id="c1") == first
        body = await gateway.command(rebooking_id, "confirm", status=422, id="c1", seq=99)
        assert slug(body) == "key-reused"
        assert len(gateway.ledger.rows) == 1


@pytest.mark.parametrize("state", [*OPEN, OutcomeState.CONFIRMED])
async def test_the_same_confirmation_again_is_accepted_whoever_told_it_first(
    state: OutcomeState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway died between the ledger's commit and telling, and a worker told: the same answer, the same row."""

    async def away(*_: Any, **__: Any) -> None:
        raise LogUnavailable("away")

    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary()
        append = gateway.events.append
        monkeypatch.setattr(gateway.events, "append", away)
        await gateway.command(rebooking_id, "confirm", id="c1")
        monkeypatch.setattr(gateway.events, "append", append)
        await gateway.tell_outcome(rebooking_id, OutcomeState.ACCEPTED, n=1)
        if state is not OutcomeState.ACCEPTED:
            await gateway.tell_outcome(rebooking_id, state, n=2)
        await gateway.command(rebooking_id, "confirm", id="c1")
        assert len(gateway.ledger.rows) == 1


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize(
    ("name", "content"), [("confirm", {}), ("choose_day", {"date": "2026-02-03"}), ("retry", {"section": "days"})]
)
async def test_nothing_goes_on_while_the_outcome_is_open(
    state: OutcomeState, name: str, content: dict[str, Any]
) -> None:
    """Accepted, sending and unknown: every command is rebooking-in-progress."""
    async with a_gateway() as gateway:
        rebooking_id = await confirmed(gateway, state)
        body = await gateway.command(rebooking_id, name, status=409, **content)
        assert slug(body) == "rebooking-in-progress"


@pytest.mark.parametrize("state", FINAL)
async def test_nothing_goes_on_after_the_end(state: OutcomeState) -> None:
    """Confirmed, other_time and manual: every command is booking-changed."""
    async with a_gateway() as gateway:
        rebooking_id = await confirmed(gateway, state)
        body = await gateway.command(rebooking_id, "choose_day", status=409, date="2026-02-03")
        assert slug(body) == "booking-changed"


@pytest.mark.parametrize("state", TRY_AGAIN)
async def test_after_a_refused_try_one_goes_on(state: OutcomeState) -> None:
    """Another timeslot: the outcome goes, the day's timeslots are fetched again, comment and phone are kept."""
    async with a_gateway() as gateway:
        rebooking_id, ids = await gateway.to_timeslots(a_timeslot(), a_timeslot(start="20260202100000"))
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        await gateway.command(rebooking_id, "give_details", comment="Jag ombokar", phone="070-1")
        await gateway.command(rebooking_id, "confirm")
        await gateway.tell_outcome(rebooking_id, state, n=2)
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[1])
        message = gateway.last_look_up
        assert isinstance(message, LookUpTimeslots)
        assert str(message.date) == "2026-02-02"
        snapshot = await gateway.snapshot(rebooking_id)
        assert snapshot["outcome"] is None
        assert snapshot["sections"]["timeslots"]["state"] == "loading"
        details = snapshot["sections"]["details"]["data"]
        assert (details["comment"], details["phone"], details["complete"]) == ("Jag ombokar", "070-1", True)
        await gateway.command(rebooking_id, "confirm")
        assert len(gateway.ledger.rows) == 2


async def test_a_timeslot_that_is_gone_when_the_day_is_fetched_again_cannot_be_confirmed():
    """The refreshed list decides: what isn't in it any more is timeslot-unknown, before anything is committed."""
    async with a_gateway() as gateway:
        rebooking_id = await confirmed(gateway, OutcomeState.REJECTED)
        await gateway.command(rebooking_id, "give_details", comment="Jag ombokar")
        await gateway.tell_timeslots(a_timeslot(start="20260202140000"), first=1)
        body = await gateway.command(rebooking_id, "confirm", status=409)
        assert slug(body) == "timeslot-unknown"
        assert len(gateway.ledger.rows) == 1


async def test_a_timeslot_that_has_begun_cannot_be_confirmed():
    """Time passes between choosing and confirming: what has begun isn't sent."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary(a_timeslot(start="20260115093000"))
        gateway.clock.move(1800)
        body = await gateway.command(rebooking_id, "confirm", status=409)
        assert slug(body) == "timeslot-unknown"


async def test_a_ledger_that_cannot_be_reached_is_told_as_overloaded():
    """An accept that may or may not have been committed is 503; the same id tells the truth later."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary()
        gateway.ledger.broken = True
        body = await gateway.command(rebooking_id, "confirm", status=503, id="c1")
        assert slug(body) == "overloaded"
        gateway.ledger.broken = False
        await gateway.command(rebooking_id, "confirm", id="c1")
        assert len(gateway.ledger.rows) == 1


async def test_a_broker_that_is_down_does_not_hold_a_confirm():
    """The row is what counts: without a broker the dispatcher finds it."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary()
        gateway.publisher.broken = True
        await gateway.command(rebooking_id, "confirm")
        assert (await gateway.snapshot(rebooking_id))["outcome"]["state"] == "accepted"


async def test_a_booking_that_is_being_rebooked_elsewhere():
    """The ledger knows of another open rebooking of the same booking: rebooking-in-progress."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary()
        await gateway.command(rebooking_id, "confirm")
        new = gateway.ledger.rows[0]
        # the event log was lost, so the same booking is begun again
        gateway.events._logs.clear()
        gateway.events._by_index.clear()
        again = await gateway.to_summary()
        body = await gateway.command(again, "confirm", status=409)
        assert slug(body) == "rebooking-in-progress"
        assert gateway.ledger.rows == [new]
        # and what the first one came to can be read from the ledger
        kept = await gateway.snapshot(rebooking_id)
        assert (kept["sections"], kept["outcome"]["state"]) == ({}, "accepted")
