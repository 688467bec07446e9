"""What browser tests are given: one Chromium for all, and a whole system with simulated booking systems for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
import yaml
from playwright.async_api import Browser, async_playwright

from services.demo import identity_of
from services.simulator.demo import demo_text
from services.simulator.people import patients
from tests.browser.chromium import launched
from tests.browser.system import PATIENTS, System
from tests.end_to_end.stacks import embedded


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Chromium without a window, started once."""
    async with async_playwright() as playwright:
        browser = await launched(playwright)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def system(tmp_path: Path) -> AsyncIterator[System]:
    """The whole on embedded adapters, new for each test, so that no test finds what another has cached or moved."""
    people = tuple(identity_of(patient) for patient in patients(PATIENTS))
    simulator = {**yaml.safe_load(demo_text("http://127.0.0.1:1"))["simulator"], "patients": PATIENTS, "mishaps": []}
    async with embedded(tmp_path, demo_patients=people, refresh_seconds=1, simulator=simulator) as stack:
        yield await System.of(stack)
