"""Reads HTML and insists that it is well-formed and holds nothing but what is allowed."""

from __future__ import annotations

from html.parser import HTMLParser

ALLOWED = {"p", "ul", "ol", "li", "strong", "em", "br", "a", "section", "h2", "h3", "h4", "h5", "h6"}
EMPTY = {"br"}
SCHEMES = ("http://", "https://", "mailto:")


class _Strict(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, f"<{tag}> is not allowed"
        given = dict(attrs)
        if tag == "a":
            assert set(given) == {"href", "rel"}, given
            assert (given["href"] or "").lower().startswith(SCHEMES), given
        else:
            assert not given, f"<{tag}> has attributes"
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("a processing instruction")


def text_of(html: str) -> str:
    """The words of safe HTML; AssertionError when it isn't safe or its elements aren't closed in order."""
    reader = _Strict()
    reader.feed(html)
    reader.close()
    assert not reader.open, f"{reader.open} are left open"
    return "".join(reader.words)
