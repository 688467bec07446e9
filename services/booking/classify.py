"""What an UpdateBooking's answer or failure proves. One table; whatever isn't in it is ambiguous. Pure.

Source: the saga's rules 3.4; contract description 4.2.
"""

from __future__ import annotations

from enum import StrEnum

from shared.contracts.model import ResultCode, UpdateResult
from shared.scheduling.failures import HttpFailure, NotReached, PlatformFault, SchedulingFailure


class Proves(StrEnum):
    """What an observation proves."""

    CLAIMS_CONFIRMED = "claims_confirmed"
    """The system says that it is done; a look decides whether that is believed."""
    CLAIMS_REJECTED = "claims_rejected"
    """The system says no; it may be the second delivery of a request that succeeded, so a look decides."""
    NOT_SENT = "not_sent"
    """Certainly not received: it may be tried again."""
    NEVER_WILL_BE = "never_will_be"
    """Certainly not received, and trying again is pointless until somebody changes the configuration."""
    CLAIMS_NEVER_WILL_BE = "claims_never_will_be"
    """Something on the way says that it took nothing; it may not be the last who had it, so a look decides."""
    AMBIGUOUS = "ambiguous"
    """It may have happened: only looking tells."""


PASSING_PLATFORM_TROUBLE = frozenset({"VP008", "VP012"})
"""The platform's own faults that come before routing and pass by themselves."""

MISCONFIGURED_HTTP = frozenset({401, 403, 404, 413})


def classify(observed: UpdateResult | BaseException) -> Proves:
    """Say what an answer or a failure proves; anything unforeseen is ambiguous."""
    match observed:
        case UpdateResult(code=ResultCode.OK | ResultCode.INFO):
            return Proves.CLAIMS_CONFIRMED
        case UpdateResult(code=ResultCode.ERROR):
            return Proves.CLAIMS_REJECTED
        case NotReached():
            return Proves.NOT_SENT
        case PlatformFault(vp_code="VP009"):
            return Proves.AMBIGUOUS
        case PlatformFault(vp_code=code) if code in PASSING_PLATFORM_TROUBLE:
            return Proves.NOT_SENT
        case PlatformFault(vp_code=code) if code is not None and "VP001" <= code <= "VP015":
            return Proves.NEVER_WILL_BE
        case HttpFailure(http_status=status) if status in MISCONFIGURED_HTTP:
            return Proves.CLAIMS_NEVER_WILL_BE
        case _:
            return Proves.AMBIGUOUS


def describe(observed: UpdateResult | BaseException) -> dict[str, object]:
    """What an attempt's row keeps of an observation: kinds and codes, never texts."""
    if isinstance(observed, UpdateResult):
        return {"kind": observed.code.value}
    if isinstance(observed, SchedulingFailure):
        return {
            "kind": observed.kind,
            "http_status": observed.http_status,
            "vp_code": observed.vp_code,
            "body_sha256": observed.body_sha256,
        }
    return {"kind": type(observed).__name__[:32]}
