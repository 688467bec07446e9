"""UpdateBooking: move a booking to the chosen timeslot (source: contract description 1.2, 3.3; the flow, decision 4).

The chosen timeslot is echoed value for value as it was read. What isn't the booking system's to say is ours: the
subject, the original booking's id, the target facility and the reason. Flags and isInvitation are left out.
"""

from __future__ import annotations

from typing import Any

from shared.scheduling.port import UpdateRequest


def to_wire(request: UpdateRequest) -> dict[str, Any]:
    """The request's fields."""
    chosen = request.timeslot
    return {
        "requestedTimeslot": {
            "startTimeInclusive": chosen.start,
            "endTimeExclusive": chosen.end,
            "healthcare_facility": request.facility,
            "performer": chosen.performer,
            "bookingId": request.booking_id,
            "subject_of_care": request.subject.reveal(),
            "purpose": chosen.purpose,
            "reason": request.reason or None,
            "resourceName": chosen.resource_name,
            "healthcare_facility_name": chosen.healthcare_facility_name,
            "performerName": chosen.performer_name,
            "resourceID": chosen.resource_id,
            "timeTypeName": chosen.time_type_name,
            "timeTypeID": chosen.time_type_id,
            "careTypeName": chosen.care_type_name,
            "careTypeID": chosen.care_type_id,
        },
        "subject_of_care_info": {
            "phone": request.phone or None,
            "firstName": request.first_name,
            "lastName": request.last_name,
        },
        "notification": request.notification or None,
    }
