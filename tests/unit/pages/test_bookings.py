"""The list of booked times: what each facility answered, and how each rebooking ended."""

from __future__ import annotations

import asyncio
from typing import Any

from shared.contracts.commands import LookUpBookings
from shared.contracts.events import EventName
from shared.contracts.sections import BookingsData, Section, SectionName, State
from shared.presentation.yellow_box import yellow_box
from tests.builders.gateway import OTHER, OWN, a_booking
from tests.builders.pages import Shown, Visit, a_visit


def a_listed_booking(**changes: Any) -> dict[str, Any]:
    """A booking as the list has it."""
    return {
        "booking_id": "B/1 å",
        "facility": OWN,
        "facility_name": "Lindängen",
        "facility_phone": "08-1",
        "start": "2026-01-20T10:00:00",
        "summary": yellow_box(a_booking(), facility=None, language="sv").model_dump(mode="json"),
        "can_rebook": True,
        **changes,
    }


def a_source(facility: str, state: str) -> dict[str, Any]:
    """How one facility's answer stands."""
    return {"facility": facility, "facility_name": facility, "state": state, "source_status": "DataFromSource"}


async def the_list(visit: Visit, bookings: list[dict[str, Any]], sources: list[dict[str, Any]]) -> Shown:
    """The list's page once a worker has answered."""
    asked = asyncio.ensure_future(visit.get("/bookings"))
    while not any(isinstance(one, LookUpBookings) for one in visit.gateway.publisher.messages):
        await asyncio.sleep(0)  # the question is asked in the background
    value = Section(state=State.READY, data=BookingsData(bookings=tuple(bookings), sources=tuple(sources)))
    await visit.gateway.tell(SectionName.BOOKING, value, name=EventName.BOOKINGS_READY)
    return await asked


async def test_a_booking_leads_into_its_rebooking() -> None:
    """Each booking is shown in its box, with a link that names facility and booking, whatever signs they hold."""
    async with a_visit() as visit:
        page = await the_list(visit, [a_listed_booking()], [a_source(OWN, "ready")])
        assert page.status == 200
        assert "Tisdag 20 januari 2026 kl. 10:00".lower() in page.text.lower()
        assert f'href="/rebook?facility={OWN}&amp;booking=B/1%20%C3%A5"' in page.html


async def test_a_booking_that_cannot_be_rebooked_says_whom_to_call() -> None:
    """There is no link, and the facility's phone number."""
    async with a_visit() as visit:
        page = await the_list(visit, [a_listed_booking(can_rebook=False)], [a_source(OWN, "ready")])
        assert "/rebook?" not in page.html
        assert "Tiden kan inte bokas om här. Ring 08-1." in page.text


async def test_a_facility_that_failed_is_named_beside_the_ones_that_answered() -> None:
    """One failing facility doesn't hide the others."""
    async with a_visit() as visit:
        sources = [a_source(OWN, "ready"), a_source(OTHER, "failed")]
        page = await the_list(visit, [a_listed_booking()], sources)
        assert f"{OTHER} svarar inte just nu. Deras tider visas inte." in page.text
        assert "kl. 10:00" in page.text


async def test_no_bookings_is_said() -> None:
    """An empty list says so."""
    async with a_visit() as visit:
        page = await the_list(visit, [], [a_source(OWN, "ready")])
        assert "Du har inga bokade tider." in page.text
