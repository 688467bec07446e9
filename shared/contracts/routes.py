"""Which task takes which message, and on which queue: every name on the broker stands here."""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts import commands
from shared.contracts.model import Frozen

LOOK_UP_QUEUE = "look_up"
BOOKING_QUEUE = "booking"
DEAD_LETTER_EXCHANGE = "dlx"
DEAD_LETTER_QUEUE = "booking.dead"


@dataclass(frozen=True)
class Route:
    """A message's task and queue; `confirmed` = the broker must say that it has it."""

    task: str
    queue: str
    confirmed: bool = False


ROUTES: dict[type[Frozen], Route] = {
    commands.LookUpBooking: Route("availability.look_up_booking", LOOK_UP_QUEUE),
    commands.SearchDays: Route("availability.search_days", LOOK_UP_QUEUE),
    commands.SearchFurtherDays: Route("availability.search_further_days", LOOK_UP_QUEUE),
    commands.LookUpTimeslots: Route("availability.look_up_timeslots", LOOK_UP_QUEUE),
    commands.LookUpBookings: Route("availability.look_up_bookings", LOOK_UP_QUEUE),
    commands.Rebook: Route("booking.rebook", BOOKING_QUEUE, confirmed=True),
}
