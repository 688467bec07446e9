"""Commands: name → what it does. One table for HTTP and WebSocket; each is a pure decision on the folded rebooking.

A decision says what to append and what to ask the workers, or is a Refusal. Nothing here does I/O.
Source: the interface, "Commands"; the flow, "Exact rules".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.gateway import refusals
from services.gateway.eligibility import target
from services.gateway.snapshot import IDLE, Choices, ChosenTimeslot, Facts, Folded
from shared.configuration import Configuration
from shared.contracts import commands as contract
from shared.contracts.civil_time import CivilTime
from shared.contracts.commands import AnyClientCommand, CurrentTime, LookUp
from shared.contracts.events import EventName, rfc3339
from shared.contracts.identifiers import hsa_key
from shared.contracts.model import Identity, Language, SearchFilters, Timeslot
from shared.contracts.problems import URN, Problem, ProblemType, Refusal
from shared.contracts.rules import (
    TIME_TYPE_NAME_MAX_LENGTH,
    Refused,
    clean_comment,
    clean_phone,
    further_window,
    horizon,
)
from shared.contracts.sections import (
    OPEN_OUTCOMES,
    TRY_AGAIN_OUTCOMES,
    DaysData,
    DetailsData,
    HiddenReason,
    SectionName,
    State,
    TimeslotOption,
)
from shared.presentation.yellow_box import yellow_box

BOOKING_FRESH_SECONDS = 60
"""For how long page 1's answer is believed on page 2 (source: the seed; the flow, page 2)."""

LONGEST_LOOK_UP = 25.0
"""The longest time in seconds that a look-up may take, whatever the booking systems' own limits add up to."""

START = "start"
"""The id of the look-up that a rebooking begins with, which no client's command has caused."""

REACHED = frozenset({State.READY.value, State.EMPTY.value, State.FAILED.value})
"""The states in which a section's data, if any, is as complete as it will be by itself."""


@dataclass(frozen=True)
class Asked:
    """All that a decision is made on: the command's circumstances and the rebooking with its private parts opened.

    `sealed` is the asker's identity for the workers; `today` is the civil date, taken once for this command.
    """

    rebooking_id: str
    facts: Facts
    folded: Folded
    identity: Identity
    sealed: str
    configuration: Configuration
    now: dt.datetime
    today: dt.date
    traceparent: str | None = None
    booking: Timeslot | None = None
    timeslots: Mapping[str, Timeslot] = field(default_factory=dict)
    chosen: ChosenTimeslot | None = None

    @property
    def language(self) -> Language:
        """The rebooking's language."""
        return self.facts.language

    @property
    def choices(self) -> Choices:
        """The choices as they stand."""
        return self.folded.current_choices(self.facts.facility)


@dataclass(frozen=True)
class Decision:
    """What a command does: new values of sections, the look-up that fills them, and which look-ups it supersedes.

    With `choices` it is told as `choice.made`, else as `section.loading`. `details` is told after it.
    The message's basis is set when the seq is known.
    """

    sections: Mapping[SectionName, dict[str, Any]]
    choices: Choices | None = None
    rebase: tuple[SectionName, ...] = ()
    message: LookUp | None = None
    chosen: ChosenTimeslot | None = None
    details: dict[str, Any] | None = None

    @property
    def name(self) -> EventName:
        """The event that tells it."""
        return EventName.CHOICE_MADE if self.choices is not None else EventName.SECTION_LOADING

    @property
    def awaited(self) -> tuple[SectionName, ...]:
        """The sections that the message is to fill."""
        return tuple(name for name, value in self.sections.items() if value["state"] == State.LOADING.value)


def deadline(configuration: Configuration, facilities: Iterable[str], now: dt.datetime) -> float:
    """When a look-up is given up, in UTC seconds: twice the slowest system's reading and waiting time, at most 25 s.

    Twice, because a search may extend itself once or fetch a day's timeslots after the days.
    """
    longest = 0.0
    for hsa_id in facilities:
        facility = configuration.facility(hsa_id)
        producer = configuration.producer_of(facility) if facility else None
        if producer is not None:
            longest = max(longest, 2 * producer.timeouts.read + 2 * producer.limits.wait)
    return now.timestamp() + min(longest or LONGEST_LOOK_UP, LONGEST_LOOK_UP)


def loading(now: dt.datetime, data: Any = None) -> dict[str, Any]:
    """A section that is waited for; what was there before may stay to be seen meanwhile."""
    value: dict[str, Any] = {"state": State.LOADING.value, "waiting_since": rfc3339(now)}
    return value if data is None else {**value, "data": data}


