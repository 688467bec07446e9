"""The list of booked times in a browser: by keyboard alone, and axe on each of its states."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from shared.contracts.events import EventName
from shared.contracts.sections import BookingsData, Section, SectionName, State
from tests.browser.test_keys import tab_to
from tests.browser.test_pages import a_page
from tests.browser.test_states import VIEWS, clean
from tests.builders.gateway import OTHER, OWN, Gateway
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
