"""The commands: what clients ask of a rebooking, and what the gateway then asks of the workers.

A client's command is refused whole when it holds anything unknown. A message between services ignores unknown fields,
so that two versions can run side by side, and never holds a personal number in clear: `sealed` does.
Source: the interface, "HTTP"; architecture, "Look-ups never wait for each other".
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from shared.contracts.civil_time import CivilTime
from shared.contracts.identifiers import BookingId, CommandId, HsaId, RebookingId, TimeslotId
from shared.contracts.model import Frozen, Language, SearchFilters
from shared.contracts.sections import DaysData, SectionName

FreeText = Annotated[str, StringConstraints(max_length=4000)]


class _FromClient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class StartRebooking(_FromClient):
    """`POST /v1/rebookings`: begin to move a booking."""

    facility: HsaId
    booking_id: BookingId
    language: Language | None = None


class ClientCommand(_FromClient):
    """What every command to a rebooking has: the client's own id for it."""

    id: CommandId


class ChooseFacilities(ClientCommand):
    """Leave page 1 with these facilities; alone starts the search."""

    name: Literal["choose_facilities"]
    facilities: Annotated[tuple[HsaId, ...], Field(min_length=1, max_length=200)]


class ChoosePerformer(ClientCommand):
    """Search again for one person, or for all with null."""

    name: Literal["choose_performer"]
    performer: HsaId | None


class SearchFurther(ClientCommand):
    """Search the month after the last one searched."""

    name: Literal["search_further"]


class ChooseDay(ClientCommand):
    """Show the timeslots of a day."""

    name: Literal["choose_day"]
    date: dt.date


class ChooseTimeslot(ClientCommand):
    """Choose one of the timeslots shown."""

    name: Literal["choose_timeslot"]
    timeslot_id: TimeslotId


class GiveDetails(ClientCommand):
    """Give the comment, where the chosen timeslot takes one, and the phone number."""

    name: Literal["give_details"]
    comment: FreeText | None = None
    phone: FreeText | None = None


class Confirm(ClientCommand):
    """«Ja, genomför ombokningen»; with `seq`, only if no choice came after it."""

    name: Literal["confirm"]
    seq: int | None = Field(default=None, ge=0)


class Retry(ClientCommand):
    """Fetch a section again that failed."""

    name: Literal["retry"]
    section: SectionName


AnyClientCommand = Annotated[
    ChooseFacilities | ChoosePerformer | SearchFurther | ChooseDay | ChooseTimeslot | GiveDetails | Confirm | Retry,
    Field(discriminator="name"),
]
CLIENT_COMMAND: TypeAdapter[AnyClientCommand] = TypeAdapter(AnyClientCommand)
"""Checks a command from a client; ValidationError for anything else."""


class LookUp(Frozen):
    """A message to the availability workers.

    `sealed` is the Identity as a sealed token; `deadline` is UTC seconds since the epoch, after which no answer is
    wanted; `today` is the civil date taken once for this command.
    `basis` is the sequence number of the choice that caused it: results of an older basis change nothing.
    """

    v: Literal[1] = 1
    rebooking_id: RebookingId
    command_id: str
    basis: int
    deadline: float
    today: dt.date
    language: Language
    sealed: str
    traceparent: str | None = None


class CurrentTime(Frozen):
    """The time that the patient already has, to be marked among the free ones."""

    facility: str
    start: CivilTime | None = None
    end: CivilTime | None = None


class LookUpBooking(LookUp):
    """Look up the booking, what its facility supports, the facilities it may move to and their terms.

    `sections` = which of booking, facilities and terms are wanted (facilities brings terms along).
    """

    facility: str
    booking_id: BookingId
    sections: tuple[SectionName, ...] = (SectionName.BOOKING, SectionName.FACILITIES, SectionName.TERMS)


class SearchDays(LookUp):
    """Search the chosen facilities: contracts, performers, days, and the first day's timeslots, in one command.

    `sections` = which of booking, performers, days are wanted: booking when page 1's answer is over 60 s old, not
    performers after choose_performer. `booking_facility` is the original facility; `facilities` those searched.
    """

    facilities: tuple[str, ...]
    booking_facility: str
    filters: SearchFilters
    current: CurrentTime
    sections: tuple[SectionName, ...] = (SectionName.PERFORMERS, SectionName.DAYS)


class SearchFurtherDays(LookUp):
    """Search one month more; `found` is the days section's data as it stands."""

    facilities: tuple[str, ...]
    booking_facility: str
    filters: SearchFilters
    current: CurrentTime
    found: DaysData


class LookUpTimeslots(LookUp):
    """Look up the timeslots of a day at the facilities that have it."""

    facilities: tuple[str, ...]
    booking_facility: str
    filters: SearchFilters
    current: CurrentTime
    date: dt.date


class LookUpBookings(LookUp):
    """Look up the patient's booked times at each facility; `rebooking_id` is the list's own short log.

    `everywhere` = all facilities are meant and none by its name: those without the contract are left out.
    """

    facilities: tuple[str, ...]
    everywhere: bool = False


class Rebook(Frozen):
    """Wake a row of the ledger: all that the message holds is its id, so a forged one can do no more than that."""

    v: Literal[1] = 1
    row_id: str
    traceparent: str | None = None
