"""What a page weighs: the document and everything that it has loaded."""

from __future__ import annotations

from playwright.async_api import Page

MOST_BYTES = 100_000


async def weighed(page: Page) -> None:
    """Fail where a page and all that it loads are transferred in 100 kB or more, or come from anybody but us."""
    entries = await page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".map(one => [one.name, one.encodedBodySize])"
    )
    origin = await page.evaluate("location.origin")
    foreign = [name for name, _ in entries if not name.startswith(origin)]
    assert not foreign, foreign
    bytes_of = dict(entries)
    # What is asked for again and again, a snapshot, counts once: it is the page's and not its weight.
    assert 0 < sum(bytes_of.values()) < MOST_BYTES, bytes_of
