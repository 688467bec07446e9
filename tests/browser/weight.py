"""What a page weighs: the document and everything that it has loaded."""

from __future__ import annotations

from playwright.async_api import Page

MOST_BYTES = 100_000
ENTRIES = """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .map(one => [one.name, one.encodedBodySize])"""
NAMED = '[...document.querySelectorAll("link[href], script[src]")].map(one => one.href || one.src)'


async def weighed(page: Page) -> None:
    """Fail where a page is 100 kB or more for a browser that has nothing of it yet, or comes from anybody but us."""
    # What is asked for again and again, a snapshot, counts once: it is the page's and not its weight.
    sizes = {name: size for name, size in await page.evaluate(ENTRIES)}  # noqa: C416 (a list of lists)
    for name in {*await page.evaluate(NAMED), *sizes}:
        if not sizes.get(name) and "/v1/" not in name:
            # The browser had it from before, and counts what it needn't fetch again as nothing.
            sizes[name] = len(await (await page.request.get(name)).body())
    origin = await page.evaluate("location.origin")
    foreign = [name for name in sizes if not name.startswith(origin)]
    assert not foreign, foreign
    assert any(name.endswith("/static/omboka.css") for name in sizes), sizes
    assert sum(sizes.values()) < MOST_BYTES, sizes
