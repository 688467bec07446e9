"""GetAllHealthcareFacilities: where a booking may be moved to, asked of the facility that has it (source: 1.3, 3.3)."""

from __future__ import annotations

from typing import Any

from lxml import etree

from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import FacilityInfo
from shared.scheduling.reading import children, texts


def to_wire(facility: str, subject: SubjectOfCareId, booking_id: str) -> dict[str, Any]:
    """The request's fields; the booking id is mandatory when a booking is moved."""
    return {"healthcare_facility": facility, "subject_of_care": subject.reveal(), "bookingId": booking_id}


def from_wire(answer: etree._Element) -> tuple[FacilityInfo, ...]:
    """The facilities; an entry without an HSA-id names nobody and is left out."""
    entries = (texts(child) for child in children(answer, "healthcareFacilityInfos"))
    return tuple(
        FacilityInfo(healthcare_facility=entry["healthcare_facility"], name=entry.get("healthcare_facility_name"))
        for entry in entries
        if "healthcare_facility" in entry
    )
