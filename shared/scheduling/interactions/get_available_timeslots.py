"""GetAvailableTimeslots: the free timeslots of a window (source: contract description 1.3)."""

from __future__ import annotations

from lxml import etree

from shared.contracts.model import Timeslot
from shared.scheduling.interactions.get_available_dates import to_wire
from shared.scheduling.reading import children, read_timeslot

__all__ = ["from_wire", "to_wire"]


def from_wire(answer: etree._Element) -> tuple[Timeslot, ...]:
    """The free timeslots, each as it was sent; one without start or end can't be booked and is left out."""
    found = (read_timeslot(child) for child in children(answer, "timeslotDetail"))
    return tuple(timeslot for timeslot in found if timeslot.start and timeslot.end)
