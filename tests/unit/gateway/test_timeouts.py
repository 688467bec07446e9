"""Look-ups that nobody answers: whoever looks says so, once, and what comes later changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from shared.contracts.sections import Section, SectionName, State
from shared.messaging.event_log import Stale
from tests.builders.gateway import OWN, a_gateway


def problem(snapshot: dict[str, Any], section: str) -> str:
    """A failed section's problem and reason."""
    shown = snapshot["sections"][section]["problem"]
    return f"{shown['type'].rpartition(':')[2]} {shown['reason']} {shown['facility_phone']}"


async def test_a_section_without_an_answer_fails_two_seconds_after_its_deadline():
    """At the deadline nothing is said; two seconds later it is no_answer, with the facility's phone."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        await gateway.tell_booking()
        old = gateway.last_look_up
        gateway.clock.move(25.9)
        assert (await gateway.snapshot(rebooking_id))["sections"]["facilities"]["state"] == "loading"
        gateway.clock.move(0.1)
        snapshot = await gateway.snapshot(rebooking_id)
        assert snapshot["sections"]["booking"]["state"] == "ready"
        assert problem(snapshot, "facilities") == "facility-unavailable no_answer 08-1"
        assert problem(snapshot, "terms") == "facility-unavailable no_answer 08-1"
        # Then what comes later is stale, and a retry starts anew
        assert isinstance(await gateway.tell(SectionName.TERMS, Section(state=State.READY, data=()), to=old), Stale)
        await gateway.command(rebooking_id, "retry", section="terms")
        assert (await gateway.snapshot(rebooking_id))["sections"]["terms"]["state"] == "loading"


async def test_several_who_look_at_once_tell_it_once():
    """Ten readers find the same dead look-up: one event for each section."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        gateway.clock.move(60)
        await asyncio.gather(*(gateway.snapshot(rebooking_id) for _ in range(10)))
        events = await (await gateway.get(f"/v1/rebookings/{rebooking_id}/events")).json()
        assert [(one["seq"], one["name"]) for one in events] == [
            (1, "choice.made"),
            (2, "section.failed"),
            (3, "section.failed"),
            (4, "section.failed"),
        ]


async def test_a_worker_that_dies_between_days_and_timeslots():
    """The day is known and its timeslots never came: that is told as well."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_days(OWN)
        await gateway.tell(SectionName.PERFORMERS, Section(state=State.READY, data=()))
        gateway.clock.move(27)
        snapshot = await gateway.snapshot(rebooking_id)
        assert snapshot["sections"]["days"]["state"] == "ready"
        assert problem(snapshot, "timeslots") == "facility-unavailable no_answer 08-1"


async def test_days_that_some_facility_gave_are_kept_when_the_rest_never_come():
    """A search that stops half-way keeps the days it had, says that it failed, and lets one choose a day."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_days(OWN)
        await gateway.tell_days("2026-02-02", state=State.PARTIAL)
        gateway.clock.move(27)
        days = (await gateway.snapshot(rebooking_id))["sections"]["days"]
        assert (days["state"], len(days["data"]["days"])) == ("failed", 1)
        await gateway.command(rebooking_id, "choose_day", date="2026-02-02")


async def test_an_event_log_that_cannot_be_reached():
    """New choices get 503 at once; an accepted rebooking's outcome is read from the ledger; /readyz names it."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary()
        await gateway.command(rebooking_id, "confirm")
        unconfirmed = await gateway.start(booking_id="B2")
        gateway.events.broken = True
        for path, body in (("/v1/rebookings", {"facility": OWN, "booking_id": "B3"}),):
            answer = await gateway.post(path, body)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert (await gateway.snapshot(rebooking_id))["outcome"]["state"] == "accepted"
        assert (await gateway.get(f"/v1/rebookings/{unconfirmed}")).status == 503
        ready = await gateway.get("/readyz")
        assert (ready.status, (await ready.json())["missing"]) == (503, ["event_log"])
