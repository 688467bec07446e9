"""The problems: everything that a client or a patient can be told has gone wrong, and the words for it.

A problem is a value; `Refusal` carries one through code as an exception. `public` makes it the RFC 9457 object that
HTTP, events and pages share. Source: the interface, "Problem types"; the flow, page 1's stops.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from shared.contracts.model import Frozen, Language
from shared.contracts.rules import RefusedCharacter

URN = "urn:omboka:problem:"


class ProblemType(StrEnum):
    """The closed family of problem types, by slug."""

    INVALID = "invalid"
    NOT_FOUND = "not-found"
    NOT_AUTHENTICATED = "not-authenticated"
    NOT_ALLOWED = "not-allowed"
    REBOOKING_NOT_ALLOWED = "rebooking-not-allowed"
    OPEN_INVITATION = "open-invitation"
    ALREADY_PASSED = "already-passed"
    FACILITY_NOT_ELIGIBLE = "facility-not-eligible"
    TIMESLOT_UNKNOWN = "timeslot-unknown"
    REBOOKING_IN_PROGRESS = "rebooking-in-progress"
    BOOKING_CHANGED = "booking-changed"
    KEY_REUSED = "key-reused"
    FACILITY_UNAVAILABLE = "facility-unavailable"
    WINDOW_TOO_LONG = "window-too-long"
    EXPIRED = "expired"
    TOO_MANY_REQUESTS = "too-many-requests"
    OVERLOADED = "overloaded"


class NotEligible(StrEnum):
    """Why a facility can't be rebooked to or from here."""

    NOT_IN_CATALOGUE = "not_in_catalogue"
    NOT_CONFIGURED = "not_configured"
    SEVERAL_SYSTEMS = "several_systems"
    CONTRACT_MISSING = "contract_missing"
    NOT_OFFERED = "not_offered"


class Words(NamedTuple):
    """A problem's HTTP status, and its title and detail in Swedish and English; `{name}` is filled in."""

    status: int
    sv_title: str
    sv: str
    en_title: str
    en: str


WORDS: dict[ProblemType, Words] = {
    ProblemType.INVALID: Words(
        422,
        "Uppgifterna kan inte tas emot",
        "Rätta det som är markerat och försök igen.",
        "The information can't be accepted",
        "Correct what is marked and try again.",
    ),
    ProblemType.NOT_FOUND: Words(
        404, "Vi hittar inte bokningen", "Vi hittar inte bokningen.", "Not found", "We can't find the booking."
    ),
    ProblemType.NOT_AUTHENTICATED: Words(
        401, "Du är inte inloggad", "Logga in och försök igen.", "You are not signed in", "Sign in and try again."
    ),
    ProblemType.NOT_ALLOWED: Words(
        403, "Det är inte tillåtet", "Du får inte göra det här.", "Not allowed", "You may not do this."
    ),
    ProblemType.REBOOKING_NOT_ALLOWED: Words(
        409,
        "Tiden kan inte bokas om här",
        "Den här tiden kan inte bokas om här. Kontakta mottagningen på {phone}.",
        "The time can't be rebooked here",
        "This time can't be rebooked here. Contact the facility on {phone}.",
    ),
    ProblemType.OPEN_INVITATION: Words(
        409,
        "Kallelsen saknar tid",
        "Kallelsen saknar tid. Boka tid i stället för att boka om.",
        "The invitation has no time",
        "The invitation has no time. Book a time instead of rebooking.",
    ),
    ProblemType.ALREADY_PASSED: Words(
        409, "Tiden har varit", "Tiden har redan varit.", "The time has passed", "The time has already passed."
    ),
    ProblemType.FACILITY_NOT_ELIGIBLE: Words(
        409,
        "Ombokning finns inte",
        "Ombokning finns inte för {facility}. Ring {phone}.",
        "Rebooking isn't offered",
        "Rebooking isn't offered for {facility}. Call {phone}.",
    ),
    ProblemType.TIMESLOT_UNKNOWN: Words(
        409,
        "Tiden finns inte att välja",
        "Den tiden finns inte längre att välja. Välj en annan tid.",
        "The timeslot can't be chosen",
        "That timeslot can no longer be chosen. Choose another one.",
    ),
    ProblemType.REBOOKING_IN_PROGRESS: Words(
        409,
        "En ombokning pågår",
        "En ombokning av tiden pågår redan. Vänta på besked; boka inte om igen.",
        "A rebooking is in progress",
        "The time is already being rebooked. Wait for the outcome; don't rebook again.",
    ),
    ProblemType.BOOKING_CHANGED: Words(
        409,
        "Bokningen har ändrats",
        "Bokningen eller dina val har ändrats sedan sidan visades. Titta igenom dem och försök igen.",
        "The booking has changed",
        "The booking or your choices have changed since they were shown. Look through them and try again.",
    ),
    ProblemType.KEY_REUSED: Words(
        422,
        "Samma id, annat innehåll",
        "Samma kommando-id har redan använts med annat innehåll. Använd ett nytt id.",
        "Same id, other content",
        "The same command id has been used with other content. Use a new id.",
    ),
    ProblemType.FACILITY_UNAVAILABLE: Words(
        503,
        "Mottagningen svarar inte",
        "Tekniskt fel. Försök igen om en stund.",
        "The facility doesn't answer",
        "Technical error. Try again in a while.",
    ),
    ProblemType.WINDOW_TOO_LONG: Words(
        422,
        "För lång sökperiod",
        "Sök högst 62 dagar åt gången, och inte längre fram än vad som kan bokas.",
        "Too long a period",
        "Search at most 62 days at a time, and no further ahead than can be booked.",
    ),
    ProblemType.EXPIRED: Words(
        410,
        "Sidan har legat öppen för länge",
        "Sidan har legat öppen för länge. Börja om.",
        "The page has been open too long",
        "The page has been open too long. Start again.",
    ),
    ProblemType.TOO_MANY_REQUESTS: Words(
        429,
        "För många försök",
        "Vänta en stund och försök igen.",
        "Too many requests",
        "Wait a while and try again.",
    ),
    ProblemType.OVERLOADED: Words(
        503,
        "Tjänsten är överbelastad",
        "Tekniskt fel. Försök igen om en stund.",
        "The service is overloaded",
        "Technical error. Try again in a while.",
    ),
}


