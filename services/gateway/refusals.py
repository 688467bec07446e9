"""The words for a field that can't be accepted, in both languages; a field's own content is never repeated.

Source: the interface, `invalid`; the flow's rules of comment and phone.
"""

from __future__ import annotations

from pydantic import ValidationError

from shared.contracts.model import Language
from shared.contracts.problems import FieldFault, Problem, ProblemType, Refusal, invalid
from shared.contracts.rules import Refused

WORDS: dict[str, tuple[str, str]] = {
    "booking_first": ("Bokningen är inte hämtad än.", "The booking hasn't been fetched yet."),
    "facilities_first": ("Välj mottagning först.", "Choose a facility first."),
    "days_first": ("Dagarna är inte hämtade än.", "The days haven't been fetched yet."),
    "day_first": ("Välj dag först.", "Choose a day first."),
    "timeslot_first": ("Välj tid först.", "Choose a timeslot first."),
    "performer_unknown": ("Personen finns inte att välja.", "That person can't be chosen."),
    "day_unknown": ("Dagen har inga lediga tider.", "That day has no free timeslots."),
    "nothing_to_retry": ("Det finns inget att hämta igen.", "There is nothing to fetch again."),
    "comment_required": ("Skriv anledningen till bokningen.", "Write the reason for the booking."),
    "comment_too_long": ("Skriv högst {max} tecken.", "Write at most {max} characters."),
    "comment_characters": ("Texten innehåller tecken som inte får användas.", "The text holds characters not allowed."),
    "phone_too_long": ("Skriv högst {max} tecken.", "Write at most {max} characters."),
    "phone_characters": (
        "Använd bara siffror, mellanslag, bindestreck och plustecken.",
        "Use only digits, spaces, hyphens and plus signs.",
    ),
    "name_missing": ("Namnet saknas i inloggningen.", "The name is missing from the token."),
    "json": ("Är inte giltig JSON.", "Isn't valid JSON."),
    "too_large": ("Är för stort.", "Is too large."),
    "missing": ("Måste finnas.", "Is required."),
    "extra_forbidden": ("Känns inte igen.", "Isn't known."),
    "form": ("Har fel form.", "Has the wrong form."),
    "csrf": ("X-CSRF-Token saknas eller är fel.", "X-CSRF-Token is missing or wrong."),
}


def words(key: str, language: Language, **values: object) -> str:
    """One of the texts, filled in."""
    swedish, english = WORDS[key]
    return (swedish if language == "sv" else english).format(**values)


def field(name: str, key: str, language: Language) -> Refusal:
    """The refusal of one field."""
    return invalid(name, words(key, language))


def of_text(name: str, refused: Refused, language: Language) -> Refusal:
    """The refusal of a comment or a phone number by the shared rules, each refused character named."""
    text = words(f"{name}_{refused.reason}", language, max=refused.max_length)
    return invalid(name, text, characters=refused.characters)


def of_validation(error: ValidationError, language: Language) -> Refusal:
    """The refusal of a body that isn't of the right form: each fault by its field, nothing of what was sent."""
    faults = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        kind = fault["type"]
        if kind.startswith("union_tag"):
            faults.append(FieldFault(field="name", message=words("missing" if "found" in kind else "form", language)))
            continue
        place = [str(part) for part in fault["loc"] if isinstance(part, int) or part.isidentifier()]
        key = "json" if kind.startswith("json") else kind if kind in WORDS else "form"
        if (kind, *place[-1:]) == ("too_short", "facilities"):
            key = "facilities_first"
        faults.append(FieldFault(field=_field(place), message=words(key, language)))
    return Refusal(Problem(type=ProblemType.INVALID, errors=tuple(faults[:20])))


COMMAND_NAMES = frozenset(
    {
        "choose_facilities",
        "choose_performer",
        "search_further",
        "choose_day",
        "choose_timeslot",
        "give_details",
        "confirm",
        "retry",
    }
)


def _field(place: list[str]) -> str:
    """A fault's place without the command's name, which the check of a command puts first."""
    if place and place[0] in COMMAND_NAMES:
        place = place[1:]
    return ".".join(place)[:100] or "body"
