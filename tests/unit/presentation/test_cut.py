"""The rule of ninety characters at its border."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.presentation.cut import cut, tidy


def test_ninety_stay_whole_and_of_ninety_one_ninety_are_shown() -> None:
    """90 characters have no link; of 91 the first 90 are shown."""
    assert cut("å" * 90) == (None, None)
    assert cut("å" * 91) == (90, "å" * 90)


def test_code_points_are_counted_after_tidying() -> None:
    """A letter with a separate accent counts as one after NFC, CRLF counts as one, an emoji as one."""
    assert cut(tidy("a\u030a" * 90)) == (None, None)
    assert cut(tidy("\r\n" * 90)) == (None, None)
    assert cut(tidy("😀" * 91)) == (90, "😀" * 90)


@given(st.text())
def test_what_is_shown_first_is_the_beginning(text: str) -> None:
    """The short text is the beginning of the whole one and ninety code points long."""
    tidied = tidy(text)
    cut_at, short = cut(tidied)
    assert "\r" not in tidied
    assert (short is None) == (len(tidied) <= 90)
    assert short is None or (tidied.startswith(short) and len(short) == cut_at == 90)
