"""A short chaos run: whatever is killed, nobody is wronged."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.chaos.run import Plan, as_it_must_be, make

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


async def test_a_hundred_rebookings_under_a_killer(tmp_path: Path) -> None:
    """100 rebookings, 8 kill -9, faults and mishaps: 0 lost, double, wrong, unresolved; no event missed or repeated."""
    seed = random.randrange(2**32)
    result = await make(Plan(100, kills=8, stops=1, long_stops=1, seed=seed, pace=0.8), tmp_path)
    assert as_it_must_be(result), json.dumps(result, indent=2)
