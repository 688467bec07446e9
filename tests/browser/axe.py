"""Accessibility as axe-core sees it: WCAG 2.0 to 2.2, levels A and AA, and its best practices."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any
from weakref import WeakKeyDictionary

from playwright.async_api import Browser, Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def _axe() -> str:
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


async def violations(page: Page) -> list[str]:
    """What axe objects to on a page as it stands: rule, reason and elements. It must have looked at something."""
    await page.evaluate(_axe())
    options = {"runOnly": TAGS, "resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
    found: dict[str, Any] = await page.evaluate("options => axe.run(document, options)", options)
    assert found["passes"], "axe looked at nothing"
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes']]}" for one in found["violations"]
    ]


_DRAWN: WeakKeyDictionary[Browser, Page] = WeakKeyDictionary()


async def with_script(page: Page) -> Page:
    """The same document, as wide, where axe can run: it needs script, which a visit without has none of."""
    browser, size = page.context.browser, page.viewport_size
    assert browser is not None
    assert size is not None
    drawn = _DRAWN.get(browser) or await browser.new_page()
    _DRAWN[browser] = drawn
    await drawn.set_viewport_size(size)
    html = re.sub(r"<script.*?</script>", "", await page.content())
    await drawn.route(page.url, lambda route: route.fulfill(body=html, content_type="text/html"))
    await drawn.goto(page.url)
    await drawn.unroute(page.url)
    return drawn
