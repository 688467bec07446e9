"""What each observation of an UpdateBooking proves: one row each, and ambiguous for whatever isn't there."""

from __future__ import annotations

import pytest

from services.booking.classify import Proves, classify
from shared.contracts.model import ResultCode, UpdateResult
from shared.scheduling.failures import (
    ConnectionBroken,
    HttpFailure,
    NotReached,
    PlatformFault,
    ProducerFault,
    TimedOut,
    Unreadable,
)

ROWS: list[tuple[UpdateResult | BaseException, Proves]] = [
    (UpdateResult(code=ResultCode.OK), Proves.CLAIMS_CONFIRMED),
    (UpdateResult(code=ResultCode.INFO, text="Kom fastande"), Proves.CLAIMS_CONFIRMED),
    (UpdateResult(code=ResultCode.ERROR, text="Upptagen"), Proves.CLAIMS_REJECTED),
    (NotReached("refused"), Proves.NOT_SENT),
    (PlatformFault("VP009", vp_code="VP009"), Proves.AMBIGUOUS),
    *((PlatformFault(c, vp_code=c), Proves.NOT_SENT) for c in ("VP008", "VP012")),
    *(
        (PlatformFault(code, vp_code=code), Proves.NEVER_WILL_BE)
        for code in (f"VP{n:03d}" for n in (1, 2, 3, 4, 5, 6, 7, 10, 11, 13, 14, 15))
    ),
    (PlatformFault("VP099", vp_code="VP099"), Proves.AMBIGUOUS),
    *((HttpFailure("x", http_status=s), Proves.CLAIMS_NEVER_WILL_BE) for s in (401, 403, 404, 413)),
    *((HttpFailure("x", http_status=s), Proves.AMBIGUOUS) for s in (307, 400, 405, 429, 500, 502, 503, 504)),
    (ProducerFault("fault"), Proves.AMBIGUOUS),
    (TimedOut("late"), Proves.AMBIGUOUS),
    (ConnectionBroken("reset"), Proves.AMBIGUOUS),
    (Unreadable("wrong element"), Proves.AMBIGUOUS),
    (RuntimeError("anything unforeseen"), Proves.AMBIGUOUS),
    (MemoryError(), Proves.AMBIGUOUS),
]


@pytest.mark.parametrize(("observed", "proves"), ROWS, ids=repr)
def test_each_observation_proves_what_the_table_says(observed: UpdateResult | BaseException, proves: Proves) -> None:
    """Source: the saga's rules 3.4."""
    assert classify(observed) is proves
