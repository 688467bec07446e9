"""What the pages weigh."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_pages import a_page, to_days
from tests.browser.weight import weighed

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_page_weighs_less_than_100_kb(chromium: Any) -> None:
    """The document and everything it loads are transferred in under 100 kB, from our own address alone."""
    async with a_page(chromium) as (page, gateway):
        await to_days(page, gateway)
        await page.reload()
        await page.wait_for_selector(".timeslots button")
        assert await page.evaluate("performance.getEntriesByType('resource').length") > 1
        await weighed(page)
