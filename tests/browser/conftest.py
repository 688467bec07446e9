"""A browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    """Chromium without a window; fails with what to install when it isn't there."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing. On Debian: apt-get install chromium"
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()
