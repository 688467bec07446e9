"""The weather at the booking systems: seeded mishaps of updates and looks, each befalling one call."""

from __future__ import annotations

import random
from typing import Any

from tests.end_to_end.stacks import ALMBY, EKEBO, HAMNEN, LINDANGEN, PROVTAGNINGEN

FACILITIES = (LINDANGEN, ALMBY, HAMNEN, PROVTAGNINGEN, EKEBO)

SHAPES = (
    "not_xml",
    "html",
    "empty",
    "truncated",
    "wrong_element",
    "bad_result_code",
    "missing_result_code",
    "ok_with_500",
)


def of_updates(chance: random.Random, *, latest: float) -> dict[str, Any]:
    """What befalls an UpdateBooking; what is done late is done at most `latest` seconds after it was received."""
    applied = chance.random() < 0.5
    kinds: list[dict[str, Any]] = [
        {"kind": "late_apply", "after": round(chance.uniform(0.5, latest), 1), "answer": answer}
        for answer in ("cut", "vp", "fault", "hang")
    ]
    kinds += [
        {"kind": "resend"},
        {"kind": "resend"},
        {"kind": "lost_answer"},
        {"kind": "hang", "seconds": 30.0, "applied": applied},
        {"kind": "taken"},
        {"kind": "fault", "applied": applied},
        {"kind": "vp", "code": "VP009", "applied": applied},
        {"kind": "vp", "code": "VP008"},
        {"kind": "malformed", "variant": chance.choice(SHAPES), "applied": applied},
        {"kind": "down"},
        {"kind": "info", "text": "Kom fastande."},
    ]
    return {**chance.choice(kinds), "times": 1}


def of_looks(chance: random.Random) -> dict[str, Any]:
    """What befalls looks at a booking, a few in a row."""
    kinds: list[dict[str, Any]] = [
        {"kind": "down"},
        {"kind": "vp", "code": "VP009"},
        {"kind": "hang", "seconds": 3.0},
        {"kind": "malformed", "variant": "truncated"},
    ]
    return {**chance.choice(kinds), "times": chance.randint(1, 3)}
