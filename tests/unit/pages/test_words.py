"""The pages' words: complete in both languages, and the seed's own letter by letter."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from babel.messages.pofile import PoFileError, read_po

from services.gateway.pages import drawing
from services.gateway.pages.words import CATALOGUE, LIST_WORDS, WORDS, read_words, words
from shared.contracts.sections import OutcomeState

VERBATIM = {
    "my_bookings": "Mina bokade tider",
    "all_bookings": "Bokade tider",
    "show_more": "visa mer",
    "show_less": "dölj text",
    "terms_heading": "Villkorssida, välj mottagning",
    "choose_facility": "Välj mottagning",
    "time_heading": "Ombokningssida",
    "choose_performer": "Välj person",
    "day_free": "Lediga tider finns detta datum",
    "day_none": "Inga lediga tider tillgängliga detta datum",
    "day_chosen": "Vald dag med tillgängliga tider",
    "choose_time": "VÄLJ TID",
    "comment_heading": "Vad är anledningen till bokningen?",
    "comment_grey": "Jag ombokar tiden med anledning av ...",
    "next_step": "Fortsätt till nästa steg i ombokningen",
    "summary_heading": "Sammanfattning av tiden",
    "confirm": "Ja, genomför ombokningen",
    "not_rebooked": "Tiden är inte ombokad. Var vänlig försök igen!",
}


@pytest.mark.parametrize("key", VERBATIM)
def test_the_seeds_words_are_shown_letter_by_letter(key: str) -> None:
    """What the seed shows the patient is shown exactly so."""
    assert words(key, "sv") == VERBATIM[key]


def test_searching_further_names_the_last_day() -> None:
    """The dots of the seed's label stand for the last day searched."""
    assert words("further", "sv", day="28 februari 2026") == "Sök längre fram i tiden efter 28 februari 2026"


@pytest.mark.parametrize("key", WORDS)
def test_english_is_complete(key: str) -> None:
    """Each text stands in both languages, with the same things to fill in."""
    blanks = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in WORDS[key]]
    assert all(WORDS[key])
    assert blanks[0] == blanks[1]


def test_nothing_in_the_catalogue_is_unsettled() -> None:
    """Every text has a key of its own, and no translation is marked as a guess or as left over."""
    with CATALOGUE.open("rb") as content:
        catalogue = read_po(content, locale="en", abort_invalid=True)
    keys = [one.context for one in catalogue if one.id]
    assert all(keys)
    assert len(set(keys)) == len(keys) == len(WORDS)
    assert [one.context for one in catalogue if one.id and one.fuzzy] == []
    assert not catalogue.obsolete


def test_a_catalogue_that_is_none_is_told(tmp_path: Path) -> None:
    """A slip of a translator stops the start with babel's error, instead of showing half of the texts."""
    file = tmp_path / "omboka.po"
    file.write_text('msgctxt "back"\nmsgid "Tillbaka"\nmstr "Back"\n', encoding="utf-8")
    with pytest.raises(PoFileError):
        read_words(file)


@pytest.mark.parametrize("state", list(OutcomeState))
def test_the_list_says_how_each_rebooking_ended(state: OutcomeState) -> None:
    """Each state of an outcome has its words in the list of bookings."""
    assert LIST_WORDS[state.value] in WORDS


def test_no_text_is_left_over() -> None:
    """Each text is shown by a template or by the code that names it."""
    folder = Path(drawing.__file__).parent.parent
    shown = "".join(file.read_text(encoding="utf-8") for file in sorted((folder / "templates").glob("*.html")))
    states = {f"cell_{state}" for state in ("free", "none", "chosen", "unknown")} | set(LIST_WORDS.values())
    assert [key for key in WORDS if f'"{key}"' not in shown and key not in states] == []
