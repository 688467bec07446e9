"""What the patient is told of a row: the words and the box for each state. Pure.

OK shows no text though there may be one, INFO and a verified ERROR show theirs; the facility's phone goes along
whenever the outcome isn't a success, unless the configuration no longer has the facility.
Source: the seed, the pages of error and confirmation; the flow, page 5.
"""

from __future__ import annotations

import datetime as dt

from shared.configuration import Facility
from shared.contracts.model import ResultCode, Timeslot
from shared.contracts.problems import Problem
from shared.contracts.sections import Outcome, OutcomeState
from shared.ledger.ledger import Claimed
from shared.presentation.yellow_box import yellow_box

_AT = dt.datetime.fromtimestamp(0, dt.UTC)


def waiting(row: Claimed, state: OutcomeState, *, facility: Facility | None, still: bool = False) -> Outcome:
    """Sending and unknown; `still` = sending has lasted long enough to be told as waiting."""
    phone = facility.phone if facility and (state is OutcomeState.UNKNOWN or still) else None
    return Outcome(state=state, command_id=row.command_id, updated_at=_AT, phone=phone, waiting=still)


def confirmed(
    row: Claimed, *, code: str | None, text: str | None, new_booking_id: str | None, facility: Facility
) -> Outcome:
    """Confirmed: the box of what was sent, and the notice when the answer was INFO."""
    notice = text if code == ResultCode.INFO.value else None
    summary = row.sealed.summary
    if notice:
        summary = yellow_box(
            row.sealed.new,
            facility=facility,
            language=row.sealed.language,
            reason=row.sealed.reason,
            information=notice,
        )
    return Outcome(
        state=OutcomeState.CONFIRMED,
        command_id=row.command_id,
        updated_at=_AT,
        result_text=notice,
        notice=notice,
        summary=summary,
        booking_id=new_booking_id,
    )


def rejected(row: Claimed, *, text: str | None, facility: Facility) -> Outcome:
    """Rejected, with the booking system's own words where it gave some."""
    return Outcome(
        state=OutcomeState.REJECTED,
        command_id=row.command_id,
        updated_at=_AT,
        result_text=text,
        booking_id=row.booking_id,
        phone=facility.phone,
    )


def not_applied(row: Claimed, *, problem: Problem | None, facility: Facility | None) -> Outcome:
    """Verified not done, or certainly never sent; `problem` says why."""
    return Outcome(
        state=OutcomeState.NOT_APPLIED,
        command_id=row.command_id,
        updated_at=_AT,
        booking_id=row.booking_id,
        phone=facility.phone if facility else None,
        problem=problem.public(row.sealed.language) if problem else None,
    )


def other_time(row: Claimed, actual: Timeslot, *, facility: Facility) -> Outcome:
    """Moved meanwhile by somebody else: the box of the time that really holds."""
    return Outcome(
        state=OutcomeState.OTHER_TIME,
        command_id=row.command_id,
        updated_at=_AT,
        summary=yellow_box(actual, facility=facility, language=row.sealed.language),
        booking_id=actual.booking_id or row.booking_id,
        phone=facility.phone,
    )


def manual(row: Claimed, *, facility: Facility | None) -> Outcome:
    """Nothing can be proven: contact the facility."""
    phone = facility.phone if facility else None
    return Outcome(state=OutcomeState.MANUAL, command_id=row.command_id, updated_at=_AT, phone=phone)