def begin(asked: Asked) -> Decision:
    """A rebooking's first entry: booking, facilities and terms are looked up, nothing is chosen."""
    awaited = (SectionName.BOOKING, SectionName.FACILITIES, SectionName.TERMS)
    sections = {name: loading(asked.now) if name in awaited else IDLE for name in SectionName}
    return Decision(
        sections=sections,
        choices=Choices(),
        rebase=tuple(SectionName),
        message=contract.LookUpBooking(
            **_head(asked, START, [asked.facts.facility]),
            facility=asked.facts.facility,
            booking_id=asked.facts.booking_id,
            sections=awaited,
        ),
    )


def decide(asked: Asked, command: AnyClientCommand) -> Decision:
    """Decide any command but `confirm`, which the ledger decides. Raises Refusal."""
    check_open(asked, command)
    return DECISIONS[command.name](asked, command)


def check_open(asked: Asked, command: AnyClientCommand) -> None:
    """Refuse what the outcome or the booking forbids, whatever the command: the order of the flow's stops."""
    state = asked.folded.outcome_state
    if state in OPEN_OUTCOMES:
        raise Refusal(Problem(type=ProblemType.REBOOKING_IN_PROGRESS))
    if state is not None and state not in TRY_AGAIN_OUTCOMES:
        raise Refusal(Problem(type=ProblemType.BOOKING_CHANGED))
    booking = asked.folded.section(SectionName.BOOKING)
    if booking["state"] == State.FAILED.value and command.name != "retry":
        raise Refusal(problem_of(booking["problem"]))


def problem_of(shown: Mapping[str, Any]) -> Problem:
    """A problem as a value again, from how a section shows it."""
    return Problem(
        type=ProblemType(shown["type"].removeprefix(URN)),
        facility=shown.get("facility_name"),
        phone=shown.get("facility_phone"),
        reason=shown.get("reason"),
        detail=shown.get("detail"),
        retry_after=shown.get("retry_after"),
    )


def choose_facilities(asked: Asked, command: contract.ChooseFacilities) -> Decision:
    """Search the chosen facilities; the booking is looked up again when page 1's answer is too old."""
    booking = _booking(asked)
    listed = [option["facility"] for option in asked.folded.data(SectionName.FACILITIES) or ()]
    found = [
        target(
            asked.configuration, hsa_id, own=asked.facts.facility, offered=listed, supported=_supported(asked, hsa_id)
        ).id
        for hsa_id in {hsa_key(one): one for one in command.facilities}.values()
    ]
    facilities = tuple(dict.fromkeys(found))
    sections = {
        SectionName.PERFORMERS: loading(asked.now),
        SectionName.DAYS: loading(asked.now),
        SectionName.TIMESLOTS: IDLE,
        SectionName.DETAILS: IDLE,
    }
    wanted: tuple[SectionName, ...] = (SectionName.PERFORMERS, SectionName.DAYS)
    shown = asked.folded.section(SectionName.BOOKING)
    if _age(shown, asked.now) > BOOKING_FRESH_SECONDS:
        sections = {SectionName.BOOKING: loading(asked.now, shown.get("data")), **sections}
        wanted = (SectionName.BOOKING, *wanted)
    choices = Choices(facilities=facilities, facilities_confirmed=True)
    return Decision(
        sections=sections,
        choices=choices,
        rebase=tuple(sections),
        message=_search(asked, command.id, booking, choices, facilities, wanted),
    )


def choose_performer(asked: Asked, command: contract.ChoosePerformer) -> Decision:
    """Search again from window 1, at the facilities that have the person; null = everybody, everywhere chosen.

    Raises Refusal (invalid) when there is no such person.
    """
    booking = _booking(asked)
    chosen = _confirmed(asked)
    facilities, performer = chosen.facilities, None
    if command.performer is not None:
        key = hsa_key(command.performer)
        options = asked.folded.data(SectionName.PERFORMERS) or ()
        option = next((one for one in options if hsa_key(one["performer"]) == key), None)
        if option is None:
            raise refusals.field("performer", "performer_unknown", asked.language)
        performer = option["performer"]
        having = set(map(hsa_key, option["facilities"]))
        facilities = tuple(one for one in facilities if hsa_key(one) in having)
    choices = Choices(facilities=chosen.facilities, facilities_confirmed=True, performer=performer)
    sections = {
        SectionName.DAYS: loading(asked.now),
        SectionName.TIMESLOTS: IDLE,
        SectionName.DETAILS: IDLE,
    }
    return Decision(
        sections=sections,
        choices=choices,
        rebase=tuple(sections),
        message=_search(asked, command.id, booking, choices, facilities, (SectionName.DAYS,)),
    )


