"""The README's pictures, taken of the real pages: `make screenshots`.

Every run shows the same patient on the same day, on embedded adapters with the demo's booking systems.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, async_playwright

from services.all_in_one import running
from services.demo import identity_of
from services.simulator.app import make_app
from services.simulator.demo import demo_configuration
from services.simulator.people import DEMO_PATIENTS
from shared.clock import OffsetClock
from tests.browser.chromium import launched
from tests.end_to_end.stacks import START, a_settings

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
WIDE, NARROW = {"width": 760, "height": 900}, {"width": 320, "height": 640}
HIGHEST = 1100
"""How many pixels high a picture may be; what is below is left out."""
QUALITY = 60
"""Of the WebP files: text stays sharp, and each file is a few dozen kilobytes."""


@asynccontextmanager
async def _visiting(browser: Browser, base_url: str, patient: int, **context: Any) -> AsyncIterator[Page]:
    browsing = await browser.new_context(base_url=base_url, **{"locale": "sv-SE", "viewport": WIDE, **context})
    page = await browsing.new_page()
    page.set_default_timeout(60_000)
    await page.goto("/")
    await page.click(f"button[value='{patient}']")
    await page.wait_for_url("**/bookings")
    for _ in range(5):  # a slow machine's facilities may not all have answered within the list's patience
        if not await page.locator("main .notice").count():
            break
        await page.reload()
    yield page
    await browsing.close()


async def _take(page: Page, file: Path, *, top: str = "html") -> None:
    """Take a picture of a page from its top or something on it, as a small WebP file."""
    await page.evaluate("document.activeElement.blur()")
    place = """top => ({x: 0, y: document.querySelector(top).getBoundingClientRect().top + scrollY,
      width: innerWidth, whole: document.documentElement.scrollHeight, scale: 1})"""
    clip = await page.evaluate(place, top)
    clip["height"] = min(clip.pop("whole") - clip["y"], HIGHEST)
    session = await page.context.new_cdp_session(page)
    taken = await session.send(
        "Page.captureScreenshot", {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip}
    )
    await asyncio.to_thread(file.write_bytes, base64.b64decode(taken["data"]))


async def _walk(browser: Browser, base_url: str, folder: Path) -> None:
    """One rebooking from the list to its outcome, a picture of each page."""
    async with _visiting(browser, base_url, 0) as page:
        await _take(page, folder / "bookings.webp")
        await page.click("a[href*='1HZ5']")
        await page.wait_for_selector("#field-facilities")
        await _take(page, folder / "terms.webp")
        await page.select_option("#field-facilities", "all")
        await page.click("button[value=choose_facilities]")
        await page.wait_for_selector(".timeslots button")
        await page.wait_for_selector(".waiting", state="detached")
        await _take(page, folder / "time.webp")
        await page.click(".timeslots button:has-text('Lindängen')")
        await page.wait_for_selector("#field-comment")
        await page.fill("#field-comment", "Jag är bortrest den dagen.")
        await _take(page, folder / "details.webp")
        await page.click("button.main")
        await page.wait_for_url("**/summary")
        await _take(page, folder / "summary.webp")
        await page.click("button.main")
        await page.wait_for_selector(".done")
        await _take(page, folder / "outcome.webp")


async def _narrow_and_dark(browser: Browser, base_url: str, folder: Path) -> None:
    """The calendar on a small telephone, in the dark and in English."""
    async with _visiting(browser, base_url, 9, viewport=NARROW, color_scheme="dark", locale="en-GB") as page:
        await page.click("a.button[href^='/rebook']")
        await page.wait_for_selector("button[value=choose_facilities]")
        await page.click("button[value=choose_facilities]")
        await page.wait_for_selector(".timeslots button")
        await _take(page, folder / "narrow-dark.webp", top="#choose-day")


@asynccontextmanager
async def _demo(folder: Path) -> AsyncIterator[str]:
    """The demo as it is, on the day that every picture shows; gives its address."""
    clock = OffsetClock(START)
    simulator = TestServer(make_app(demo_configuration("http://127.0.0.1:1"), clock=clock.now))
    await simulator.start_server()
    configuration = demo_configuration(str(simulator.make_url("")).rstrip("/"))
    patients = tuple(identity_of(patient) for patient in DEMO_PATIENTS)
    try:
        async with running(configuration, a_settings(folder), clock=clock, demo_patients=patients) as system:
            yield system.base_url
    finally:
        await simulator.close()


async def take_pictures(folder: Path) -> None:
    """Take every picture anew into a folder."""
    with tempfile.TemporaryDirectory(prefix="omboka-pictures-") as place:
        async with _demo(Path(place)) as base_url, async_playwright() as playwright:
            browser = await launched(playwright)
            try:
                await _walk(browser, base_url, folder)
                await _narrow_and_dark(browser, base_url, folder)
            finally:
                await browser.close()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    asyncio.run(take_pictures(FOLDER))
