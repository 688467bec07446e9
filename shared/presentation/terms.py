"""A facility's terms: a small part of Markdown to safe HTML, and the same as plain text.

Paragraphs, line breaks, bold, italic, lists and links survive; anything else is text. Source: the flow rules,
decision 10.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from shared.presentation.docbook import is_safe_address

_MARKDOWN = MarkdownIt("zero", {"html": False, "breaks": True}).enable(
    ["emphasis", "list", "link", "newline", "escape", "autolink"]
)
_TAGS = {
    "paragraph_open": "<p>",
    "paragraph_close": "</p>\n",
    "bullet_list_open": "<ul>\n",
    "bullet_list_close": "</ul>\n",
    "ordered_list_open": "<ol>\n",
    "ordered_list_close": "</ol>\n",
    "list_item_open": "<li>",
    "list_item_close": "</li>\n",
    "strong_open": "<strong>",
    "strong_close": "</strong>",
    "em_open": "<em>",
    "em_close": "</em>",
    "softbreak": "<br>\n",
    "hardbreak": "<br>\n",
}


class Terms(NamedTuple):
    """Terms in both forms."""

    html: str
    text: str


def render_terms(markdown: str) -> Terms:
    """Make safe HTML and plain text of a facility's terms."""
    rendered = "".join(_render(_MARKDOWN.parse(markdown))).strip()
    paragraphs = re.sub(r"</(?:p|ul|ol)>\n?", "\n\n", rendered)
    with_breaks = re.sub(r"<br>\n?|</li>\n", "\n", paragraphs).replace("<li>", "• ")
    text = html.unescape(re.sub(r"<[^>]*>", "", with_breaks))
    return Terms(rendered, re.sub(r"\n{3,}", "\n\n", text).strip())


def _render(tokens: Sequence[Token]) -> list[str]:
    out: list[str] = []
    links: list[bool] = []
    for token in tokens:
        if token.type == "inline":
            out += _render(token.children or ())
        elif token.type in ("paragraph_open", "paragraph_close"):
            out.append("" if token.hidden else _TAGS[token.type])
        elif token.type == "link_open":
            address = str(token.attrGet("href") or "")
            links.append(is_safe_address(address))
            shown = html.escape(address, quote=True)
            out.append(f'<a href="{shown}" rel="noopener noreferrer">' if links[-1] else "")
        elif token.type == "link_close":
            out.append("</a>" if links.pop() else "")
        else:
            out.append(_TAGS.get(token.type) or html.escape(token.content, quote=True))
    return out
