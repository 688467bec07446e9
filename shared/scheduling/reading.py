"""Reading an answer's elements by local name, tolerant of what booking systems really send.

Empty is absent, and so is the text `null`; order and namespace don't matter. A value of the wrong form is absent too
where the element is optional: one odd field must not cost the patient the whole answer.
Source: contract description 0.8, 2.1 and 5.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from functools import lru_cache

from lxml import etree

from shared.contracts.civil_time import CivilTime
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Timeslot

_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
_DAY = re.compile(r"[0-9]{8}")
LONGEST_TEXT = 100_000

ECHOED = frozenset(
    {
        "performer",
        "purpose",
        "reason",
        "resourceName",
        "healthcare_facility_name",
        "performerName",
        "resourceID",
        "timeTypeName",
        "timeTypeID",
        "careTypeName",
        "careTypeID",
        "resultText",
    }
)
"""Texts kept with the blanks around them, because a chosen timeslot is echoed letter by letter."""


def local_name(element: etree._Element) -> str:
    """An element's name without its namespace; empty for a comment or processing instruction."""
    tag = element.tag
    return _without_namespace(tag) if isinstance(tag, str) else ""


@lru_cache(maxsize=1024)
def _without_namespace(tag: str) -> str:
    return tag.rpartition("}")[2]


def children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """The children of a local name."""
    return (child for child in element if local_name(child) == name)


def texts(element: etree._Element) -> dict[str, str]:
    """Every child's text by local name, the first where a name comes twice; absent, empty and `null` are left out."""
    found: dict[str, str] = {}
    for child in element:
        text = child.text
        if text is None or len(text) > LONGEST_TEXT:
            continue
        name, stripped = local_name(child), text.strip()
        if name and name not in found and stripped and stripped != "null":
            found[name] = text if name in ECHOED else stripped
    return found


def read_boolean(text: str | None) -> bool | None:
    """An xs:boolean, with or without white space and capitals; None for anything else."""
    if text is None:
        return None
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def read_time(text: str | None) -> CivilTime | None:
    """Fourteen or twelve digits; None for anything else."""
    try:
        return CivilTime(text) if text and text.isascii() else None
    except ValueError:
        return None


def read_date(text: str | None) -> dt.date | None:
    """The day that eight digits begin with; None for anything else."""
    try:
        return dt.datetime.strptime(text[:8], "%Y%m%d").date() if text and _DAY.match(text) else None
    except ValueError:
        return None


def read_subject(text: str | None) -> SubjectOfCareId | None:
    """A subject of care; None for anything else."""
    try:
        return SubjectOfCareId(text) if text else None
    except ValueError:
        return None


def read_timeslot(element: etree._Element) -> Timeslot:
    """A timeslotDetail as the model has it, every field as it was sent."""
    found = texts(element)
    return Timeslot(
        start=read_time(found.get("startTimeInclusive")),
        end=read_time(found.get("endTimeExclusive")),
        healthcare_facility=found.get("healthcare_facility"),
        performer=found.get("performer"),
        booking_id=found.get("bookingId"),
        subject_of_care=read_subject(found.get("subject_of_care")),
        purpose=found.get("purpose"),
        reason=found.get("reason"),
        resource_name=found.get("resourceName"),
        healthcare_facility_name=found.get("healthcare_facility_name"),
        performer_name=found.get("performerName"),
        resource_id=found.get("resourceID"),
        time_type_name=found.get("timeTypeName"),
        time_type_id=found.get("timeTypeID"),
        care_type_name=found.get("careTypeName"),
        care_type_id=found.get("careTypeID"),
        cancel_booking_allowed=read_boolean(found.get("cancel_booking_allowed")),
        rebooking_allowed=read_boolean(found.get("rebooking_allowed")),
        message_allowed=read_boolean(found.get("message_allowed")),
        is_invitation=read_boolean(found.get("isInvitation")),
    )
