"""Swedish civil time as the contracts have it: a wall clock without a zone, kept and echoed as it was read.

Two times are the same when their fourteen digits are the same; they never pass through UTC, because the hour that
comes twice in October has no other name (source: contract description 2.1, the flow rules on times).
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

STOCKHOLM = ZoneInfo("Europe/Stockholm")
"""The zone of Swedish civil time: for display and comparison with now, never for what goes on the wire."""

_DIGITS = re.compile(r"[0-9]{12}([0-9]{2})?")


class CivilTime(str):
    """A civil date and time, fourteen digits `yyyymmddhhmmss`; sorts and compares as text.

    Twelve digits, which some booking systems send, get seconds 00. An impossible date or time is a ValueError.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> CivilTime:
        """Read `yyyymmddhhmmss` or `yyyymmddhhmm`; ValueError for anything else."""
        if type(value) is cls:
            return value
        text = value.strip()
        if not _DIGITS.fullmatch(text):
            raise ValueError("is not a civil time (yyyymmddhhmmss)")
        text = text.ljust(14, "0")
        _wall_clock(text)
        return super().__new__(cls, text)

    @classmethod
    def of(cls, moment: dt.datetime) -> CivilTime:
        """Make a civil time of a datetime: an aware one is turned into Swedish time first."""
        local = moment.astimezone(STOCKHOLM) if moment.tzinfo else moment
        return cls(local.strftime("%Y%m%d%H%M%S"))

    @property
    def datetime(self) -> dt.datetime:
        """The wall clock as a naive datetime."""
        return _wall_clock(self)

    @property
    def date(self) -> dt.date:
        """The civil day."""
        return self.datetime.date()

    @property
    def day(self) -> str:
        """The civil day as `YYYY-MM-DD`."""
        return f"{self[:4]}-{self[4:6]}-{self[6:8]}"

    @property
    def iso(self) -> str:
        """`YYYY-MM-DDTHH:MM:SS`, the form of the public interface."""
        return f"{self[:4]}-{self[4:6]}-{self[6:8]}T{self[8:10]}:{self[10:12]}:{self[12:14]}"

    @property
    def clock(self) -> str:
        """`HH:MM`, the form of the yellow box."""
        return f"{self[8:10]}:{self[10:12]}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def given(value: Any) -> CivilTime:
            # One that was read before is taken as it is: a day of timeslots holds hundreds.
            if not isinstance(value, str):
                raise ValueError("is not a civil time (yyyymmddhhmmss)")
            return cls(value)

        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(cls, core_schema.str_schema()),
            python_schema=core_schema.no_info_plain_validator_function(
                given, serialization=core_schema.to_string_ser_schema()
            ),
        )


@lru_cache(maxsize=4096)
def _wall_clock(digits: str) -> dt.datetime:
    # By hand: strptime takes ten times as long, and a look-up of 20 timeslots reads a hundred times.
    return dt.datetime(
        int(digits[:4]), int(digits[4:6]), int(digits[6:8]), int(digits[8:10]), int(digits[10:12]), int(digits[12:14])
    )
