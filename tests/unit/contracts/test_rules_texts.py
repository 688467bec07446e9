"""The rules of comment and phone, at their borders."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.rules import (
    COMMENT_CHARACTERS,
    PHONE_CHARACTERS,
    Refused,
    clean_comment,
    clean_phone,
    phone_from_settings,
)

ALLOWED = "abcåäöÅÄÖ XYZ 0123456789 ! % # / ( ) = ? + * _ : ; { } [ ] @ . , \\ -"


def refused(text: str | None, **changes: object) -> Refused:
    """The refusal of a comment that must be refused."""
    with pytest.raises(Refused) as caught:
        clean_comment(text, **{"required": True, **changes})  # type: ignore[arg-type]
    return caught.value


def test_every_character_of_the_seed_is_allowed() -> None:
    """The seed's alphabet, digits and signs pass unchanged."""
    assert clean_comment(ALLOWED, required=True) == ALLOWED


@pytest.mark.parametrize("sign", list("<>&\"'`~^|$£€§½é–…´\u00a0\u200b\u0000\u2028😀"))
def test_every_other_character_is_refused_by_name(sign: str) -> None:
    """A character outside the list is refused and named by code point, never silently removed."""
    named = refused(f"a{sign}b").characters
    assert [one.codepoint for one in named] == [f"U+{ord(sign):04X}"]
    assert named[0].name == unicodedata.name(sign, "unnamed character").lower()


def test_refused_characters_are_named_once_in_order() -> None:
    """Each refused character is named once, in order of appearance."""
    assert [one.char for one in refused("b&a<b&c>").characters] == ["&", "<", ">"]


def test_a_comment_is_brought_to_nfc_first() -> None:
    """An a with a separate ring is the letter å, and passes."""
    assert clean_comment("a\u030a A\u0308 o\u0308", required=True) == "å Ä ö"


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [("a\r\nb", "a b"), ("a\n\n\t\rb", "a b"), ("a \n b", "a   b"), ("\t a \n", "a"), ("a\nb\nc", "a b c")],
)
def test_line_breaks_and_tabs_become_one_space(given_text: str, kept: str) -> None:
    """Each run of CR, LF and tab is one space, other spaces stay, and the ends are trimmed."""
    assert clean_comment(given_text, required=True) == kept


@pytest.mark.parametrize("blank", [None, "", " ", "\t\r\n  "])
def test_blank_is_empty(blank: str | None) -> None:
    """A blank comment is none: refused where it must be filled in, None where not."""
    assert refused(blank).reason == "required"
    assert clean_comment(blank, required=False) is None


def test_five_hundred_pass_and_one_more_is_refused() -> None:
    """At most 500 code points, or what the configuration says."""
    assert clean_comment("å" * 500, required=True) == "å" * 500
    assert (refused("å" * 501).reason, refused("å" * 501).max_length) == ("too_long", 500)
    assert refused("abcd", max_length=3).max_length == 3


def test_length_is_looked_at_before_characters() -> None:
    """The rules hold in their order: a comment that is too long is told so first."""
    assert refused("<" * 501).reason == "too_long"


def test_configured_letters_are_allowed() -> None:
    """A letter that the configuration adds passes, and only that one."""
    assert clean_comment("é", required=True, extra_letters="é") == "é"
    assert [one.char for one in refused("éè", extra_letters="é").characters] == ["è"]


@given(st.text(max_size=200))
def test_a_cleaned_comment_is_clean(text: str) -> None:
    """Whatever is written is refused, or holds only what is allowed and stays the same when cleaned again."""
    try:
        comment = clean_comment(text, required=True)
    except Refused:
        return
    assert comment is not None
    assert set(comment) <= COMMENT_CHARACTERS
    assert clean_comment(comment, required=True) == comment


@pytest.mark.parametrize("phone", ["070-123 45 67", "+46 70 123 45 67", "0" * 30, "-"])
def test_a_phone_number_passes(phone: str) -> None:
    """Digits, spaces, hyphens and plus signs pass, up to thirty."""
    assert clean_phone(phone) == phone


@pytest.mark.parametrize("phone", ["070a", "(08) 1", "070/12", "١٢٣", "070\u00a01", "070.1"])
def test_a_phone_number_with_anything_else_is_refused(phone: str) -> None:
    """Anything else is refused and named, digits of other scripts too."""
    with pytest.raises(Refused) as caught:
        clean_phone(phone)
    assert caught.value.reason == "characters"
    assert caught.value.characters


def test_a_phone_number_may_be_empty_and_not_too_long() -> None:
    """Empty is none; 31 characters are refused."""
    assert clean_phone("  ") is None
    with pytest.raises(Refused) as caught:
        clean_phone("0" * 31)
    assert (caught.value.reason, caught.value.max_length) == ("too_long", 30)


@given(st.one_of(st.none(), st.text(max_size=100)))
def test_a_number_from_the_settings_always_fits(text: str | None) -> None:
    """Whatever a patient's own settings hold, what is filled in passes the rule."""
    phone = phone_from_settings(text)
    assert phone is None or (clean_phone(phone) == phone and set(phone) <= PHONE_CHARACTERS)


def test_a_number_from_the_settings_keeps_its_digits() -> None:
    """Refused characters become spaces."""
    assert phone_from_settings("tel: (08) 12/34") == "08  12 34"