def search_further(asked: Asked, command: contract.SearchFurther) -> Decision:
    """Search one month more; what was found stays, and so does a day that was chosen.

    Raises Refusal: invalid while days are still coming, window-too-long beyond the horizon.
    """
    booking = _booking(asked)
    choices = _confirmed(asked)
    days = _days(asked)
    if asked.folded.section(SectionName.DAYS)["state"] == State.PARTIAL.value:
        raise refusals.field("name", "days_first", asked.language)
    last = horizon(asked.today, asked.configuration.search.horizon_months)
    if not days.can_search_further or further_window(days.last_day).last > last:
        raise Refusal(Problem(type=ProblemType.WINDOW_TOO_LONG))
    return _further(asked, command.id, booking, choices, days)


def _further(asked: Asked, command_id: str, booking: Timeslot, choices: Choices, days: DaysData) -> Decision:
    facilities = _searched(asked, choices)
    rebase = (SectionName.DAYS,) if choices.day else (SectionName.DAYS, SectionName.TIMESLOTS)
    return Decision(
        sections={SectionName.DAYS: loading(asked.now, days.model_dump(mode="json"))},
        rebase=rebase,
        message=contract.SearchFurtherDays(
            **_head(asked, command_id, facilities),
            **_where(asked, booking, choices, facilities),
            found=days.model_copy(update={"chosen": choices.day}),
        ),
    )


def choose_day(asked: Asked, command: contract.ChooseDay) -> Decision:
    """Look up a day's timeslots at the facilities that have it. Raises Refusal (invalid) for any other day."""
    booking = _booking(asked)
    chosen = _confirmed(asked)
    day = next((one for one in _days(asked).days if one.date == command.date), None)
    if day is None or day.date < asked.today:
        raise refusals.field("date", "day_unknown", asked.language)
    choices = chosen.model_copy(update={"day": day.date, "timeslot_id": None})
    sections = {SectionName.TIMESLOTS: loading(asked.now), SectionName.DETAILS: IDLE}
    return Decision(
        sections=sections,
        choices=choices,
        rebase=tuple(sections),
        message=_timeslots(asked, command.id, booking, choices, day.date, day.facilities),
    )


def choose_timeslot(asked: Asked, command: contract.ChooseTimeslot) -> Decision:
    """Choose a timeslot that is shown; details follow at once, with phone and comment as they were.

    Raises Refusal: invalid before a day is chosen, timeslot-unknown for one that isn't shown or can't be chosen.
    """
    booking = _booking(asked)
    chosen = _confirmed(asked)
    shown = asked.folded.data(SectionName.TIMESLOTS)
    if shown is None and chosen.day is None:
        raise refusals.field("name", "day_first", asked.language)
    options = (shown or {}).get("timeslots", ())
    option = next((one for one in options if one["timeslot_id"] == command.timeslot_id), None)
    read = asked.timeslots.get(command.timeslot_id)
    if option is None or read is None or option["current"] or _passed(read, asked.now):
        raise Refusal(Problem(type=ProblemType.TIMESLOT_UNKNOWN))
    timeslot = ChosenTimeslot(
        timeslot_id=command.timeslot_id, facility=TimeslotOption.model_validate(option).facility, timeslot=read
    )
    phone = asked.folded.phone if asked.folded.phone_known else asked.identity.phone
    choices = chosen.model_copy(update={"timeslot_id": command.timeslot_id})
    return _with_details(asked, command.id, booking, choices, timeslot, asked.folded.comment, phone)


def give_details(asked: Asked, command: contract.GiveDetails) -> Decision:
    """Take comment and phone for the chosen timeslot; what isn't mentioned stays as it was.

    Raises Refusal (invalid) before a timeslot is chosen, and for what the shared rules refuse.
    """
    booking = _booking(asked)
    choices = _confirmed(asked)
    if asked.chosen is None or choices.timeslot_id is None:
        raise refusals.field("name", "timeslot_first", asked.language)
    given = command.model_fields_set
    comment = command.comment if "comment" in given else asked.folded.comment
    phone = command.phone if "phone" in given else asked.folded.phone
    comment = checked_comment(asked, asked.chosen.timeslot, comment)
    try:
        phone = clean_phone(phone)
    except Refused as refused:
        raise refusals.of_text("phone", refused, asked.language) from refused
    return _with_details(asked, command.id, booking, choices, asked.chosen, comment, phone)


