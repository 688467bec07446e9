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

from playwright.async_api import Browser, Page, async_playwright

from services.demo import identity_of
from services.simulator.people import DEMO_PATIENTS
from tests.browser.chromium import launched
from tests.end_to_end.stacks import Stack, embedded

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
WIDE, NARROW = {"width": 760, "height": 900}, {"width": 320, "height": 640}
QUALITY = 60
"""Of the WebP files: text stays sharp, and each file is a few dozen kilobytes."""


@asynccontextmanager
async def _visiting(browser: Browser, stack: Stack, patient: int, **context: Any) -> AsyncIterator[Page]:
    browsing = await browser.new_context(base_url=stack.base_url, **{"locale": "sv-SE", "viewport": WIDE, **context})
    page = await browsing.new_page()
    await page.goto("/")
    await page.click(f"button[value='{patient}']")
    await page.wait_for_url("**/bookings")
    yield page
    await browsing.close()


async def _take(page: Page, file: Path) -> None:
    """Take a picture of the whole page, as a small WebP file."""
    await page.evaluate("document.activeElement.blur()")
    session = await page.context.new_cdp_session(page)
    taken = await session.send(
        "Page.captureScreenshot", {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True}
    )
    await asyncio.to_thread(file.write_bytes, base64.b64decode(taken["data"]))


async def _walk(browser: Browser, stack: Stack, folder: Path) -> None:
    """One rebooking from the list to its outcome, a picture of each page."""
    async with _visiting(browser, stack, 0) as page:
        await _take(page, folder / "bookings.webp")
        await page.click("a[href*='1HZ5']")
        await page.wait_for_selector("#field-facilities")
        await _take(page, folder / "terms.webp")
        await page.select_option("#field-facilities", "all")
        await page.click("button[value=choose_facilities]")
        await page.wait_for_selector(".timeslots button")
        await page.wait_for_selector(".waiting", state="detached")
        await _take(page, folder / "time.webp")
        await page.click(".timeslots button")
        await page.wait_for_selector("#field-comment")
        await page.fill("#field-comment", "Jag är bortrest den dagen.")
        await _take(page, folder / "details.webp")
        await page.click("button.main")
        await page.wait_for_url("**/summary")
        await _take(page, folder / "summary.webp")
        await page.click("button.main")
        await page.wait_for_selector(".done")
        await _take(page, folder / "outcome.webp")


async def _narrow_and_dark(browser: Browser, stack: Stack, folder: Path) -> None:
    """The calendar on a small telephone, in the dark and in English."""
    async with _visiting(browser, stack, 9, viewport=NARROW, color_scheme="dark", locale="en-GB") as page:
        await page.click("a.button[href^='/rebook']")
        await page.wait_for_selector("button[value=choose_facilities]")
        await page.click("button[value=choose_facilities]")
        await page.wait_for_selector(".timeslots button")
        await page.locator("#choose-day").scroll_into_view_if_needed()
        await page.evaluate("document.getElementById('choose-day').scrollIntoView()")
        await _take(page, folder / "narrow-dark.webp")


async def take_pictures(folder: Path) -> None:
    """Take every picture anew into a folder."""
    patients = tuple(identity_of(patient) for patient in DEMO_PATIENTS)
    with tempfile.TemporaryDirectory(prefix="omboka-pictures-") as place:
        async with embedded(Path(place), demo_patients=patients) as stack, async_playwright() as playwright:
            browser = await launched(playwright)
            try:
                await _walk(browser, stack, folder)
                await _narrow_and_dark(browser, stack, folder)
            finally:
                await browser.close()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    asyncio.run(take_pictures(FOLDER))