class FieldFault(Frozen):
    """One field that can't be accepted, why, and for a text the characters that it may not hold."""

    field: str
    message: str
    characters: tuple[dict[str, str], ...] = ()


class Problem(Frozen):
    """Something that went wrong, as a value; `facility`, `phone` are the catalogue's name and number for its words."""

    type: ProblemType
    facility: str | None = None
    phone: str | None = None
    reason: str | None = None
    detail: str | None = None
    errors: tuple[FieldFault, ...] = ()
    retry_after: int | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return WORDS[self.type].status

    def public(self, language: Language = "sv") -> dict[str, Any]:
        """The RFC 9457 object in the given language; members without a value are left out."""
        words = WORDS[self.type]
        title, detail = (words.sv_title, words.sv) if language == "sv" else (words.en_title, words.en)
        names = {"facility": self.facility or "mottagningen", "phone": self.phone or ""}
        shown: dict[str, Any] = {
            "type": URN + self.type.value,
            "title": title,
            "status": words.status,
            "detail": self.detail or detail.format(**names),
        }
        if self.reason is not None:
            shown["reason"] = self.reason
        if self.errors:
            shown["errors"] = [
                {key: value for key, value in fault.model_dump(mode="json").items() if key != "characters" or value}
                for fault in self.errors
            ]
        if self.retry_after is not None:
            shown["retry_after"] = self.retry_after
        if self.facility is not None:
            shown["facility_name"] = self.facility
        if self.phone is not None:
            shown["facility_phone"] = self.phone
        return shown


class Refusal(Exception):
    """Raised when something asked for is refused; `problem` is what the asker is told."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.type.value)
        self.problem = problem


def invalid(field: str, message: str, *, characters: tuple[RefusedCharacter, ...] = ()) -> Refusal:
    """Make the refusal of one field."""
    named = tuple({"char": one.char, "codepoint": one.codepoint, "name": one.name} for one in characters)
    fault = FieldFault(field=field, message=message, characters=named)
    return Refusal(Problem(type=ProblemType.INVALID, errors=(fault,)))
