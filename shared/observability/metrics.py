"""The metrics of the workers, by name: what Prometheus reads, and what the alert rules may speak of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector

log = logging.getLogger(__name__)

CALLS = Counter(
    "omboka_calls", "Calls to booking systems and the registry, by outcome", ["producer", "interaction", "outcome"]
)
CALL_SECONDS = Histogram(
    "omboka_call_seconds",
    "How long calls took, in seconds",
    ["producer", "interaction"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 40),
)
LOOK_UPS = Counter(
    "omboka_cache_look_ups",
    "Look-ups that may be cached: hit, miss (the booking system was asked), joined (somebody else's call was shared), "
    "and besides these stale (an old copy served, because the booking system failed)",
    ["interaction", "result"],
)
LATE_APPLIES = Counter("omboka_late_applies", "Updates applied after they had been told as not done (goal: 0)")
NOT_THERE = Counter(
    "omboka_confirmed_not_there", "Rebookings told as confirmed and later found at their old time (goal: 0)"
)


class Gauges(Collector):
    """Numbers that are read when somebody asks: each by name, help, label and a way to get its values.

    Where the values can't be had there are none, and every other metric is told all the same.
    """

    def __init__(self, name: str, text: str, label: str, values: Callable[[], Iterable[tuple[str, float]]]) -> None:
        self._name = name
        self._text = text
        self._label = label
        self._values = values

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The name alone: registering looks at nothing."""
        yield self._family()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The values as they are now."""
        family = self._family()
        try:
            for label, value in self._values():
                family.add_metric([label], value)
        except Exception as error:  # whatever is missing there is no fault of whoever asks
            log.warning("%s can't be told: %s", self._name, type(error).__name__)
        yield family

    def register(self) -> None:
        """Let Prometheus read them from this process."""
        REGISTRY.register(self)

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(self._name, self._text, labels=[self._label])
