"""The killer's plan follows from its seed, holds every blow, and spreads them over the rebookings."""

from __future__ import annotations

import random
from collections import Counter

from tests.chaos.killer import KILLED, plan


def test_the_whole_plan_is_fifty_kills_ten_stops_and_three_long_ones() -> None:
    """Each kind by its share; a longer stop than settling befalls booking workers alone."""
    blows = plan(random.Random(1), rebookings=1000, kills=50, stops=10, long_stops=3, settle=12.0)
    kills = Counter(blow.kind for blow in blows if blow.seconds is None)
    stops = Counter(blow.seconds for blow in blows if blow.seconds is not None)
    assert kills == KILLED
    assert stops == {20.0: 10, 17.0: 3}
    assert {blow.kind for blow in blows if blow.seconds == 17.0} == {"booking"}
    assert [blow.after for blow in blows] == sorted(blow.after for blow in blows)
    assert 0 <= blows[0].after < 20
    assert 980 < blows[-1].after < 1000


def test_a_short_plan_has_as_many_as_asked_for() -> None:
    """Eight kills are eight, whatever the shares; the same seed plans the same."""
    first = plan(random.Random(7), rebookings=100, kills=8, stops=0, long_stops=0, settle=12.0)
    assert len(first) == 8
    assert first == plan(random.Random(7), rebookings=100, kills=8, stops=0, long_stops=0, settle=12.0)
