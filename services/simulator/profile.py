"""How one simulated facility is: what it offers, which choices the contracts leave it, and which quirks it has.

The keys of `simulator.profiles` in the configuration file are HSA-ids of its facilities; a facility without a profile
is a well-behaved primary care centre. Source of the quirks: what adapters of real booking systems are seen to do
(contract description 5).
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Quirks(BaseModel):
    """What a booking system may do although the contracts say otherwise, or leave open; all off in a strict one.

    - `short_times`: GetBookingDetails and GetSubjectOfCareSchedule give times of twelve digits, without seconds.
    - `empty_elements`: fields without a value are sent as empty elements.
    - `null_texts`: fields without a value are sent with the text null.
    - `invitation_in_core`: isInvitation is in the namespace that the release candidate had.
    - `wrong_order`: a timeslot's elements come in another order than the schema's.
    - `free_not_rebookable`: free timeslots say cancel_booking_allowed and rebooking_allowed false.
    - `free_echoes_request`: free timeslots carry the request's subject_of_care and bookingId.
    - `flags_missing`: a booking lacks message_allowed and isInvitation.
    - `performer_corrected`: GetAllPerformers spells `performer` right, which is wrong.
    - `past_timeslots`: times that have been are offered too.
    - `sample_contract_names`: the registry names contracts without `Responder`, as the official sample does.
    - `hsa_ids`: the case in which the system writes HSA-ids.
    - `ok_text`: a text that goes with the answer OK, which mustn't be shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    short_times: bool = False
    empty_elements: bool = False
    null_texts: bool = False
    invitation_in_core: bool = False
    wrong_order: bool = False
    free_not_rebookable: bool = False
    free_echoes_request: bool = False
    flags_missing: bool = False
    performer_corrected: bool = False
    past_timeslots: bool = False
    sample_contract_names: bool = False
    hsa_ids: Literal["as_written", "upper", "lower"] = "as_written"
    ok_text: str | None = None


class Profile(BaseModel):
    """One facility's ways.

    - `kind`: what it is, which decides staff, rooms, time types and care types.
    - `related`: HSA-ids that GetAllHealthcareFacilities lists, its own among them if it is to be; none: the
      interaction isn't supported.
    - `without`: interactions that it lacks, by name, so that calls to them end in VP004.
    - `also`: interactions that the registry names for it too, such as GetAllCareTypes, which nobody here answers.
    - `booking_id`: whether a booking that is moved here keeps its identity or gets a new one.
    - `repeat`: what the same UpdateBooking again on a kept identity is answered with.
    - `unknown_booking`: how GetBookingDetails says that there is no such booking: an answer without timeslotDetail, or
      a SOAP fault.
    - `message_allowed`: what its timeslots say; None leaves the element out.
    - `info`: a text that goes with the answer INFO to every rebooking here.
    - `free`: the part of its times that is free, 0 to 1; `free_from`, `free_until`, `free_days`: only on those days.
    - `open_for_months`: how far ahead its times are released.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["primary", "laboratory", "specialist", "dental"] = "primary"
    name: str | None = None
    related: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    booking_id: Literal["kept", "new"] = "kept"
    repeat: Literal["ok", "error"] = "error"
    unknown_booking: Literal["missing", "fault"] = "missing"
    message_allowed: bool | None = True
    info: str | None = None
    free: float = Field(default=0.35, ge=0, le=1)
    free_from: dt.date | None = None
    free_until: dt.date | None = None
    free_days: tuple[dt.date, ...] | None = None
    open_for_months: int = Field(default=13, ge=0, le=36)
    quirks: Quirks = Quirks()

    def releases(self, day: dt.date) -> bool:
        """Tell whether times of a day are offered at all."""
        if self.free_days is not None and day not in self.free_days:
            return False
        after_first = self.free_from is None or day >= self.free_from
        return after_first and (self.free_until is None or day <= self.free_until)
