"""The rule of ninety characters: which texts are shown cut at first, and where.

Code points are counted after NFC and CRLF→LF: 90 stay whole, of 91 the first 90 are shown with a link to the rest.
Source: the seed ("länken visas bara ifall meddelandet är mer än 90 tecken").
"""

from __future__ import annotations

import unicodedata

from shared.contracts.rules import SHORT_TEXT_LENGTH


def tidy(text: str) -> str:
    """Bring a text into the form that is shown and counted: NFC, LF line ends."""
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")


def cut(text: str) -> tuple[int | None, str | None]:
    """Say where a tidy text is cut and what is shown of it first; (None, None) when it is shown whole."""
    return (SHORT_TEXT_LENGTH, text[:SHORT_TEXT_LENGTH]) if len(text) > SHORT_TEXT_LENGTH else (None, None)
