"""The scene of every benchmark: made-up patients, facilities under booking systems, and the configuration of it all."""

from __future__ import annotations

import datetime as dt
from typing import Any

BOOKING_SYSTEMS = 20
FACILITIES = 50
CONTRACTS = (
    "GetSubjectOfCareSchedule",
    "GetBookingDetails",
    "GetAllHealthcareFacilities",
    "GetAvailableDates",
    "GetAvailableTimeslots",
    "UpdateBooking",
)
LOOK_UP_SECONDS = 10.0
"""How long a look-up may take before the system gives it up."""


def facility(number: int) -> str:
    """The HSA-id of a facility; facility n is under booking system n modulo their number."""
    return f"SE2321000016-B{number:03d}"


def booking_system(number: int) -> str:
    """The name of a booking system."""
    return f"system{number:02d}"


def subject(number: int) -> str:
    """A valid made-up identity number: a day of the last century, a counter and the check digit."""
    day = dt.date(1930, 1, 1) + dt.timedelta(days=number // 900)
    digits = f"{day:%y%m%d}{number % 900 + 100:03d}"
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(digits))
    return f"19{digits}{-total % 10}"


def booking_id(number: int) -> str:
    """The id of a patient's booking."""
    return f"B-{number}"


def configuration(address: str, **changes: Any) -> dict[str, Any]:
    """The configuration file's content; `changes` replace whole top-level parts."""
    limits = {"concurrency": 8, "waiting": 16, "wait": 2, "rate": None, "booking_concurrency": 8}
    producer = {
        "timeouts": {"connect": 3, "read": LOOK_UP_SECONDS, "update": 35, "deadline": 40},
        "limits": limits,
        "breaker": {"failures": 5, "open_for": 2},
    }
    return {
        "search": {"auto_extensions": 0, "horizon_months": 2, "first_day_wait": 0.3},
        # A millisecond: every look-up goes the whole way of a miss, cache and all, and is found by nobody.
        "cache": {"contracts": 300, "facilities": 60, "performers": 60, "days": 30, "timeslots": 0.001},
        "limits": {
            "sockets_per_subject": 10,
            "sockets_per_address": 20_000,
            "commands_per_10s": 1_000_000,
            "commands_per_10s_per_address": 1_000_000,
        },
        "producers": {
            booking_system(number): {"url": f"{address}/{booking_system(number)}/{{contract}}", **producer}
            for number in range(BOOKING_SYSTEMS)
        },
        "facilities": {
            facility(number): {
                "name": f"Mottagning {number}",
                "phone": "08-123 45 67",
                "producers": [booking_system(number % BOOKING_SYSTEMS)],
                "contracts": list(CONTRACTS),
                "terms": "Välkommen.",
            }
            for number in range(FACILITIES)
        },
        **changes,
    }
