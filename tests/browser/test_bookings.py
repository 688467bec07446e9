"""The list of booked times in a browser: by keyboard alone, and axe on each of its states."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from services.gateway.pages.words import LIST_WORDS, words
from shared.contracts.events import EventName
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.sections import BookingsData, Outcome, OutcomeState, Section, SectionName, State
from shared.ledger.port import Told
from tests.browser.test_keys import tab_to
from tests.browser.test_pages import a_page
from tests.browser.test_states import VIEWS, clean
from tests.builders.gateway import OTHER, OWN, SUBJECT, Gateway
from tests.unit.pages.test_bookings import AwaitedPublisher, a_listed_booking, a_source

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TWO = [a_listed_booking(), a_listed_booking(booking_id="B2", start="2026-01-21T10:00:00", can_rebook=False)]
REBOOKED = a_listed_booking(booking_id="B3", start="2026-01-22T10:00:00")
STATES: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]] = [
    (TWO, [a_source(OWN, "ready"), a_source(OTHER, "failed")]),
    ([], [a_source(OWN, "ready"), a_source(OTHER, "ready")]),
    ([*TWO, REBOOKED], [a_source(OWN, "ready"), a_source(OTHER, "ready")]),
]
"""One facility failed; none; several, of which one can't be rebooked."""


@asynccontextmanager
async def a_list(chromium: Browser, **view: Any) -> AsyncIterator[tuple[Page, Worker]]:
    """A patient's browser, and the worker that answers the list for it."""
    publisher = AwaitedPublisher()
    async with a_page(chromium, deps={"publisher": publisher}, **view) as (page, gateway):
        yield page, Worker(replace(gateway, publisher=publisher), publisher)


@dataclass
class Worker:
    """Plays the worker that looks the list up."""

    gateway: Gateway
    publisher: AwaitedPublisher

    def has_told(self, n: int, state: OutcomeState) -> None:
        """Let the ledger know how a rebooking of the n-th booking ended."""
        rebooking_id, now = f"{n:032x}", self.gateway.clock.now()
        self.gateway.ledger.told[rebooking_id] = Told(
            row_id=f"row{n}",
            rebooking_id=rebooking_id,
            command_id="c1",
            subject_hmac=self.gateway.deps.sealer.owner(SubjectOfCareId(SUBJECT)),
            facility_from=OWN,
            facility_to=OWN,
            booking_id=f"B{n}",
            new_booking_id=None,
            language="sv",
            created_at=now,
            n=1,
            outcome=Outcome(state=state, command_id="c1", updated_at=now),
        )

    async def answers(self, asking: Awaitable[Any], bookings: list[Any], sources: list[Any]) -> None:
        """Answer the list that something in the browser asks for."""
        self.publisher.asked.clear()
        asked = asyncio.ensure_future(asking)
        await self.publisher.asked.wait()
        value = Section(state=State.READY, data=BookingsData(bookings=tuple(bookings), sources=tuple(sources)))
        await self.gateway.tell(SectionName.BOOKING, value, name=EventName.BOOKINGS_READY)
        await asked


@pytest.mark.parametrize("view", VIEWS)
async def test_each_state_of_the_list(chromium: Browser, view: dict[str, Any]) -> None:
    """One facility failed, none booked, and several, with one that can't be rebooked."""
    async with a_list(chromium, **view) as (page, worker):
        for bookings, sources in STATES:
            await worker.answers(page.goto("/bookings"), bookings, sources)
            await clean(page)
            assert await page.locator(".booking").count() == len(bookings)


GAPS = """all => all.map(one => {
  const [box, button] = [".box", ".button"].map(which => one.querySelector(which).getBoundingClientRect());
  const next = one.nextElementSibling?.getBoundingClientRect();
  return [button.top - box.bottom, next && next.top - button.bottom];
})"""


async def test_a_bookings_button_stands_nearer_to_it_than_to_the_next(chromium: Browser) -> None:
    """Nobody rebooks another time than they meant to because the button could be either's."""
    async with a_list(chromium) as (page, worker):
        bookings = [a_listed_booking(), REBOOKED]
        await worker.answers(page.goto("/bookings"), bookings, [a_source(OWN, "ready")])
        (own, to_the_next), _ = await page.eval_on_selector_all(".booking", GAPS)
        assert 0 < 2 * own < to_the_next


@pytest.mark.parametrize("view", VIEWS)
async def test_one_facilitys_list_and_how_each_rebooking_ended(chromium: Browser, view: dict[str, Any]) -> None:
    """«Mina bokade tider» at one facility, each booking with another outcome of its last rebooking."""
    async with a_list(chromium, **view) as (page, worker):
        for n, state in enumerate(OutcomeState):
            worker.has_told(n, state)
        bookings = [a_listed_booking(booking_id=f"B{n}") for n, _ in enumerate(OutcomeState)]
        await worker.answers(page.goto(f"/bookings?facility={OWN}"), bookings, [a_source(OWN, "ready")])
        await clean(page)
        said = await page.locator(".booking strong").all_text_contents()
        language = "en" if view.get("locale") == "en-GB" else "sv"
        assert said == [words(LIST_WORDS[state.value], language) for state in OutcomeState]


@pytest.mark.parametrize("view", VIEWS)
async def test_the_list_while_a_facility_is_waited_for(chromium: Browser, view: dict[str, Any]) -> None:
    """After its time the list is shown, and says who hasn't answered."""
    async with a_page(chromium, deps={"list_seconds": 0.0}, **view) as (page, _):
        await page.goto("/bookings")
        await clean(page, wait="main .notice")


async def test_the_list_by_keyboard_alone(chromium: Browser) -> None:
    """From the choice of a patient over the list, shown again, into a rebooking, with Tab and Enter."""
    async with a_list(chromium) as (page, worker):
        await page.context.clear_cookies()
        await page.goto("/sign-in")
        await tab_to(page, "button[name=patient]")
        await worker.answers(page.keyboard.press("Enter"), *STATES[0])
        await page.wait_for_selector(".booking")
        await tab_to(page, "#show-again")
        await worker.answers(page.keyboard.press("Enter"), *STATES[2])
        await page.wait_for_selector(".booking >> nth=2")
        await tab_to(page, "a[href*='booking=B3']")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/terms")
