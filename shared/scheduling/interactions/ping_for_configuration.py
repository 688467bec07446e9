"""PingForConfiguration 1.0: is anybody there (source: contract description 1.4 and 4.4)."""

from __future__ import annotations

from typing import Any

from lxml import etree

from shared.scheduling.names import SCHEDULING
from shared.scheduling.reading import texts


def to_wire(facility: str) -> dict[str, Any]:
    """The request's fields."""
    return {
        "serviceContractNamespace": f"{SCHEDULING}:GetBookingDetailsResponder:1",
        "logicalAddress": facility,
    }


def from_wire(answer: etree._Element) -> str:
    """The version that the booking system states."""
    return texts(answer).get("version", "unknown version")[:100]
