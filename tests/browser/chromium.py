"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil

from playwright.async_api import Browser, Playwright


async def launched(playwright: Playwright) -> Browser:
    """Chromium without a window; AssertionError with what to install when it isn't there."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing. On Debian: apt-get install chromium"
    return await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
