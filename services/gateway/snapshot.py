"""The snapshot: a pure fold over a rebooking's log. Whoever folds the same entries sees the same rebooking.

An entry that was folded already changes nothing, so a prefix may be replayed as often as one likes.
Source: architecture, "A rebooking is an event log"; the interface, "Snapshot".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_core import from_json

from shared.contracts.events import EventName, rfc3339
from shared.contracts.identifiers import hsa_key
from shared.contracts.model import Frozen, Language, Timeslot
from shared.contracts.sections import OPEN_OUTCOMES, TRY_AGAIN_OUTCOMES, OutcomeState, SectionName, State
from shared.messaging.event_log import IDLE_SECONDS, OPEN_OUTCOME_SECONDS, Entry

IDLE: dict[str, Any] = {"state": State.IDLE.value}
UNFINISHED = frozenset({State.LOADING.value, State.PARTIAL.value})
CHOICE_KEY = "choice:"
LEDGER_KEY = "ledger:"


class Facts(Frozen):
    """What a log is opened with and never changes; sealed in the log's head. `created_at` is aware."""

    facility: str
    booking_id: str
    language: Language
    created_at: dt.datetime


class Choices(Frozen):
    """What the patient has chosen so far."""

    facilities: tuple[str, ...] = ()
    facilities_confirmed: bool = False
    performer: str | None = None
    day: dt.date | None = None
    timeslot_id: str | None = None


class ChosenTimeslot(Frozen):
    """The private part of choosing a timeslot: as it was read, and its facility's id in the catalogue. Sealed."""

    timeslot_id: str
    facility: str
    timeslot: Timeslot


@dataclass(frozen=True)
class Seen:
    """A client's command that is in the log: its seq and the hash of its content (empty = not known)."""

    seq: int
    fingerprint: str


@dataclass(frozen=True)
class Look:
    """The look-up that a section waits for: the seq it stands on, its command, and its deadline (UTC seconds)."""

    basis: int
    command_id: str
    deadline: float | None


@dataclass(frozen=True)
class Folded:
    """A rebooking as its log tells it up to `seq`.

    `last_choice` is the seq that the next choice must name; `last_choice_made` that of the patient's last choice.
    `booking`, `timeslots` and `chosen` are sealed private parts. `kept_until` is in UTC seconds.
    """

    seq: int = 0
    choices: Choices = field(default_factory=Choices)
    sections: Mapping[str, dict[str, Any]] = field(default_factory=lambda: {name.value: IDLE for name in SectionName})
    beside: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    outcome: dict[str, Any] | None = None
    last_choice: int = 0
    last_choice_made: int = 0
    looks: Mapping[str, Look] = field(default_factory=dict)
    commands: Mapping[str, Seen] = field(default_factory=dict)
    told: Mapping[str, int] = field(default_factory=dict)
    booking: bytes | None = None
    timeslots: bytes | None = None
    chosen: bytes | None = None
    comment: str | None = None
    phone: str | None = None
    phone_known: bool = False
    kept_until: float = 0.0

    def section(self, name: SectionName) -> dict[str, Any]:
        """A section's whole value."""
        return self.sections[name.value]

    def data(self, name: SectionName) -> Any:
        """A section's data, None when there is none."""
        return self.sections[name.value].get("data")

    @property
    def outcome_state(self) -> OutcomeState | None:
        """Where the confirmed rebooking stands; None when nothing is confirmed."""
        return OutcomeState(self.outcome["state"]) if self.outcome else None

    def overdue(self, now: float, grace: float) -> list[tuple[SectionName, Look]]:
        """The sections whose look-up should have ended more than `grace` seconds ago, and didn't.

        The first day's timeslots are awaited from when the day is known, though nothing says so in their section.
        """
        late = []
        for name in SectionName:
            look, state = self.looks.get(name.value), self.section(name)["state"]
            waits = state in UNFINISHED or (
                name is SectionName.TIMESLOTS and state == State.IDLE.value and self.chosen_day is not None
            )
            if waits and look is not None and look.deadline is not None and look.deadline + grace <= now:
                late.append((name, look))
        return late

    @property
    def chosen_day(self) -> dt.date | None:
        """The day whose timeslots are shown: the patient's, else the one that the search chose."""
        if self.choices.day is not None:
            return self.choices.day
        chosen = (self.data(SectionName.DAYS) or {}).get("chosen")
        return dt.date.fromisoformat(chosen) if chosen else None

    def current_choices(self, own: str) -> Choices:
        """The choices with what stands in for those not made yet: the initial facility and the search's day."""
        chosen = self.choices.model_copy(update={"day": self.chosen_day})
        if chosen.facilities_confirmed:
            return chosen
        return chosen.model_copy(update={"facilities": self._initial_facilities(own)})

    def _initial_facilities(self, own: str) -> tuple[str, ...]:
        """The own facility if listed, else the only one, else none (source: the flow, decision 7)."""
        facilities = self.section(SectionName.FACILITIES)
        if facilities["state"] in (State.HIDDEN.value, State.FAILED.value):
            return (own,)
        listed = [option["facility"] for option in facilities.get("data") or ()]
        if hsa_key(own) in map(hsa_key, listed):
            return (own,)
        return tuple(listed) if len(listed) == 1 else ()

    def public(self, rebooking_id: str, facts: Facts, *, subject_name: str | None) -> dict[str, Any]:
        """The JSON object of the interface."""
        return {
            "id": rebooking_id,
            "seq": self.seq,
            "created_at": rfc3339(facts.created_at),
            "expires_at": rfc3339(dt.datetime.fromtimestamp(self.kept_until, dt.UTC)),
            "language": facts.language,
            "subject_name": subject_name,
            "choices": self.current_choices(facts.facility).model_dump(mode="json"),
            "sections": dict(self.sections),
            "outcome": self.outcome,
        }


