"""The rate at which a booking system is called, over all processes that share it: a token bucket.

Look-ups wait for a token or do without; a rebooking takes one without waiting and may leave the bucket in debt, so
that look-ups yield to it. Source: contract description 3.6 (calls a second for each producer); the saga's rules 3.4.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol

from shared.clock import Clock
from shared.configuration import Configuration, ProducerLimits


class Rate(Protocol):
    """The buckets of every booking system."""

    async def take(self, producer: str) -> float:
        """Take a token: 0 when there was one, else the seconds after which it is worth asking again (none taken)."""

    async def take_without_waiting(self, producer: str) -> None:
        """Take a token whether there is one or not."""


class MemoryRate:
    """Buckets of this process alone; usable from every thread."""

    def __init__(self, limits: Mapping[str, ProducerLimits], clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    @classmethod
    def of(cls, configuration: Configuration, clock: Clock) -> MemoryRate:
        """The buckets of a configuration's booking systems."""
        return cls({name: producer.limits for name, producer in configuration.producers.items()}, clock)

    async def take(self, producer: str) -> float:
        """Take a token, or say how many seconds it is until one will be there."""
        return self._take(producer, must_be_there=True)

    async def take_without_waiting(self, producer: str) -> None:
        """Take a token whether there is one or not."""
        self._take(producer, must_be_there=False)

    def _take(self, producer: str, *, must_be_there: bool) -> float:
        limits = self._limits.get(producer)
        if limits is None or limits.rate is None:
            return 0.0
        with self._lock:
            now = self._clock.monotonic()
            tokens, since = self._buckets.get(producer, (float(limits.burst), now))
            tokens = min(float(limits.burst), tokens + (now - since) * limits.rate)
            if must_be_there and tokens < 1:
                self._buckets[producer] = (tokens, now)
                return (1 - tokens) / limits.rate
            self._buckets[producer] = (tokens - 1, now)
            return 0.0
