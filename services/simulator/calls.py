"""The record of every request that came in, so that a test can read what was really sent."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

CALLS_KEPT = 10_000

HEADERS_KEPT = (
    "SOAPAction",
    "Content-Type",
    "User-Agent",
    "x-rivta-original-serviceconsumer-hsaid",
    "x-skltp-correlation-id",
    "traceparent",
)
"""The HTTP headers that are worth keeping."""


@dataclass(slots=True)
class RecordedCall:
    """One request; `request` is its whole XML text, `faults` says why `valid` is false.

    `connection`, the caller's port, tells TCP connections apart. `status` is None until the call is answered, and
    stays so when it was cut.
    """

    n: int
    at: str
    producer: str
    contract: str
    logical_address: str | None
    facility: str | None
    headers: dict[str, str]
    connection: int
    valid: bool
    faults: tuple[str, ...]
    request: str
    mishap: str | None = None
    status: int | None = None


class CallRecord:
    """The latest calls, at most so many; numbers go on rising when old ones are forgotten."""

    def __init__(self, keep: int = CALLS_KEPT) -> None:
        self._calls: deque[RecordedCall] = deque(maxlen=keep)
        self._numbers = itertools.count(1)

    def next_number(self) -> int:
        """Give the number of the next call."""
        return next(self._numbers)

    def append(self, call: RecordedCall) -> None:
        """Remember a call; its status may still change."""
        self._calls.append(call)

    def find(self, *, contract: str | None = None, facility: str | None = None, after: int = 0) -> list[dict[str, Any]]:
        """Give the calls after number `after`, of one interaction and one facility if these are named."""
        return [asdict(call) for call in self._matching(contract, facility, after)]

    def clear(self) -> None:
        """Forget all calls and begin at 1 again."""
        self._calls.clear()
        self._numbers = itertools.count(1)

    def _matching(self, contract: str | None, facility: str | None, after: int) -> Iterator[RecordedCall]:
        for call in self._calls:
            same_facility = facility is None or (call.facility or "").upper() == facility.upper()
            if call.n > after and contract in (None, call.contract) and same_facility:
                yield call