def checked_comment(asked: Asked, timeslot: Timeslot, comment: str | None) -> str | None:
    """The comment in its one form: required where the timeslot takes one, dropped where it doesn't. Raises Refusal."""
    if not timeslot.message_allowed:
        return None
    rules = asked.configuration.comment
    try:
        return clean_comment(comment, required=True, extra_letters=rules.extra_letters, max_length=rules.max_length)
    except Refused as refused:
        raise refusals.of_text("comment", refused, asked.language) from refused


def _with_details(
    asked: Asked,
    command_id: str,
    booking: Timeslot,
    choices: Choices,
    chosen: ChosenTimeslot,
    comment: str | None,
    phone: str | None,
) -> Decision:
    """Details for a chosen timeslot; after a refused try the day's timeslots are fetched again at the same time."""
    required = bool(chosen.timeslot.message_allowed)
    comment = comment if required else None
    details = DetailsData(
        comment_required=required,
        comment=comment,
        phone=phone,
        complete=comment is not None or not required,
        summary=yellow_box(
            chosen.timeslot,
            facility=asked.configuration.facility(chosen.facility),
            language=asked.language,
            reason=comment,
        ),
    )
    value = {"state": State.READY.value, "data": details.model_dump(mode="json")}
    sections: dict[SectionName, dict[str, Any]] = {}
    message = None
    if asked.folded.outcome_state in TRY_AGAIN_OUTCOMES and choices.day is not None:
        shown = asked.folded.data(SectionName.TIMESLOTS)
        sections[SectionName.TIMESLOTS] = loading(asked.now, shown)
        message = _timeslots(asked, command_id, booking, choices, choices.day, _having(asked, choices))
    return Decision(
        sections=sections,
        choices=choices,
        rebase=(*sections, SectionName.DETAILS),
        message=message,
        chosen=chosen,
        details=value,
    )


def retry(asked: Asked, command: contract.Retry) -> Decision:
    """Fetch a section again that failed, that the registry's silence hides, or whose answer lacks some facility.

    Raises Refusal (invalid) for any other section.
    """
    section, value = command.section, asked.folded.section(command.section)
    hidden_by_silence = value.get("reason") == HiddenReason.REGISTRY_UNAVAILABLE.value
    if not (value["state"] == State.FAILED.value or hidden_by_silence or _lacks_some(value)):
        raise refusals.field("section", "nothing_to_retry", asked.language)
    if section in (SectionName.BOOKING, SectionName.FACILITIES, SectionName.TERMS):
        return _retry_start(asked, command)
    booking = _booking(asked)
    choices = _confirmed(asked)
    facilities = _searched(asked, choices)
    if section is SectionName.PERFORMERS:
        return Decision(
            sections={section: loading(asked.now)},
            rebase=(section,),
            message=_search(asked, command.id, booking, choices, choices.facilities, (section,)),
        )
    if section is SectionName.DAYS:
        if value["state"] == State.FAILED.value and value.get("data") is not None:
            return _further(asked, command.id, booking, choices, _days(asked))
        rebase = (section, SectionName.TIMESLOTS) if asked.folded.choices.day is None else (section,)
        return Decision(
            sections={section: loading(asked.now)},
            rebase=rebase,
            message=_search(asked, command.id, booking, choices, facilities, (section,)),
        )
    if choices.day is None:
        raise refusals.field("name", "day_first", asked.language)
    return Decision(
        sections={section: loading(asked.now)},
        rebase=(section,),
        message=_timeslots(asked, command.id, booking, choices, choices.day, _having(asked, choices)),
    )


def _retry_start(asked: Asked, command: contract.Retry) -> Decision:
    wanted: tuple[SectionName, ...] = (command.section,)
    if command.section is SectionName.FACILITIES:
        wanted = (SectionName.FACILITIES, SectionName.TERMS)
    return Decision(
        sections={name: loading(asked.now) for name in wanted},
        rebase=wanted,
        message=contract.LookUpBooking(
            **_head(asked, command.id, [asked.facts.facility]),
            facility=asked.facts.facility,
            booking_id=asked.facts.booking_id,
            sections=wanted,
        ),
    )


def _lacks_some(section: Mapping[str, Any]) -> bool:
    data = section.get("data")
    searched = data.get("searched", ()) if isinstance(data, dict) else ()
    return section["state"] == State.READY.value and any(one.get("problem") for one in searched)


def _booking(asked: Asked) -> Timeslot:
    if asked.booking is None:
        raise refusals.field("name", "booking_first", asked.language)
    return asked.booking


