"""Which facilities a booking can be moved to: pure rules over the catalogue and what a facility supports.

Eligible = in the catalogue, configured for rebooking, exactly one booking system, and the three interactions.
Source: the seed ("Listan med mottagningar"); the flow rules, decision 6.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from shared.configuration import Facility
from shared.contracts.model import REQUIRED_TO_REBOOK, Interaction
from shared.contracts.problems import NotEligible, Problem, ProblemType


def why_not_eligible(facility: Facility | None, contracts: AbstractSet[Interaction] | None) -> NotEligible | None:
    """Say why a facility can't be a target; None when it can. Unknown contracts (None) are tried."""
    if facility is None:
        return NotEligible.NOT_IN_CATALOGUE
    if not facility.rebooking:
        return NotEligible.NOT_CONFIGURED
    if len(facility.producers) != 1:
        return NotEligible.SEVERAL_SYSTEMS if facility.producers else NotEligible.NOT_CONFIGURED
    if contracts is not None and not contracts >= REQUIRED_TO_REBOOK:
        return NotEligible.CONTRACT_MISSING
    return None


def not_eligible(facility: Facility | None, reason: NotEligible) -> Problem:
    """The problem that tells it, with the facility's name and phone."""
    return Problem(
        type=ProblemType.FACILITY_NOT_ELIGIBLE,
        facility=facility.name if facility else None,
        phone=facility.phone if facility else None,
        reason=reason.value,
    )
