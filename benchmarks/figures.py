"""What is made of measured numbers: medians with their spread, quantiles, and bounds by the bootstrap."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from typing import Any


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which this part of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, least and greatest of repeats, and the repeats themselves."""
    return {
        "median": statistics.median(values),
        "least": min(values),
        "greatest": max(values),
        "repeats": [round(value, 6) for value in values],
    }


def bounds(values: Sequence[float], *, resamples: int = 10_000) -> tuple[float, float]:
    """The bootstrap's 95 % bounds, below and above, of the median of paired values."""
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(resamples))
    return medians[int(0.025 * resamples)], medians[int(0.975 * resamples)]


def paired(values: Sequence[float]) -> dict[str, Any]:
    """Paired values with the bounds of their median."""
    low, high = bounds(values)
    return {**spread(values), "low": low, "high": high}
