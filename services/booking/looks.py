"""When to look, and when to try again: schedules in seconds, pure but for the chance that is handed in.

Source: the saga's rules 3.4 and 3.5.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

SOON = 0.2
"""Seconds that are always left between two looks."""


@dataclass(frozen=True)
class Schedule:
    """Every duration of the saga, in seconds, so that a test can make them short.

    `looks` come after sending; after the last of them every `then_every` up to `then_until`, then at `late_looks`.
    """

    lease: float = 10.0
    renew: float = 3.0
    looks: tuple[float, ...] = (2, 5, 10, 20, 30, 45, 60, 75, 90)
    then_every: float = 30.0
    then_until: float = 300.0
    late_looks: tuple[float, ...] = (600, 1_800, 7_200, 28_800, 86_400)
    give_up: float = 86_400.0
    before_a_time: float = 86_400.0
    two_looks_apart: float = 10.0
    watch: tuple[float, ...] = (300.0, 1_800.0)
    waiting_told_after: float = 5.0
    look_patience: float = 3.0
    pause: float = 2.0
    tries: int = 6
    longest_backoff: float = 20.0
    most_attempts: int = 2


def next_look(schedule: Schedule, *, since_sent: float, until_settled: float, chance: random.Random) -> float:
    """Seconds until the next look at a row in UNKNOWN, ±20 %; the settling time is always looked at soon after."""
    planned = [at for at in schedule.looks if at > since_sent]
    if planned:
        wait = planned[0] - since_sent
    elif since_sent < schedule.then_until:
        wait = schedule.then_every
    else:
        later = [at for at in schedule.late_looks if at > since_sent]
        wait = later[0] - since_sent if later else schedule.give_up
    wait *= chance.uniform(0.8, 1.2)
    if 0 < until_settled < wait:
        wait = until_settled
    return max(wait, SOON)


def backoff(schedule: Schedule, tries: int, chance: random.Random) -> float:
    """Seconds until a request that certainly wasn't sent is tried again: full jitter."""
    return chance.uniform(0.0, min(schedule.longest_backoff, 2.0**tries))
