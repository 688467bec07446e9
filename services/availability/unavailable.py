"""What a look-up's failure means to a patient: which problem it becomes, and whether asking again can help."""

from __future__ import annotations

from shared.configuration import Facility
from shared.contracts.problems import NotEligible, Problem, ProblemType
from shared.scheduling.failures import SchedulingFailure

RETRY_AFTER = 30


class Busy(SchedulingFailure):
    """Raised when a booking system isn't asked at all: too many callers already, or it has just been failing."""

    kind = "busy"


def problem_of(failure: Exception | None, facility: Facility | None) -> Problem:
    """The problem that a failed look-up is told as, with the facility's name and phone.

    The platform's "no route" and "not authorised" mean that the facility doesn't offer it (source: contract
    description 4.2); everything else is told as unavailable, never as empty.
    """
    name, phone = (facility.name, facility.phone) if facility else (None, None)
    code = failure.vp_code if isinstance(failure, SchedulingFailure) else None
    if code in ("VP004", "VP007"):
        reason = NotEligible.CONTRACT_MISSING if code == "VP004" else NotEligible.NOT_OFFERED
        return Problem(type=ProblemType.FACILITY_NOT_ELIGIBLE, facility=name, phone=phone, reason=reason.value)
    after = failure.retry_after if isinstance(failure, SchedulingFailure) and failure.retry_after else RETRY_AFTER
    return Problem(type=ProblemType.FACILITY_UNAVAILABLE, facility=name, phone=phone, retry_after=max(1, round(after)))
