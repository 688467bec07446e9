"""Rebookings whose outcome isn't known, by how long they have been so."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector

from shared.ledger.transitions import RowState

log = logging.getLogger(__name__)

AGES = (("under_5_minutes", 300.0), ("under_1_hour", 3600.0), ("under_1_day", 86_400.0), ("older", float("inf")))
"""Each age by its name and the seconds below which it ends."""

STATES = (RowState.UNKNOWN.value, RowState.MANUAL.value)

Listing = Callable[[], Iterable[dict[str, Any]]]


class UnresolvedGauges(Collector):
    """Reads the ledger's list of unresolved rows whenever somebody asks; without the ledger nothing is told.

    `listing` gives each row's state and its created_at (ISO 8601 with its offset); `now` gives seconds since the epoch.
    """

    def __init__(self, listing: Listing, now: Callable[[], float]) -> None:
        self._listing = listing
        self._now = now

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The names alone: registering looks at nothing."""
        return _families()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The unresolved rebookings as they are now."""
        families = by_age, oldest = _families()
        try:
            now = self._now()
            rows = [(row["state"], now - _seconds(row["created_at"])) for row in self._listing()]
        except Exception as error:  # whatever the ledger raises
            log.warning("unresolved rebookings can't be told: %s", type(error).__name__)
            return families
        counted = Counter((state, age_of(seconds)) for state, seconds in rows)
        for state, (age, _) in product(STATES, AGES):
            by_age.add_metric([state, age], counted[state, age])
        for state in STATES:
            oldest.add_metric([state], max((seconds for one, seconds in rows if one == state), default=0.0))
        return families

    def register(self) -> None:
        """Let Prometheus read them from this process."""
        REGISTRY.register(self)


def age_of(seconds: float) -> str:
    """The name of an age."""
    return next(name for name, below in AGES if seconds < below)


def _seconds(iso: str) -> float:
    return dt.datetime.fromisoformat(iso).timestamp()


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily("omboka_unresolved", "Rebookings whose outcome isn't known, by age", labels=["state", "age"]),
        GaugeMetricFamily(
            "omboka_unresolved_oldest_seconds",
            "Age of the oldest rebooking whose outcome isn't known",
            labels=["state"],
        ),
    )
