"""The metrics of the workers, by name: what Prometheus reads, and what the alert rules may speak of."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector

CALLS = Counter(
    "omboka_calls", "Calls to booking systems and the registry, by outcome", ["producer", "interaction", "outcome"]
)
CALL_SECONDS = Histogram(
    "omboka_call_seconds",
    "How long calls took, in seconds",
    ["producer", "interaction"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 40),
)
LATE_APPLIES = Counter("omboka_late_applies", "Updates applied after they had been told as not done (goal: 0)")


class Gauges(Collector):
    """Numbers that are read when somebody asks: each by name, help, label and a way to get its values."""

    def __init__(self, name: str, text: str, label: str, values: Callable[[], Iterable[tuple[str, float]]]) -> None:
        self._name = name
        self._text = text
        self._label = label
        self._values = values

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The values as they are now."""
        family = GaugeMetricFamily(self._name, self._text, labels=[self._label])
        for label, value in self._values():
            family.add_metric([label], value)
        yield family

    def register(self) -> None:
        """Let Prometheus read them from this process."""
        REGISTRY.register(self)
