"""GetSupportedServiceContracts 1.0: what a consumer may ask of a facility (source: contract description 1.4 and 4.3).

The registry's own spelling `logicalAdress` is official. Names come with and without `Responder`, in any case, and
several may stand in one wrapper.
"""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from shared.contracts.model import Interaction
from shared.scheduling.reading import local_name

_NAME = re.compile(r"urn:riv:crm:scheduling:([a-z]+?)(?:responder)?:1", re.IGNORECASE)
_KNOWN = {interaction.value.lower(): interaction for interaction in Interaction}


def to_wire(consumer: str, facility: str) -> dict[str, Any]:
    """The request's fields."""
    return {"serviceConsumerHsaId": consumer, "logicalAdress": facility}


def from_wire(answer: etree._Element) -> frozenset[Interaction]:
    """The interactions of crm:scheduling that we know, whatever else is listed."""
    found = set()
    for element in answer.iter():
        if local_name(element).lower() == "servicecontractnamespace" and element.text:
            match = _NAME.fullmatch(element.text.strip())
            if match and (interaction := _KNOWN.get(match.group(1).lower())):
                found.add(interaction)
    return frozenset(found)
