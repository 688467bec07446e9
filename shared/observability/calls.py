"""Counting the calls to booking systems."""

from __future__ import annotations

from shared.observability.metrics import CALL_SECONDS, CALLS
from shared.scheduling.client import Call


def count_call(call: Call) -> None:
    """Note one ended call: its outcome, and how long it took."""
    CALLS.labels(call.producer, call.interaction.value, call.outcome).inc()
    CALL_SECONDS.labels(call.producer, call.interaction.value).observe(call.seconds)
