"""How many messages wait in each queue, how old they may be, and whether anybody takes them.

The broker tells no message's age. A queue is first in, first out, so its oldest message is at most as old as the time
since the queue was last seen empty, plus the time between two looks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kombu import Connection
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector

from shared.contracts.routes import BOOKING_QUEUE, DEAD_LETTER_QUEUE, LOOK_UP_QUEUE

log = logging.getLogger(__name__)

QUEUES = (LOOK_UP_QUEUE, BOOKING_QUEUE, DEAD_LETTER_QUEUE)
PATIENCE_SECONDS = 2


@dataclass(frozen=True)
class Queued:
    """What one look at a queue shows: the messages that wait, and how many take them."""

    messages: int
    consumers: int


Look = Callable[[], Mapping[str, Queued]]


class QueueGauges(Collector):
    """Looks whenever somebody asks; while the broker can't be reached nothing is told of the queues."""

    def __init__(self, look: Look, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._monotonic = monotonic
        self._waiting_since: dict[str, float] = {}

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The names alone: registering looks at nothing."""
        return _families()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The queues as they are now."""
        families = messages, consumers, oldest = _families()
        try:
            seen = self._look()
        except Exception as error:  # whatever the broker's client raises
            log.warning("the queues can't be looked at: %s", type(error).__name__)
            return families
        now = self._monotonic()
        for name, queued in seen.items():
            if queued.messages == 0:
                self._waiting_since.pop(name, None)
            messages.add_metric([name], queued.messages)
            consumers.add_metric([name], queued.consumers)
            since = self._waiting_since.setdefault(name, now) if queued.messages else now
            oldest.add_metric([name], now - since)
        return families

    def register(self) -> None:
        """Let Prometheus read them from this process."""
        REGISTRY.register(self)


def look_at(broker_url: str) -> Look:
    """A look by passive declare, over a connection of its own; it declares and changes nothing. Raises OSError."""

    def look() -> dict[str, Queued]:
        seen: dict[str, Queued] = {}
        with Connection(broker_url, connect_timeout=PATIENCE_SECONDS) as connection:
            connection.connect()
            for name in QUEUES:
                try:
                    with connection.channel() as channel:
                        declared = channel.queue_declare(queue=name, passive=True)
                except connection.channel_errors:
                    continue  # not declared yet
                seen[name] = Queued(declared.message_count, declared.consumer_count)
        return seen

    return look


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily("omboka_queue_messages", "Messages that wait in the queue", labels=["queue"]),
        GaugeMetricFamily("omboka_queue_consumers", "Workers that take messages of the queue", labels=["queue"]),
        GaugeMetricFamily(
            "omboka_queue_oldest_seconds",
            "How old the oldest message is at most: seconds since the queue was last seen empty",
            labels=["queue"],
        ),
    )
