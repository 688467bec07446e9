"""The port to the booking systems: one method for each interaction, in the model's words.

Every method addresses one facility, whose booking system and address come from the configuration alone, and raises
only SchedulingFailure. `timeout` is in seconds and bounds the whole call by the wall clock; None = the producer's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import (
    Actor,
    AvailableDate,
    FacilityInfo,
    Interaction,
    PerformerInfo,
    SearchFilters,
    Timeslot,
    UpdateResult,
)
from shared.contracts.rules import DateWindow


@dataclass(frozen=True)
class CallContext:
    """What goes along on a call beside its own content: who acts, and the correlation id of the click behind it."""

    actor: Actor
    correlation_id: str | None = None
    timeout: float | None = None


@dataclass(frozen=True)
class UpdateRequest:
    """One UpdateBooking, ready to be written; what is left out here is left out on the wire.

    `timeslot` is the chosen timeslot as it was read, and the interaction itself sets what the flow rules (decision 4)
    say of its subject, booking id, facility, reason and flags.
    """

    facility: str
    timeslot: Timeslot
    booking_id: str
    subject: SubjectOfCareId
    first_name: str
    last_name: str
    phone: str | None = None
    reason: str | None = None
    notification: str | None = None


class LookUps(Protocol):
    """The interactions that only read. Every method raises SchedulingFailure when there is no usable answer."""

    async def get_subject_of_care_schedule(
        self, facility: str, subject: SubjectOfCareId, context: CallContext
    ) -> tuple[Timeslot, ...]:
        """The patient's booked times at a facility."""

    async def get_booking_details(self, facility: str, booking_id: str, context: CallContext) -> Timeslot | None:
        """One booking; None when the facility doesn't have it."""

    async def get_all_healthcare_facilities(
        self, facility: str, subject: SubjectOfCareId, booking_id: str, context: CallContext
    ) -> tuple[FacilityInfo, ...]:
        """The facilities that the booking may be moved to, asked of the one that has it."""

    async def get_all_performers(
        self, facility: str, subject: SubjectOfCareId, time_type_ids: Sequence[str], context: CallContext
    ) -> tuple[PerformerInfo, ...]:
        """The people at a facility who take the given types of time."""

    async def get_available_dates(
        self, facility: str, subject: SubjectOfCareId, window: DateWindow, filters: SearchFilters, context: CallContext
    ) -> tuple[AvailableDate, ...]:
        """The days within the window that have free timeslots."""

    async def get_available_timeslots(
        self, facility: str, subject: SubjectOfCareId, window: DateWindow, filters: SearchFilters, context: CallContext
    ) -> tuple[Timeslot, ...]:
        """The free timeslots within the window."""

    async def get_supported_service_contracts(self, facility: str) -> frozenset[Interaction]:
        """What the registry says that we may ask of a facility; an unknown facility gives the empty set."""

    async def ping_for_configuration(self, facility: str) -> str:
        """Ask whether the booking system of a facility is alive; gives the version that it states."""


class Connection(Protocol):
    """An open connection (TCP and TLS up, nothing written) on which exactly one UpdateBooking may be sent."""

    async def send(self) -> UpdateResult:
        """Write the request, once, and read its answer strictly. Raises SchedulingFailure."""

    async def close(self) -> None:
        """Give the connection up; safe to call again."""


class Updates(Protocol):
    """The interaction that writes, in the two halves between which the ledger commits."""

    async def connect(self, request: UpdateRequest, context: CallContext) -> Connection:
        """Build the whole request and open a fresh connection for it. Raises NotReached when that fails."""
