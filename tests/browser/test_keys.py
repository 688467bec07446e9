"""The pages by keyboard alone, and the calendar's keys one by one."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from playwright.async_api import Page

from shared.contracts.sections import OutcomeState
from tests.browser.test_pages import a_page, to_days
from tests.builders.gateway import OWN, a_timeslot

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TABLE = [
    ("2026-02-04", "ArrowLeft", "2026-02-03"),
    ("2026-02-04", "ArrowRight", "2026-02-05"),
    ("2026-02-11", "ArrowUp", "2026-02-04"),
    ("2026-02-04", "ArrowDown", "2026-02-11"),
    ("2026-02-04", "Home", "2026-02-02"),
    ("2026-02-04", "End", "2026-02-08"),
    ("2026-02-08", "ArrowRight", "2026-02-09"),
    ("2026-02-09", "ArrowLeft", "2026-02-08"),
    ("2026-02-28", "Home", "2026-02-23"),
    ("2026-02-01", "ArrowLeft", "2026-01-31"),
    ("2026-01-31", "ArrowRight", "2026-02-01"),
    ("2026-02-03", "ArrowUp", "2026-01-27"),
    ("2026-01-27", "ArrowDown", "2026-02-03"),
    ("2026-02-04", "PageUp", "2026-01-04"),
    ("2026-01-04", "PageDown", "2026-02-04"),
    ("2026-01-01", "ArrowLeft", "2026-01-01"),
    ("2026-01-31", "PageUp", "2026-01-31"),
    ("2026-01-31", "PageDown", "2026-02-28"),
    ("2026-02-28", "ArrowRight", "2026-02-28"),
]
"""From which day which key leads where: January and February are searched, the months beside them are not."""

FOCUSED = "document.activeElement.id"


async def on_day(page: Page, day: str) -> None:
    """Focus a day of the calendar, in whichever of the two months it is."""
    for button in ("#previous-month", "#next-month"):
        if not await page.locator(f"#day-{day}").count():
            await page.click(button)
            await page.wait_for_selector(f"#month:has-text('{'januari' if 'previous' in button else 'februari'}')")
    await page.focus(f"#day-{day}")


async def test_the_calendars_keyboard_table(chromium: Any) -> None:
    """Each key leads where the WAI-ARIA date grid says; nothing is searched by it, and one day is a tab stop."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        asked = len(gateway.publisher.messages)
        for day, key, leads_to in TABLE:
            await on_day(page, day)
            await page.keyboard.press(key)
            await page.wait_for_selector(f"#day-{leads_to}:focus")
            stops = await page.eval_on_selector_all("[data-grid] button[tabindex='0']", "all => all.map(one => one.id)")
            assert stops == [f"day-{leads_to}"], (day, key)
        assert len(gateway.publisher.messages) == asked


async def test_page_down_at_the_end_searches_and_leads_into_the_new_month(chromium: Any) -> None:
    """The month after the last one searched is searched; its day gets the focus when it is there."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        asked = len(gateway.publisher.messages)
        await page.focus("#day-2026-02-04")
        await page.keyboard.press("PageDown")
        await page.wait_for_url("**/time?month=2026-03")
        await gateway.settle()
        assert len(gateway.publisher.messages) == asked + 1
        await gateway.tell_days("2026-02-02", "2026-03-03", last_day=dt.date(2026, 3, 31), chosen="2026-02-02")
        await page.wait_for_selector("#day-2026-03-04:focus")


@pytest.mark.parametrize("key", ["Enter", "Space"])
async def test_enter_and_space_choose_a_day(chromium: Any, key: str) -> None:
    """A free day is chosen and the focus goes to «VÄLJ TID»; on any other day the keys do nothing."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        asked = len(gateway.publisher.messages)
        await page.focus("#day-2026-02-03")
        await page.keyboard.press(key)
        assert await page.evaluate(FOCUSED) == "day-2026-02-03"
        await page.focus("#day-2026-02-04")
        await page.keyboard.press(key)
        await page.wait_for_selector("#choose-time:focus")
        await gateway.settle()
        assert len(gateway.publisher.messages) == asked + 1


async def tab_to(page: Page, selector: str) -> None:
    """Press Tab until something has the focus; each stop on the way must be seen to have it."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", await page.evaluate("document.activeElement.outerHTML")
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never leads to {selector}")


@pytest.mark.parametrize(
    "view",
    [{}, {"locale": "en-GB"}, {"viewport": {"width": 320, "height": 640}}],
    ids=["Swedish", "English", "320 px"],
)
async def test_the_whole_flow_by_keyboard_alone(chromium: Any, view: dict[str, Any]) -> None:
    """From the terms to the confirmation with Tab, arrows, Enter and letters; the first stop skips to the content."""
    async with a_page(chromium, **view) as (page, gateway):
        assert await page.get_attribute("html", "lang") == view.get("locale", "sv-SE")[:2]
        await gateway.tell_booking()
        await gateway.tell_facilities(OWN)
        await page.wait_for_selector("#onward")
        await tab_to(page, ".skip")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#content:focus")
        await tab_to(page, "#field-facilities")
        await tab_to(page, "#onward")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/time*")
        await gateway.settle()
        await gateway.tell_days("2026-02-02", "2026-02-03")
        await gateway.tell_timeslots(a_timeslot())
        await page.wait_for_selector(".timeslots button")
        await tab_to(page, "[data-grid] button")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#choose-time:focus")
        await gateway.settle()
        await gateway.tell_timeslots(a_timeslot(start="20260203090000", end="20260203093000"))
        await page.wait_for_selector(".timeslots button")
        await tab_to(page, ".timeslots button")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("button.main[aria-disabled=true]")
        await tab_to(page, "#field-comment")
        await page.keyboard.type("Krockar")
        await tab_to(page, "#field-phone")
        await tab_to(page, "button.main")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/summary*")
        await tab_to(page, "button.main")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/outcome*")
        rebooking = page.url.split("/")[-2]
        summary = (await gateway.snapshot(rebooking))["sections"]["details"]["data"]["summary"]
        await gateway.tell_outcome(rebooking, OutcomeState.CONFIRMED, n=2, summary=summary)
        await page.wait_for_selector(".done")
        await tab_to(page, "a[href$='.ics']")
