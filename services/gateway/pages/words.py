"""The pages' words: Swedish is the source, English a complete translation; `{name}` is filled in.

They stand in a gettext catalogue that any translator's tool opens, and are read from it as it is: nothing is compiled.
Source: the flow's strings; those between guillemets there stand in the catalogue letter by letter.
"""

from __future__ import annotations

from pathlib import Path

from babel.messages.pofile import read_po

from shared.contracts.model import Language

CATALOGUE = Path(__file__).parent / "locales" / "en" / "LC_MESSAGES" / "omboka.po"


def read_words(file: Path = CATALOGUE) -> dict[str, tuple[str, str]]:
    """The texts of a catalogue by their keys, Swedish and English; babel's PoFileError when it isn't one."""
    with file.open("rb") as content:
        catalogue = read_po(content, locale="en", charset="utf-8", abort_invalid=True)
    return {str(one.context): (str(one.id), str(one.string)) for one in catalogue if one.id}


WORDS = read_words()
"""Every text of the pages by its key: Swedish, English."""

LIST_WORDS = {
    "confirmed": "list_confirmed",
    "accepted": "list_open",
    "sending": "list_open",
    "unknown": "list_unknown",
    "rejected": "list_failed",
    "not_applied": "list_failed",
    "other_time": "list_other_time",
    "manual": "list_manual",
}
"""What the list of bookings says of a rebooking's outcome, by its state."""


def words(key: str, language: Language, **values: object) -> str:
    """One of the texts, filled in."""
    return WORDS[key][0 if language == "sv" else 1].format(**values)