def fold(folded: Folded, entries: Iterable[Entry]) -> Folded:
    """Fold entries onto what was folded before; those that are in it already change nothing."""
    for entry in entries:
        if entry.seq > folded.seq:
            folded = _one(folded, entry)
    return folded


def _one(folded: Folded, entry: Entry) -> Folded:
    frame = from_json(entry.public)
    name, data, command_id = frame["name"], frame["data"], frame.get("command_id")
    changes: dict[str, Any] = {"seq": entry.seq, "kept_until": max(folded.kept_until, _kept_until(frame))}
    if entry.is_choice:
        changes["last_choice"] = entry.seq
    if entry.rebase:
        look = Look(entry.seq, command_id or "", entry.deadline)
        changes["looks"] = {**folded.looks, **dict.fromkeys(entry.rebase, look)}
    client_id = _client_id(entry, command_id)
    if client_id is not None and client_id not in folded.commands:
        changes["commands"] = {**folded.commands, client_id: Seen(entry.seq, entry.fingerprint)}
    if name == EventName.CHOICE_MADE:
        changes |= _choice(folded, entry, data)
    elif "outcome" in data:
        changes |= _outcome(folded, entry.key, data["outcome"])
    elif "section" in data:
        changes |= _sections(folded, {data["section"]: data["value"]}, entry.private)
    return replace(folded, **changes)


def _choice(folded: Folded, entry: Entry, data: dict[str, Any]) -> dict[str, Any]:
    choices = Choices.model_validate(data["choices"])
    changes = _sections(folded, data["sections"], None)
    changes |= {"choices": choices, "last_choice_made": entry.seq}
    if choices.timeslot_id is None:
        changes["chosen"] = None
    elif entry.private is not None:
        changes["chosen"] = entry.private
    if folded.outcome_state in TRY_AGAIN_OUTCOMES:
        changes["outcome"] = None
    return changes


def _outcome(folded: Folded, key: str, outcome: dict[str, Any]) -> dict[str, Any]:
    """Take what the ledger tells, unless the same row has told something later already."""
    if not key.startswith(LEDGER_KEY):
        return {"outcome": outcome}
    _, row, n = key.split(":")
    if int(n) <= folded.told.get(row, 0):
        return {}
    return {"outcome": outcome, "told": {**folded.told, row: int(n)}}


def _sections(folded: Folded, values: dict[str, dict[str, Any]], private: bytes | None) -> dict[str, Any]:
    known = {name: value for name, value in values.items() if name in folded.sections}
    beside = {name: value for name, value in values.items() if name not in folded.sections}
    changes: dict[str, Any] = {}
    if known:
        changes["sections"] = {**folded.sections, **known}
    if beside:
        changes["beside"] = {**folded.beside, **beside}
    if SectionName.BOOKING in values and private is not None:
        changes["booking"] = private
    if SectionName.TIMESLOTS in values and (private is not None or "data" not in values[SectionName.TIMESLOTS]):
        changes["timeslots"] = private
    details = values.get(SectionName.DETAILS, {}).get("data")
    if details:
        changes |= {"phone": details["phone"], "phone_known": True}
        if details["comment_required"]:
            changes["comment"] = details["comment"]
    return changes


def _client_id(entry: Entry, command_id: str | None) -> str | None:
    """The client's command that this entry is the first of: a choice's, or a confirm's by the ledger's first event."""
    if entry.key.startswith(CHOICE_KEY):
        return entry.key.removeprefix(CHOICE_KEY)
    if entry.key.startswith(LEDGER_KEY) and entry.key.endswith(":1"):
        return command_id
    return None


def _kept_until(frame: dict[str, Any]) -> float:
    open_outcome = (frame["data"].get("outcome") or {}).get("state") in OPEN_OUTCOMES
    ttl = OPEN_OUTCOME_SECONDS if open_outcome else IDLE_SECONDS
    return dt.datetime.fromisoformat(frame["at"]).timestamp() + ttl
