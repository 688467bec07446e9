"""How much is tried: little with every test, all of it where OMBOKA_TEST_FUZZ is `full` (`make fuzz`)."""

from __future__ import annotations

import os
import random

FULL = os.environ.get("OMBOKA_TEST_FUZZ") == "full"

SEED = int(os.environ.get("OMBOKA_TEST_SEED", "20260115"))
"""What every random choice follows from; a failing run is made again with its own."""


def size(short: int, full: int) -> int:
    """So many of something: few with every test, the whole number in a full run."""
    return full if FULL else short


def chance(name: str) -> random.Random:
    """Random choices of one fuzzer, the same in every run with the same seed."""
    return random.Random(f"{SEED}:{name}")
