"""Examples for the documents, made by the code itself, so that they can't disagree with what is really answered."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from services.gateway.snapshot import IDLE, Choices, Facts, Folded
from shared.contracts.events import EventName, encode, rfc3339, with_seq
from shared.contracts.problems import FieldFault, NotEligible, Problem, ProblemType
from shared.contracts.sections import Outcome, OutcomeState, SectionName, State

AT = dt.datetime(2026, 1, 15, 8, 0, tzinfo=dt.UTC)
REBOOKING_ID = "0123456789abcdef0123456789abcdef"
COMMAND_ID = "7d3c9b52-0f0e-4a51-9a0e-6f6b1b1f0c11"
FACILITY = "SE2321000016-1HZ5"

COMMANDS: dict[str, dict[str, Any]] = {
    "choose_facilities": {"facilities": [FACILITY]},
    "choose_performer": {"performer": None},
    "search_further": {},
    "choose_day": {"date": "2026-02-02"},
    "choose_timeslot": {"timeslot_id": "SvAdevECV7cvXmezurHuGd"},
    "give_details": {"comment": "Jag ombokar tiden", "phone": "070-123 45 67"},
    "confirm": {"seq": 13},
    "retry": {"section": "days"},
}
"""One of each command, without its id and name."""


def command(name: str) -> dict[str, Any]:
    """A command as it is posted."""
    return {"id": COMMAND_ID, "name": name, **COMMANDS[name]}


def problem(kind: ProblemType) -> dict[str, Any]:
    """A problem of this type, in English."""
    of_facility: dict[str, Any] = {"facility": "Vårdcentralen Lindängen", "phone": "08-465 004 11"}
    more: dict[ProblemType, dict[str, Any]] = {
        ProblemType.INVALID: {
            "errors": (
                FieldFault(
                    field="comment",
                    message="The text holds characters not allowed.",
                    characters=({"char": "&", "codepoint": "U+0026", "name": "ampersand"},),
                ),
            )
        },
        ProblemType.REBOOKING_NOT_ALLOWED: of_facility,
        ProblemType.FACILITY_NOT_ELIGIBLE: {**of_facility, "reason": NotEligible.SEVERAL_SYSTEMS.value},
        ProblemType.FACILITY_UNAVAILABLE: {**of_facility, "retry_after": 30},
        ProblemType.TOO_MANY_REQUESTS: {"retry_after": 7},
        ProblemType.OVERLOADED: {"retry_after": 1},
    }
    return Problem(type=kind, **more.get(kind, {})).public("en")


def snapshot() -> dict[str, Any]:
    """A rebooking that has just begun."""
    waiting = {"state": State.LOADING.value, "waiting_since": rfc3339(AT)}
    awaited = (SectionName.BOOKING, SectionName.FACILITIES, SectionName.TERMS)
    folded = Folded(
        seq=1,
        sections={name.value: waiting if name in awaited else IDLE for name in SectionName},
        kept_until=AT.timestamp() + 3600,
    )
    facts = Facts(facility=FACILITY, booking_id="1HZ5-0100001", language="sv", created_at=AT)
    return folded.public(REBOOKING_ID, facts, subject_name="Saga Ekström")


def outcome(state: OutcomeState) -> dict[str, Any]:
    """An outcome in this state."""
    return Outcome(state=state, command_id=COMMAND_ID, updated_at=AT).public()


def event(name: EventName) -> dict[str, Any]:
    """An event of this name, with as little in it as may be."""
    part, _, what = name.value.partition(".")
    data: dict[str, Any]
    if name is EventName.CHOICE_MADE:
        data = {"choices": Choices().model_dump(mode="json"), "sections": {"performers": IDLE}}
    elif part == "rebooking":
        data = {"outcome": outcome(OutcomeState(what))}
    elif part == "section":
        value: dict[str, Any] = {"state": what, "waiting_since": rfc3339(AT)}
        if what == State.FAILED.value:
            value = {"state": what, "problem": problem(ProblemType.FACILITY_UNAVAILABLE)}
        data = {"section": SectionName.DAYS.value, "value": value}
    else:
        state = State.READY.value if what == "extended" else what
        data = {"section": part, "value": {"state": state, "fetched_at": rfc3339(AT)}}
    public = encode(name, command_id=COMMAND_ID, at=AT, final=False, data=data)
    shown: dict[str, Any] = json.loads(with_seq(public, 7))
    return shown
