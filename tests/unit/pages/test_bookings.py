"""The list of booked times: what each facility answered, and how each rebooking ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from shared.contracts.events import EventName
from shared.contracts.model import Frozen
from shared.contracts.sections import BookingsData, Section, SectionName, State
from shared.presentation.yellow_box import yellow_box
from tests.builders.gateway import OTHER, OWN, RememberingPublisher, a_booking
from tests.builders.pages import Shown, a_visit


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


class AwaitedPublisher(RememberingPublisher):
    """A publisher that tells when it has been given something."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def publish(self, message: Frozen, *, expires: float | None = None, patience: float = 3.0) -> None:
        """Remember it, and say so."""
        await super().publish(message, expires=expires, patience=patience)
        self.asked.set()


async def the_list(bookings: list[dict[str, Any]], sources: list[dict[str, Any]]) -> Shown:
    """The list's page once a worker has answered."""
    publisher = AwaitedPublisher()
    async with a_visit(publisher=publisher) as visit:
        gateway = replace(visit.gateway, publisher=publisher)
        asked = asyncio.ensure_future(visit.get("/bookings"))
        await publisher.asked.wait()
        value = Section(state=State.READY, data=BookingsData(bookings=tuple(bookings), sources=tuple(sources)))
        await gateway.tell(SectionName.BOOKING, value, name=EventName.BOOKINGS_READY)
        return await asked


async def test_a_booking_leads_into_its_rebooking() -> None:
    """Each booking is shown in its box, with a link that names facility and booking, whatever signs they hold."""
    page = await the_list([a_listed_booking()], [a_source(OWN, "ready")])
    assert page.status == 200
    assert "Tisdag 20 januari 2026 kl. 10:00".lower() in page.text.lower()
    assert f'href="/rebook?facility={OWN}&amp;booking=B/1%20%C3%A5"' in page.html


async def test_a_booking_that_cannot_be_rebooked_says_whom_to_call() -> None:
    """There is no link, and the facility's phone number."""
    page = await the_list([a_listed_booking(can_rebook=False)], [a_source(OWN, "ready")])
    assert "/rebook?" not in page.html
    assert "Tiden kan inte bokas om här. Ring 08-1." in page.text


async def test_a_facility_that_failed_is_named_beside_the_ones_that_answered() -> None:
    """One failing facility doesn't hide the others."""
    sources = [a_source(OWN, "ready"), a_source(OTHER, "failed")]
    page = await the_list([a_listed_booking()], sources)
    assert f"{OTHER} svarar inte just nu. Deras tider visas inte. Du kan ringa 08-2." in page.text
    assert "kl. 10:00" in page.text


@pytest.mark.parametrize("state", ["failed", "loading"])
async def test_what_could_not_be_fetched_is_never_told_as_nothing_there(state: str) -> None:
    """While a facility is silent nobody is told that they have no booked times."""
    page = await the_list([], [a_source(OWN, "ready"), a_source(OTHER, state)])
    assert OTHER in page.text
    assert "Du har inga bokade tider" not in page.text


async def test_no_bookings_is_said() -> None:
    """An empty list says so."""
    page = await the_list([], [a_source(OWN, "ready")])
    assert "Du har inga bokade tider." in page.text
