"""GetAllPerformers: the people at a facility (source: contract description 1.2 and 1.3).

The wire spells the identity `perfomer`; a system that spells it right is understood too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lxml import etree

from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import PerformerInfo
from shared.scheduling.reading import children, texts


def to_wire(facility: str, subject: SubjectOfCareId, time_type_ids: Sequence[str]) -> dict[str, Any]:
    """The request's fields; care types are never sent here, the booking's time type is."""
    return {
        "healthcare_facility": facility,
        "timeTypeIDs": list(time_type_ids),
        "careTypeIDs": [],
        "subject_of_care": subject.reveal(),
    }


def from_wire(answer: etree._Element) -> tuple[PerformerInfo, ...]:
    """The people; an entry without an identity can't be chosen and is left out."""
    found = []
    for child in children(answer, "performerInfos"):
        entry = texts(child)
        performer = entry.get("perfomer") or entry.get("performer")
        if performer:
            found.append(
                PerformerInfo(
                    performer=performer,
                    first_name=entry.get("firstName", ""),
                    last_name=entry.get("lastName", ""),
                    title=entry.get("title"),
                )
            )
    return tuple(found)
