"""GetBookingDetails: one booking at the facility that has it (source: contract description 1.3 and 3.4)."""

from __future__ import annotations

from typing import Any

from lxml import etree

from shared.contracts.model import Timeslot
from shared.scheduling.reading import children, read_timeslot, texts


def to_wire(facility: str, booking_id: str) -> dict[str, Any]:
    """The request's fields."""
    return {"healthcare_facility": facility, "bookingId": booking_id}


def from_wire(answer: etree._Element) -> Timeslot | None:
    """The booking; an answer without timeslotDetail, or with an empty one, means that there is none."""
    detail = next(children(answer, "timeslotDetail"), None)
    return read_timeslot(detail) if detail is not None and texts(detail) else None
