"""Which facilities may be rebooked from and to, as far as the gateway itself can know.

Source: the flow, page 1 and decision 6; the interface, `facility-not-eligible`.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.configuration import Configuration, Facility
from shared.contracts.identifiers import hsa_key
from shared.contracts.model import REQUIRED_TO_REBOOK, Interaction
from shared.contracts.problems import NotEligible, Problem, ProblemType, Refusal

REQUIRED_TO_LEAVE = frozenset({Interaction.GET_BOOKING_DETAILS})


def not_eligible(reason: NotEligible, facility: Facility | None, hsa_id: str) -> Refusal:
    """The refusal of a facility, with the catalogue's name and phone when it is there."""
    return Refusal(
        Problem(
            type=ProblemType.FACILITY_NOT_ELIGIBLE,
            reason=reason.value,
            facility=facility.name if facility else hsa_id,
            phone=facility.phone if facility else None,
        )
    )


def origin(configuration: Configuration, hsa_id: str) -> Facility:
    """The facility that a booking may be moved away from; Refusal (facility-not-eligible) else.

    It need not be a target itself: only its booking must be readable.
    """
    facility = _served(configuration, hsa_id)
    contracts = facility.contracts
    if contracts != "auto":
        lists_others = Interaction.GET_ALL_HEALTHCARE_FACILITIES in contracts
        required = REQUIRED_TO_LEAVE if lists_others else REQUIRED_TO_LEAVE | REQUIRED_TO_REBOOK
        if not required <= set(contracts):
            raise not_eligible(NotEligible.CONTRACT_MISSING, facility, hsa_id)
    return facility


def target(
    configuration: Configuration,
    hsa_id: str,
    *,
    own: str,
    offered: Iterable[str],
    supported: frozenset[str] | None = None,
) -> Facility:
    """The facility that the booking may be moved to; Refusal (facility-not-eligible) else.

    `offered` are those that the original facility `own` listed for this booking; `supported` are the contracts that
    the registry is known to list for the target, None = not known here.
    """
    facility = _served(configuration, hsa_id)
    known = supported if facility.contracts == "auto" else frozenset(facility.contracts)
    if known is not None and not known >= REQUIRED_TO_REBOOK:
        raise not_eligible(NotEligible.CONTRACT_MISSING, facility, hsa_id)
    if hsa_key(facility.id) not in map(hsa_key, (own, *offered)):
        raise not_eligible(NotEligible.NOT_OFFERED, facility, hsa_id)
    return facility


def with_booked_times(configuration: Configuration) -> list[Facility]:
    """The facilities that can be asked for a patient's booked times: one booking system, and the contract if known."""
    return [
        facility
        for facility in configuration.facilities.values()
        if len(facility.producers) == 1
        and (facility.contracts == "auto" or Interaction.GET_SUBJECT_OF_CARE_SCHEDULE in facility.contracts)
    ]


def _served(configuration: Configuration, hsa_id: str) -> Facility:
    facility = configuration.facility(hsa_id)
    if facility is None:
        raise not_eligible(NotEligible.NOT_IN_CATALOGUE, None, hsa_id)
    if len(facility.producers) > 1:
        raise not_eligible(NotEligible.SEVERAL_SYSTEMS, facility, hsa_id)
    if not facility.rebooking or not facility.producers:
        raise not_eligible(NotEligible.NOT_CONFIGURED, facility, hsa_id)
    return facility
