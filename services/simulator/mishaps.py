"""Mishaps: what can go wrong with a call, chosen per facility and interaction.

A board holds at most one mishap for each pair of facility and interaction; `*` stands for all. The most particular
pair wins: facility and interaction, then the facility, then the interaction, then everything. `times` counts down and
the mishap is gone when it has happened so often; without it, it stays.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from services.simulator.contracts import CONTRACTS
from services.simulator.world import Refusal

ANY = "*"
Seconds = Annotated[float, Field(ge=0, le=86_400)]

_P99 = 2.326_347_9
"""How many standard deviations above the mean the 99th percentile of a normal distribution is."""


class _Mishap(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    times: Annotated[int, Field(ge=1)] | None = None


class Slow(_Mishap):
    """Carried out, and answered, after a while: log-normal, with its median and 99th percentile in seconds.

    An update whose caller has given up meanwhile is applied all the same.
    """

    kind: Literal["slow"]
    median: Annotated[float, Field(gt=0, le=3_600)] = 2.0
    p99: Annotated[float, Field(gt=0, le=36_000)] = 8.0

    @model_validator(mode="after")
    def _ordered(self) -> Slow:
        if self.p99 < self.median:
            raise ValueError("p99 must not be less than median")
        return self

    def draw(self, chance: random.Random) -> float:
        """Draw one delay in seconds."""
        return self.median * math.exp(chance.gauss(0, 1) * math.log(self.p99 / self.median) / _P99)


class Hang(_Mishap):
    """No answer within `seconds`, then the connection is cut; `applied` says whether an update is done all the same."""

    kind: Literal["hang"]
    seconds: Seconds = 600.0
    applied: bool = False


class Drip(_Mishap):
    """The right answer, `size` bytes at a time with `every` seconds between."""

    kind: Literal["drip"]
    size: Annotated[int, Field(ge=1)] = 16
    every: Seconds = 1.0


class Down(_Mishap):
    """The connection is cut before the request is looked at."""

    kind: Literal["down"]


class Fault(_Mishap):
    """A SOAP fault of the booking system's own."""

    kind: Literal["fault"]
    text: str = "Tekniskt fel i bokningssystemet"
    side: Literal["Client", "Server"] = "Server"
    status: Literal[200, 500] = 500
    applied: bool = False


class Vp(_Mishap):
    """A SOAP fault of the national platform's; only VP009 can have come after the update was applied."""

    kind: Literal["vp"]
    code: Annotated[str, Field(pattern=r"^VP0(0[1-9]|1[0-5])$")] = "VP009"
    applied: bool = False

    @model_validator(mode="after")
    def _only_vp009_is_ambiguous(self) -> Vp:
        if self.applied and self.code != "VP009":
            raise ValueError("applied goes with VP009 alone: the others come before the booking system is called")
        return self


class Taken(_Mishap):
    """Somebody takes the timeslot just before: ERROR with the text, or without when it is null."""

    kind: Literal["taken"]
    text: str | None = Refusal.REQUESTED_TIME_IS_ALREADY_RESERVED.value


class Info(_Mishap):
    """The update is applied and answered with INFO and the text."""

    kind: Literal["info"]
    text: str | None = "Kom fastande. Ta med legitimation."


class LostAnswer(_Mishap):
    """The request is carried out, then the connection is cut without an answer."""

    kind: Literal["lost_answer"]


class LateApply(_Mishap):
    """Answered at once without success, and applied `after` so many seconds."""

    kind: Literal["late_apply"]
    after: Seconds = 5.0
    answer: Literal["cut", "vp", "fault", "hang"] = "vp"


class Resend(_Mishap):
    """The platform delivers the request twice; the second delivery's answer goes back."""

    kind: Literal["resend"]


Variant = Literal[
    "not_xml",
    "html",
    "empty",
    "empty_body",
    "truncated",
    "doctype",
    "oversize",
    "wrong_element",
    "two_results",
    "bad_result_code",
    "missing_result_code",
    "ok_with_500",
]


class Malformed(_Mishap):
    """The request is carried out (unless `applied` is false) and the answer spoiled on its way."""

    kind: Literal["malformed"]
    variant: Variant = "not_xml"
    applied: bool = True


Mishap = Annotated[
    Slow | Hang | Drip | Down | Fault | Vp | Taken | Info | LostAnswer | LateApply | Resend | Malformed,
    Field(discriminator="kind"),
]
_MISHAP: TypeAdapter[Any] = TypeAdapter(Mishap)
AnyMishap = Slow | Hang | Drip | Down | Fault | Vp | Taken | Info | LostAnswer | LateApply | Resend | Malformed


class PlacedMishap(BaseModel):
    """A mishap of the configuration file: what goes wrong, and where."""

    model_config = ConfigDict(frozen=True)

    facility: str = ANY
    contract: str = ANY
    mishap: Mishap

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        place = {key: data[key] for key in ("facility", "contract") if key in data}
        return place | {"mishap": {key: value for key, value in data.items() if key not in place}}

    @model_validator(mode="after")
    def _known_contract(self) -> PlacedMishap:
        check_contract(self.contract)
        return self


def read_mishap(data: Any) -> AnyMishap:
    """Check a mishap that came over HTTP; pydantic's ValidationError when it is none."""
    mishap: AnyMishap = _MISHAP.validate_python(data)
    return mishap


def check_contract(name: str) -> None:
    """Raise ValueError, with the names there are, when there is no such interaction."""
    if name != ANY and name not in CONTRACTS:
        raise ValueError(f"there is no contract {name}: it is one of *, {', '.join(sorted(CONTRACTS))}")


class MishapBoard:
    """Which mishaps are up, and how often each has still to happen."""

    def __init__(self, placed: Iterable[PlacedMishap] = ()) -> None:
        self._up: dict[tuple[str, str], AnyMishap] = {}
        for one in placed:
            self.put(one.facility, one.contract, one.mishap)

    def put(self, facility: str, contract: str, mishap: AnyMishap) -> None:
        """Put a mishap up, in place of the one that was there."""
        self._up[facility.upper(), contract] = mishap

    def get(self, facility: str, contract: str) -> AnyMishap | None:
        """Give the mishap of exactly this pair."""
        return self._up.get((facility.upper(), contract))

    def remove(self, facility: str, contract: str) -> None:
        """Take mishaps down: of this pair, and with `*` of everything that the star stands for."""
        for key in list(self._up):
            if facility.upper() in (ANY, key[0]) and contract in (ANY, key[1]):
                del self._up[key]

    def all(self) -> list[dict[str, Any]]:
        """List what is up, as a configuration file would have it."""
        return [
            {"facility": facility, "contract": contract, **mishap.model_dump()}
            for (facility, contract), mishap in self._up.items()
        ]

    def take(self, facility: str | None, contract: str) -> AnyMishap | None:
        """Find what happens to this call, and count it."""
        place = (facility or "").upper()
        for key in ((place, contract), (place, ANY), (ANY, contract), (ANY, ANY)):
            mishap = self._up.get(key)
            if mishap is not None:
                self._count(key, mishap)
                return mishap
        return None

    def _count(self, key: tuple[str, str], mishap: AnyMishap) -> None:
        if mishap.times == 1:
            del self._up[key]
        elif mishap.times is not None:
            self._up[key] = mishap.model_copy(update={"times": mishap.times - 1})
