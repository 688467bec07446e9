"""The booking systems of a stack under test: what goes wrong in them, and what they have really been asked and done.

Every method is one short request to the simulator, and may be called from a test of either kind, sync or async.
"""

from __future__ import annotations

import datetime as dt
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

ANY = "*"
UPDATE_BOOKING = "UpdateBooking"
PATIENCE_SECONDS = 10.0
MOST_PATIENTS = 10_000


@dataclass(frozen=True)
class Booking:
    """A booked time: at which facility, under which id, from when (civil time, ISO 8601)."""

    facility: str
    booking_id: str
    start: str | None
    can_be_moved: bool


@dataclass(frozen=True)
class Patient:
    """A simulated patient and what they have booked."""

    subject: str
    given_name: str | None
    family_name: str | None
    phone: str | None
    bookings: tuple[Booking, ...]

    def __repr__(self) -> str:
        # A personal number, even a simulated one, doesn't stand in a failed test's output.
        return f"<Patient {self.given_name} {self.family_name}, {len(self.bookings)} bookings>"


class Producer:
    """The booking systems. `contract` is a name such as GetAvailableDates, `facility` an HSA-id; `*` stands for all.

    `times` is how often something goes wrong; without it, until `clear`. Raises AssertionError when the simulator
    refuses, with what it says.
    """

    def __init__(self, url: str, turn: int = 0) -> None:
        self._url = url
        self._turn = turn
        self._subject: str | None = None

    def slow(self, contract: str = ANY, *, seconds: float, facility: str = ANY, times: int | None = None) -> None:
        """Answer after so many seconds."""
        self.mishap("slow", contract, facility=facility, times=times, median=seconds, p99=seconds)

    def taken(self, *, facility: str = ANY, times: int | None = None) -> None:
        """Somebody takes the chosen timeslot just before: UpdateBooking is answered with ERROR."""
        self.mishap("taken", UPDATE_BOOKING, facility=facility, times=times)

    def fault(self, contract: str = ANY, *, facility: str = ANY, times: int | None = None) -> None:
        """Answer with a SOAP fault."""
        self.mishap("fault", contract, facility=facility, times=times)

    def lost_answer(self, contract: str = UPDATE_BOOKING, *, facility: str = ANY, times: int | None = None) -> None:
        """Do what is asked, and lose the answer on its way."""
        self.mishap("lost_answer", contract, facility=facility, times=times)

    def mishap(self, kind: str, contract: str = ANY, *, facility: str = ANY, **more: Any) -> None:
        """Put up any mishap that the simulator knows, in place of the one of the same contract and facility."""
        content = {"kind": kind, **{name: value for name, value in more.items() if value is not None}}
        self._ask("PUT", f"/mishaps/{facility}/{contract}", content)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._ask("DELETE", f"/mishaps/{ANY}/{ANY}")

    def reset(self) -> None:
        """Make the world anew: every booking is where it was, and the journal and the calls are empty."""
        self._ask("POST", "/reset")

    def calls(self, contract: str | None = None) -> list[dict[str, Any]]:
        """The calls that the booking systems have had, in order."""
        found: list[dict[str, Any]] = self._ask("GET", "/calls" + (f"?contract={contract}" if contract else ""))[
            "calls"
        ]
        return found

    def journal(self) -> list[dict[str, Any]]:
        """What was really changed in the booking systems, in order."""
        return [json.loads(line) for line in self._text("GET", "/journal").splitlines()]

    def patients(self) -> list[Patient]:
        """The simulated patients."""
        return [_patient(one) for one in self._ask("GET", f"/patients?limit={MOST_PATIENTS}")["patients"]]

    def patient(self) -> Patient:
        """A patient whose first booking can be moved: the same one throughout a test, in each test another one.

        All of them have it at one facility, and none has what an earlier test left behind.
        """
        patients = self.patients()
        if self._subject is None:
            able = [one for one in patients if one.bookings and one.bookings[0].can_be_moved]
            alike = [one for one in able if one.bookings[0].facility == able[0].bookings[0].facility]
            self._subject = alike[self._turn % len(alike)].subject
        # Once chosen they stay it, though their booking may have been moved to a day that can't be moved.
        return next(one for one in patients if one.subject == self._subject)

    def _ask(self, method: str, path: str, content: Any = None) -> Any:
        text = self._text(method, path, content)
        return json.loads(text) if text else None

    def _text(self, method: str, path: str, content: Any = None) -> str:
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{self._url}/_sim{path}", data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                said = refused.read().decode()
            raise AssertionError(f"the simulator answers {method} {path} with {refused.code}: {said}") from None


def _patient(told: dict[str, Any]) -> Patient:
    bookings = tuple(
        Booking(one["facility"], one["booking_id"], one["start"], _can_be_moved(one)) for one in told["bookings"]
    )
    return Patient(told["subject"], told["given_name"], told["family_name"], told["phone"], bookings)


def _can_be_moved(booking: dict[str, Any]) -> bool:
    if not booking["start"] or booking["is_invitation"] or not booking["rebooking_allowed"]:
        return False
    # A day's margin: this machine's clock need not be in Sweden.
    return dt.date.fromisoformat(booking["start"][:10]) > dt.date.today() + dt.timedelta(days=1)
