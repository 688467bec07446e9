"""What is made from a result's file stands in its page between two marks."""

from __future__ import annotations


def put_between(page: str, begin: str, end: str, content: str) -> str:
    """Give the page with this content between the marks. Raises ValueError when it doesn't have both."""
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"the page has no markers, so no place for it: {begin} … {end}")
    return f"{before}{begin}\n{content}\n{end}{after}"
