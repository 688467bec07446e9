"""DocBook to safe HTML: an allow-list of elements, everything else becomes its text.

A purpose may be DocBook 5 inside a string, with its own XML declaration, and escaped once too often. DTDs and entities
are refused. Source: contract description 3.5; the flow rules, decision 9.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from xml.parsers import expat

_DECLARATION = re.compile(r"\A\s*(?:\ufeff)?\s*<\?xml.*?\?>", re.DOTALL)
_TAG = re.compile(r"<[/!?a-zA-Z][^<>]*>")
_LONGEST = 200_000
_DEEPEST = 60

_BLOCKS = {
    "para": "p",
    "simpara": "p",
    "section": "section",
    "bibliography": "section",
    "itemizedlist": "ul",
    "orderedlist": "ol",
    "listitem": "li",
    "emphasis": "em",
}
_NOT_SHOWN = frozenset({"script", "style"})


def docbook_to_html(text: str) -> str | None:
    """Make safe HTML of a text whose root element is `article`; None when it isn't DocBook, "" when it is empty."""
    mapped = _mapped(text)
    return _mapped(html.unescape(text)) if mapped is None and "&lt;" in text else mapped


def without_tags(text: str) -> str:
    """Give a text that looks like markup, and isn't DocBook, without its tags."""
    return _TAG.sub("", _DECLARATION.sub("", text))


def _mapped(text: str) -> str | None:
    text = _DECLARATION.sub("", text).strip()
    if not text.startswith("<") or len(text) > _LONGEST:
        return None
    mapper = _Mapper()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = mapper.start
    parser.EndElementHandler = mapper.end
    parser.CharacterDataHandler = mapper.text
    parser.StartDoctypeDeclHandler = mapper.refuse
    parser.EntityDeclHandler = mapper.refuse
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, _NotDocBook):
        return None
    return mapper.html()


class _NotDocBook(Exception):
    """Raised on a root other than article, a DTD, an entity, or too deep a nesting."""


@dataclass
class _Mapper:
    out: list[str] = field(default_factory=list)
    closing: list[str] = field(default_factory=list)
    level: int = 2
    hidden: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if not self.closing and local != "article":
            raise _NotDocBook
        if len(self.closing) >= _DEEPEST:
            raise _NotDocBook
        opening, closing = self._tags(local, attributes)
        self.hidden += local in _NOT_SHOWN
        self.out.append(opening)
        self.closing.append(f"{closing} {local}")

    def end(self, name: str) -> None:
        closing, _, local = self.closing.pop().partition(" ")
        if local in ("section", "bibliography"):
            self.level -= 1
        self.hidden -= local in _NOT_SHOWN
        self.out.append(closing)

    def text(self, text: str) -> None:
        if not self.hidden:
            self.out.append(html.escape(text, quote=True))

    def refuse(self, *_: object) -> None:
        raise _NotDocBook

    def _tags(self, local: str, attributes: dict[str, str]) -> tuple[str, str]:
        if local == "title":
            tag = f"h{min(self.level + 1, 6)}"
            return f"<{tag}>", f"</{tag}>"
        if local in ("ulink", "link"):
            return _link_tags(attributes)
        if local in ("section", "bibliography"):
            self.level += 1
        tag = _BLOCKS.get(local, "")
        return (f"<{tag}>", f"</{tag}>") if tag else ("", "")

    def html(self) -> str:
        return re.sub(r"\s*\n\s*", "\n", "".join(self.out)).strip()


def _link_tags(attributes: dict[str, str]) -> tuple[str, str]:
    address = next((value for name, value in attributes.items() if name.rpartition(" ")[2] in ("url", "href")), "")
    if not is_safe_address(address):
        return "", ""
    return f'<a href="{html.escape(address.strip(), quote=True)}" rel="noopener noreferrer">', "</a>"


def is_safe_address(address: str) -> bool:
    """Whether a link may be followed: http and https with a host, and mailto."""
    address = address.strip()
    if any(ord(char) <= 0x20 or char in '<>"\\' for char in address):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return (parts.scheme in ("http", "https") and bool(parts.hostname)) or (
        parts.scheme == "mailto" and bool(parts.path)
    )
