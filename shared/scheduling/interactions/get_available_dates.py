"""GetAvailableDates: the days that have free timeslots (source: contract description 1.3; the seed)."""

from __future__ import annotations

from typing import Any

from lxml import etree

from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import AvailableDate, SearchFilters
from shared.contracts.rules import TIME_TYPE_NAME_MAX_LENGTH, DateWindow
from shared.scheduling.reading import children, read_date, texts


def to_wire(facility: str, subject: SubjectOfCareId, window: DateWindow, filters: SearchFilters) -> dict[str, Any]:
    """The request's fields, shared with GetAvailableTimeslots.

    The booking id always goes along. A time type's name of over 100 characters is left out: its id goes alone.
    """
    name = filters.time_type_name
    return {
        "healthcare_facility": facility,
        "bookingId": filters.booking_id,
        "startDateInclusive": window.first.strftime("%Y%m%d"),
        "endDateInclusive": window.last.strftime("%Y%m%d"),
        "performer": [filters.performer] if filters.performer else [],
        "timeTypeName": name if name and len(name) <= TIME_TYPE_NAME_MAX_LENGTH else None,
        "timeTypeID": filters.time_type_id,
        "careTypeName": filters.care_type_name,
        "careTypeID": filters.care_type_id,
        "subject_of_care": subject.reveal(),
    }


def from_wire(answer: etree._Element) -> tuple[AvailableDate, ...]:
    """The days; an entry without a real date is left out."""
    found = []
    for child in children(answer, "performerAvailabilityByDate"):
        entry = texts(child)
        day = read_date(entry.get("date"))
        if day is not None:
            found.append(
                AvailableDate(
                    date=day,
                    healthcare_facility=entry.get("healthcare_facility"),
                    performer=entry.get("performer"),
                    resource_id=entry.get("resourceID"),
                    time_type_id=entry.get("timeTypeID"),
                    care_type_id=entry.get("careTypeID"),
                )
            )
    return tuple(found)
