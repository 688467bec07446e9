"""The identifiers of the field, and how each is compared and shown.

An identifier keeps the form in which it was first written, because booking systems may compare letter by letter, and
is compared by its key, because HSA-ids mean the same whatever their case (source: contract description 3.2).
"""

from __future__ import annotations

import re
import uuid
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, StringConstraints
from pydantic_core import core_schema

_SUBJECT = re.compile(r"[0-9]{8}[0-9pPtTfF][0-9]{3}")
_HSA_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-_.]{0,63}")


def _printable(value: str) -> str:
    if any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F for char in value):
        raise ValueError("must not hold control characters")
    return value


def _hsa_id(value: str) -> str:
    if not _HSA_ID.fullmatch(value):
        raise ValueError("is not an HSA-id (letters, digits, hyphen, at most 64 characters)")
    return value


HsaId = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64), AfterValidator(_hsa_id)]
"""An HSA-id as our own side writes it: a facility of the catalogue, a performer that a client chose, this system."""

BookingId = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(_printable)]
"""A booking system's own booking identity: opaque, never interpreted, never logged together with a person."""

CommandId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:_.\-]{1,64}$")]
"""A client's own name for one command; the same name again is the same command (source: the reliability rules)."""

RebookingId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""A rebooking's address: 128 random bits in hexadecimal."""

TimeslotId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{22}$")]
"""An opaque name for a timeslot within one rebooking; the timeslot itself stays on our side."""


def new_rebooking_id() -> str:
    """Make a rebooking id of 128 random bits, 32 hexadecimal characters."""
    return uuid.uuid4().hex


def hsa_key(hsa_id: str) -> str:
    """Give the form in which two HSA-ids are compared: trimmed, upper case."""
    return hsa_id.strip().upper()


class SubjectOfCareId:
    """A patient's twelve-character personal identity number, which shows itself masked everywhere.

    The number leaves the object through `reveal` alone, so a log line, an exception or a careless f-string cannot
    hold it. The ninth character may be a digit or p, t or f, for reserve numbers (source: SubjectOfCareIdType).
    Raises ValueError, without the number in its text, when the form is wrong.
    """

    __slots__ = ("_number",)

    def __init__(self, number: str) -> None:
        if not isinstance(number, str) or not _SUBJECT.fullmatch(number):
            raise ValueError("is not a subject of care id (twelve characters, yyyymmddxxxx)")
        self._number = number

    def reveal(self) -> str:
        """Give the number itself: for the wire, for sealing and for the HMAC, nothing else."""
        return self._number

    @property
    def masked(self) -> str:
        """The form that may be shown to its owner: the birth date with the last four hidden."""
        return f"{self._number[:8]}-****"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SubjectOfCareId) and self._number.upper() == other._number.upper()

    def __hash__(self) -> int:
        return hash(self._number.upper())

    def __repr__(self) -> str:
        return "SubjectOfCareId(masked)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a subject of care id is never pickled: seal it")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def parse(value: Any) -> SubjectOfCareId:
            return value if isinstance(value, cls) else cls(value)

        def dump(value: SubjectOfCareId, info: core_schema.SerializationInfo) -> Any:
            if info.context and info.context.get("reveal"):
                return value.reveal()
            return value.masked if info.mode == "json" else value

        return core_schema.no_info_plain_validator_function(
            parse,
            serialization=core_schema.plain_serializer_function_ser_schema(dump, info_arg=True),
        )
