"""Moving a booking as a client does that resumes, whatever happens to the containers meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from shared.testing.ws import Ws
from tests.containers.compose_project import Compose
from tests.end_to_end.stacks import LINDANGEN

BOOKING = "1HZ5-0100001"
"""The booking of the demo patient Saga: it keeps its id."""


@asynccontextmanager
async def client(compose: Compose, patient: str = "saga", **claims: Any) -> AsyncIterator[Ws]:
    """A client of one demo patient's."""
    portal = compose.portal(patient, **claims)
    ws = Ws(compose.url, lambda: portal.token)
    try:
        yield ws
    finally:
        await ws.close()


async def booking_of(compose: Compose, patient: str) -> tuple[str, str]:
    """Where a patient has a booking that may be moved, and its id."""
    async with compose.portal(patient) as portal:
        listed = (await portal.bookings())["bookings"]
    booking = next(one for one in listed if one["can_rebook"])
    return booking["facility"], booking["booking_id"]


async def come_to_timeslots(ws: Ws, facility: str = LINDANGEN, booking_id: str = BOOKING) -> None:
    """Begin, leave page 1, and wait for timeslots, on a later day than the first that has a free one.

    Today's first may be over in a minute, and a booking whose time has come can't be moved again.
    """
    await ws.begin(facility, booking_id)
    await ws.expect("booking.ready")
    await ws.expect("terms.ready")
    command = await ws.send("choose_facilities", facilities=[facility])
    await ws.expect("timeslots.ready", command=command)
    await ws.expect("days.ready", command=command)
    for day in ws.sections["days"]["data"]["days"][1:]:
        await ws.expect("timeslots.ready", command=await ws.send("choose_day", date=day["date"]))
        if free(ws):
            break


async def come_to_summary(ws: Ws) -> None:
    """Choose a free timeslot and give what it asks for."""
    timeslot = free(ws)[0]
    await ws.expect("details.ready", command=await ws.send("choose_timeslot", timeslot_id=timeslot["timeslot_id"]))
    comment = "Jag ombokar tiden" if timeslot["message_allowed"] else None
    given = await ws.send("give_details", comment=comment, phone="070-123 45 67")
    await ws.expect("details.ready", command=given)


async def outcome_of(ws: Ws, command: str) -> dict[str, Any]:
    """Wait for the outcome of a confirmation, by its command's id; gives it."""
    ends = [f"rebooking.{state}" for state in ("confirmed", "rejected", "not_applied", "other_time", "manual")]
    outcome: dict[str, Any] = (await ws.expect(*ends, command=command, within=60.0))["data"]["outcome"]
    return outcome


async def confirm(ws: Ws) -> dict[str, Any]:
    """Choose a free timeslot, give what it asks for, confirm, and wait for that confirmation's outcome; gives it."""
    await come_to_summary(ws)
    return await outcome_of(ws, await ws.send("confirm"))


def free(ws: Ws) -> list[dict[str, Any]]:
    """The timeslots shown that may be chosen."""
    return [one for one in ws.sections["timeslots"]["data"]["timeslots"] if not one["current"]]