def _confirmed(asked: Asked) -> Choices:
    if not asked.folded.choices.facilities_confirmed:
        raise refusals.field("name", "facilities_first", asked.language)
    return asked.choices


def _days(asked: Asked) -> DaysData:
    data = asked.folded.data(SectionName.DAYS)
    if data is None:
        raise refusals.field("name", "days_first", asked.language)
    return DaysData.model_validate(data)


def _supported(asked: Asked, hsa_id: str) -> frozenset[str] | None:
    """What the registry said that a facility supports, None when it said nothing of it."""
    told = asked.folded.beside.get("contracts", {}).get("data") or ()
    found = next((one["contracts"] for one in told if hsa_key(one["facility"]) == hsa_key(hsa_id)), None)
    return frozenset(found) if found is not None else None


def _searched(asked: Asked, choices: Choices) -> tuple[str, ...]:
    """The chosen facilities that have the chosen person; all of them when nobody in particular is chosen."""
    if choices.performer is None:
        return choices.facilities
    options = asked.folded.data(SectionName.PERFORMERS) or ()
    key = hsa_key(choices.performer)
    having = {hsa_key(one) for option in options if hsa_key(option["performer"]) == key for one in option["facilities"]}
    return tuple(one for one in choices.facilities if hsa_key(one) in having) or choices.facilities


def _having(asked: Asked, choices: Choices) -> tuple[str, ...]:
    """The facilities that have free timeslots on the chosen day."""
    days = (asked.folded.data(SectionName.DAYS) or {}).get("days", ())
    day = choices.day.isoformat() if choices.day else None
    return next((tuple(one["facilities"]) for one in days if one["date"] == day), _searched(asked, choices))


def _age(section: Mapping[str, Any], now: dt.datetime) -> float:
    fetched_at = section.get("fetched_at")
    return (now - dt.datetime.fromisoformat(fetched_at)).total_seconds() if fetched_at else float("inf")


def _passed(timeslot: Timeslot, now: dt.datetime) -> bool:
    return timeslot.start is not None and timeslot.start <= CivilTime.of(now)


def _head(asked: Asked, command_id: str, facilities: Iterable[str]) -> dict[str, Any]:
    """What every message to the workers has; the basis is set when the seq is known."""
    return {
        "rebooking_id": asked.rebooking_id,
        "command_id": command_id,
        "basis": 0,
        "deadline": deadline(asked.configuration, facilities, asked.now),
        "today": asked.today,
        "language": asked.language,
        "sealed": asked.sealed,
        "traceparent": asked.traceparent,
    }


def _where(asked: Asked, booking: Timeslot, choices: Choices, facilities: tuple[str, ...]) -> dict[str, Any]:
    """Where to search, by what, and the time that the patient has already.

    A time type's name over 100 characters is left out, its id goes alone (source: the flow, "timeTypeName").
    """
    name = booking.time_type_name
    return {
        "facilities": facilities,
        "booking_facility": asked.facts.facility,
        "filters": SearchFilters(
            booking_id=asked.facts.booking_id,
            performer=choices.performer,
            time_type_name=name if name and len(name) <= TIME_TYPE_NAME_MAX_LENGTH else None,
            time_type_id=booking.time_type_id,
            care_type_name=booking.care_type_name,
            care_type_id=booking.care_type_id,
        ),
        "current": CurrentTime(facility=asked.facts.facility, start=booking.start, end=booking.end),
    }


def _search(
    asked: Asked,
    command_id: str,
    booking: Timeslot,
    choices: Choices,
    facilities: tuple[str, ...],
    sections: tuple[SectionName, ...],
) -> LookUp:
    involved = (asked.facts.facility, *facilities) if SectionName.BOOKING in sections else facilities
    return contract.SearchDays(
        **_head(asked, command_id, involved), **_where(asked, booking, choices, facilities), sections=sections
    )


def _timeslots(
    asked: Asked, command_id: str, booking: Timeslot, choices: Choices, day: dt.date, facilities: tuple[str, ...]
) -> LookUp:
    return contract.LookUpTimeslots(
        **_head(asked, command_id, facilities), **_where(asked, booking, choices, facilities), date=day
    )


DECISIONS: dict[str, Callable[[Asked, Any], Decision]] = {
    "choose_facilities": choose_facilities,
    "choose_performer": choose_performer,
    "search_further": search_further,
    "choose_day": choose_day,
    "choose_timeslot": choose_timeslot,
    "give_details": give_details,
    "retry": retry,
}
"""Every command but `confirm`, which services.gateway.confirm hands to the ledger."""
