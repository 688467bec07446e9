"""The shapes of what the gateway answers, for its documents: what the OpenAPI and AsyncAPI documents are made of.

Sections, commands, problems and outcomes come from the shared contracts; here is only what the gateway adds.
Source: the interface.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from services.gateway.snapshot import Choices
from shared.contracts.identifiers import RebookingId
from shared.contracts.model import Language, SourceStatus
from shared.contracts.problems import NotEligible
from shared.contracts.sections import (
    BookingData,
    DaysData,
    DetailsData,
    FacilityOption,
    FacilityTerms,
    HiddenReason,
    OutcomeState,
    PerformerOption,
    State,
    Summary,
    TimeslotsData,
)

Data = TypeVar("Data")
Seq = Annotated[int, Field(ge=0, description="Rises by one for each event of a rebooking.")]
CivilText = Annotated[str, Field(description="YYYY-MM-DDTHH:MM:SS, Swedish civil time without a zone.")]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)


class Character(_Answer):
    """A character that a text may not hold, named."""

    char: str
    codepoint: Annotated[str, Field(pattern=r"^U\+[0-9A-F]{4,6}$")]
    name: str


class FieldError(_Answer):
    """One field that can't be accepted, and why."""

    field: str
    message: str
    characters: list[Character] | None = None


class ProblemDetails(BaseModel):
    """What has gone wrong (RFC 9457). Decide by `type` (`urn:omboka:problem:` and a slug); show title and detail."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(pattern=r"^(urn:omboka:problem:[a-z-]+|about:blank)$")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str | None = None
    reason: NotEligible | Literal["no_answer"] | str | None = None
    errors: list[FieldError] | None = None
    retry_after: int | None = Field(default=None, description="Seconds to wait before trying again.")
    facility_name: str | None = None
    facility_phone: str | None = None


class SectionOf(_Answer, Generic[Data]):
    """One part of a rebooking, whole, as it is now. What has no value is left out."""

    state: State
    problem: ProblemDetails | None = None
    reason: HiddenReason | None = None
    source_status: SourceStatus | None = None
    fetched_at: dt.datetime | None = None
    waiting_since: dt.datetime | None = None
    data: Data | None = None


class BookingSection(SectionOf[BookingData]):
    """The booked time."""


class FacilitiesSection(SectionOf[list[FacilityOption]]):
    """The facilities that it may be moved to."""


class TermsSection(SectionOf[list[FacilityTerms]]):
    """The terms of each facility."""


class PerformersSection(SectionOf[list[PerformerOption]]):
    """The people who may be chosen."""


class DaysSection(SectionOf[DaysData]):
    """The days with free timeslots."""


class TimeslotsSection(SectionOf[TimeslotsData]):
    """The timeslots of the chosen day."""


class DetailsSection(SectionOf[DetailsData]):
    """Comment and phone for the chosen timeslot."""


class ContractsSupported(_Answer):
    """What a facility supports by the registry; null = the registry doesn't say."""

    facility: str
    contracts: list[str] | None
    source_status: SourceStatus


class ContractsSection(SectionOf[list[ContractsSupported]]):
    """What the original facility supports: told beside the sections, not part of the snapshot."""


class Sections(_Answer):
    """Every section; none when only the ledger knows of the rebooking any more."""

    booking: BookingSection | None = None
    facilities: FacilitiesSection | None = None
    terms: TermsSection | None = None
    performers: PerformersSection | None = None
    days: DaysSection | None = None
    timeslots: TimeslotsSection | None = None
    details: DetailsSection | None = None


class OutcomeShown(_Answer):
    """What became of a confirmed rebooking."""

    state: OutcomeState
    command_id: str
    updated_at: dt.datetime
    result_text: str | None = None
    notice: str | None = None
    summary: Summary | None = None
    booking_id: str | None = None
    phone: str | None = None
    problem: ProblemDetails | None = None
    waiting: bool | None = None


class Snapshot(_Answer):
    """A rebooking as it is after the event `seq`."""

    id: RebookingId
    seq: Seq
    created_at: dt.datetime
    expires_at: dt.datetime
    language: Language
    subject_name: str | None
    choices: Choices
    sections: Sections
    outcome: OutcomeShown | None


class Me(_Answer):
    """Who the token says you are; `acting_for` = whom you act for, when that is somebody else."""

    name: str | None
    masked_subject: str
    acting_for: str | None
    expires_at: dt.datetime


class LastRebooking(_Answer):
    """The last rebooking of a booking, and what became of it."""

    id: RebookingId
    outcome: OutcomeShown


class ListedBooking(BookingData):
    """A booked time; `can_rebook` null = its booking system doesn't say before it is asked for the details."""

    can_rebook: bool | None
    rebooking: LastRebooking | None


class Source(_Answer):
    """How the search for booked times went at one facility."""

    facility: str
    facility_name: str
    state: Literal["loading", "ready", "failed"]
    source_status: SourceStatus
    problem: ProblemDetails | None = None


class BookingsList(_Answer):
    """The booked times that have come so far, by start time, and how each facility answered."""

    bookings: list[ListedBooking]
    sources: list[Source]


class CommandTaken(_Answer):
    """The command was taken; `seq` is its first event's."""

    command_id: str
    seq: Seq


class TicketGiven(_Answer):
    """A ticket for one WebSocket of this rebooking, good once for `expires_in` seconds."""

    ticket: str
    expires_in: float


class Health(_Answer):
    """The process answers."""

    status: Literal["ok"]


class Readiness(_Answer):
    """Whether the gateway can serve, and what is missing."""

    status: Literal["ready", "unavailable"]
    missing: list[Literal["event_log", "broker", "ledger", "token_keys", "draining"]]


class EventFrame(_Answer):
    """What every event frame has; `final` = no further event for this command."""

    type: Literal["event"]
    seq: Seq
    at: dt.datetime
    command_id: str | None
    name: str
    final: bool
    data: dict[str, Any]


class ChoiceData(_Answer):
    """A choice: all choices as they now are, and the whole value of each section that it changed."""

    choices: Choices
    sections: Sections


class OutcomeData(_Answer):
    """A step of a confirmed rebooking."""

    outcome: OutcomeShown


class AcceptedFrame(_Answer):
    """The command was taken; `seq` is its first event's."""

    type: Literal["accepted"]
    id: str
    seq: Seq


class ProblemFrame(_Answer):
    """A command or frame was refused; `id` is the command's, when it could be read."""

    type: Literal["problem"]
    id: str | None
    problem: ProblemDetails


class PongFrame(_Answer):
    """The answer to a ping."""

    type: Literal["pong"]


class ResyncFrame(_Answer):
    """What the client has is not in the log: fetch the snapshot; the next event is live."""

    type: Literal["resync"]
