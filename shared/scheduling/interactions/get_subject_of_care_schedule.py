"""GetSubjectOfCareSchedule: a patient's booked times at a facility (source: contract description 1.3)."""

from __future__ import annotations

from typing import Any

from lxml import etree

from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Timeslot
from shared.scheduling.reading import children, read_timeslot


def to_wire(facility: str, subject: SubjectOfCareId) -> dict[str, Any]:
    """The request's fields."""
    return {"healthcare_facility": facility, "subject_of_care": subject.reveal()}


def from_wire(answer: etree._Element) -> tuple[Timeslot, ...]:
    """The booked times, in the order in which they came."""
    return tuple(read_timeslot(child) for child in children(answer, "timeslotDetail"))
