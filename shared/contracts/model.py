"""The model: what the booking systems' answers mean to us, free of the wire's names and quirks.

One `Timeslot` serves both for a free timeslot and for a booked one, as on the wire. It is kept as it was read, because
UpdateBooking must echo the chosen timeslot value for value (source: the flow rules, decision 4).
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.civil_time import CivilTime
from shared.contracts.identifiers import HsaId, SubjectOfCareId


class Frozen(BaseModel):
    """A value: it never changes after it is made, and ignores fields of a later version that it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Interaction(StrEnum):
    """The service interactions that we use, by their names on the wire (source: contract description 1.1)."""

    GET_SUBJECT_OF_CARE_SCHEDULE = "GetSubjectOfCareSchedule"
    GET_BOOKING_DETAILS = "GetBookingDetails"
    GET_ALL_HEALTHCARE_FACILITIES = "GetAllHealthcareFacilities"
    GET_ALL_PERFORMERS = "GetAllPerformers"
    GET_ALL_CARE_TYPES = "GetAllCareTypes"
    GET_AVAILABLE_DATES = "GetAvailableDates"
    GET_AVAILABLE_TIMESLOTS = "GetAvailableTimeslots"
    UPDATE_BOOKING = "UpdateBooking"
    PING_FOR_CONFIGURATION = "PingForConfiguration"
    GET_SUPPORTED_SERVICE_CONTRACTS = "GetSupportedServiceContracts"


REQUIRED_TO_REBOOK = frozenset(
    {Interaction.GET_AVAILABLE_DATES, Interaction.GET_AVAILABLE_TIMESLOTS, Interaction.UPDATE_BOOKING}
)
"""The interactions without which a facility can't be a target (source: the flow rules, decision 6)."""


class ActorType(StrEnum):
    """Who acts: the citizen's side, or a professional on their behalf (source: header schema, actorType)."""

    SUBJECT_OF_CARE = "subject_of_care"
    AGENT = "subject_of_care_agent"


class Actor(Frozen):
    """Who makes the calls: a personal number for the citizen's side, an HSA-id for an agent."""

    id: SubjectOfCareId | HsaId
    type: ActorType

    @property
    def wire_id(self) -> str:
        """The id in clear, for the Actor header and for sealing alone."""
        return self.id.reveal() if isinstance(self.id, SubjectOfCareId) else self.id


class Identity(Frozen):
    """On whose behalf something is done: the subject of care, their names and phone, and the actor.

    It travels between our services only inside a sealed token.
    """

    subject: SubjectOfCareId
    given_name: str | None = Field(default=None, repr=False)
    family_name: str | None = Field(default=None, repr=False)
    phone: str | None = Field(default=None, repr=False)
    actor: Actor


class Timeslot(Frozen):
    """A time at a facility, free or booked, half-open [start, end), every field as the booking system gave it.

    Absent and empty are the same (None). An absent flag means no (source: contract description 2.1), except that the
    difference is kept, so that nothing is invented when a timeslot is shown or stored. The repr leaves out what may be
    about a person: the texts, and the resource's id, for which systems are seen to use numbers like a personal one.
    """

    start: CivilTime | None = None
    end: CivilTime | None = None
    healthcare_facility: str | None = None
    performer: str | None = None
    booking_id: str | None = None
    subject_of_care: SubjectOfCareId | None = None
    purpose: str | None = Field(default=None, repr=False)
    reason: str | None = Field(default=None, repr=False)
    resource_name: str | None = None
    healthcare_facility_name: str | None = None
    performer_name: str | None = None
    resource_id: str | None = Field(default=None, repr=False)
    time_type_name: str | None = None
    time_type_id: str | None = None
    care_type_name: str | None = None
    care_type_id: str | None = None
    cancel_booking_allowed: bool | None = None
    rebooking_allowed: bool | None = None
    message_allowed: bool | None = None
    is_invitation: bool | None = None

    @property
    def is_open_invitation(self) -> bool:
        """Whether this is an invitation without a time, which must be booked and not rebooked."""
        return bool(self.is_invitation) and self.start is None

    @property
    def who(self) -> str | None:
        """The first that exists of the performer's, the resource's and the care type's name (source: the seed)."""
        return self.performer_name or self.resource_name or self.care_type_name


class PerformerInfo(Frozen):
    """A person whom a patient may choose (source: PerformerInfoType)."""

    performer: str
    first_name: str
    last_name: str
    title: str | None = None


class FacilityInfo(Frozen):
    """A facility that a booking may be moved to; its name on the wire is never shown (source: the seed)."""

    healthcare_facility: str
    name: str | None = None


class AvailableDate(Frozen):
    """A day with at least one free timeslot (source: PerformerAvailabilityByDateType)."""

    date: dt.date
    healthcare_facility: str | None = None
    performer: str | None = None
    resource_id: str | None = None
    time_type_id: str | None = None
    care_type_id: str | None = None


class ResultCode(StrEnum):
    """What a booking system says of an update (source: ResultCodeEnum)."""

    OK = "OK"
    INFO = "INFO"
    ERROR = "ERROR"


class UpdateResult(Frozen):
    """UpdateBooking's answer: the code and, for INFO and ERROR, the text that must be shown."""

    code: ResultCode
    text: str | None = None


class SourceStatus(StrEnum):
    """How fresh an answer is, in the field's own words (source: ProcessingStatus)."""

    FROM_SOURCE = "DataFromSource"
    FROM_CACHE = "DataFromCache"
    STALE = "DataFromCacheSynchFailed"
    NONE = "NoDataSynchFailed"


class SearchFilters(Frozen):
    """What a search for free times is narrowed by; the booking id always goes along (source: the flow rules)."""

    booking_id: str
    performer: str | None = None
    time_type_name: str | None = None
    time_type_id: str | None = None
    care_type_name: str | None = None
    care_type_id: str | None = None


Language = Literal["sv", "en"]
"""The languages that the patient may be told things in; Swedish is the source."""

Text = Annotated[str, StringConstraints(max_length=100_000)]
"""Text from outside, bounded."""
