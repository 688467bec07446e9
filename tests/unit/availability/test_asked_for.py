"""A booking is told only when it is what was asked for: the patient's own, at the facility that was asked."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet

from shared.clock import FixedClock
from shared.contracts.commands import LookUpBooking
from shared.contracts.sections import SectionName
from shared.messaging.event_log_memory import MemoryEventLog
from shared.scheduling.fake import FakeBookingSystems
from shared.sealing import Sealer
from tests.builders.availability import NOW, a_look_up, a_rebooking, an_availability, an_identity, eken
from tests.builders.scheduling import FACILITY, OTHER_FACILITY, a_booking, a_subject


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, b"booking.ready"),
        ({"healthcare_facility": None}, b"booking.ready"),
        ({"healthcare_facility": FACILITY.lower()}, b"booking.ready"),
        ({"healthcare_facility": OTHER_FACILITY}, b"not-found"),
        ({"subject_of_care": a_subject("198706222380")}, b"not-found"),
        ({"subject_of_care": None}, b"not-found"),
    ],
)
async def test_a_booking_that_is_not_what_was_asked_for_is_not_found(changed: dict[str, Any], told: bytes) -> None:
    """Another facility's or another patient's is told as one that doesn't exist, and nothing of it is."""
    clock, sealer, systems = FixedClock(NOW), Sealer((Fernet.generate_key().decode(),), "k" * 32), FakeBookingSystems()
    systems.booked[FACILITY] = [a_booking(**changed)]
    events = MemoryEventLog(clock)
    rebooking_id = await a_rebooking(events, "booking")
    look_up = a_look_up(
        LookUpBooking,
        rebooking_id,
        sealer.seal_identity(an_identity()),
        facility=FACILITY,
        booking_id="B-1",
        sections=(SectionName.BOOKING,),
    )
    await an_availability(eken(), systems, events, sealer, clock).handle(look_up)
    view = await events.read(rebooking_id)
    assert view is not None
    public = view.entries[-1].public
    assert told in public
    assert ("Ont i knät".encode() in public) == (told == b"booking.ready")
