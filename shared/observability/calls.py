"""Counting and logging the calls to booking systems."""

from __future__ import annotations

import logging

from shared.observability.metrics import CALL_SECONDS, CALLS
from shared.scheduling.client import Call

log = logging.getLogger("omboka.calls")


def count_call(call: Call) -> None:
    """Note one ended call: its outcome, and how long it took."""
    CALLS.labels(call.producer, call.interaction.value, call.outcome).inc()
    CALL_SECONDS.labels(call.producer, call.interaction.value).observe(call.seconds)
    log.info("%s %s %s %.1f ms", call.producer, call.interaction.value, call.outcome, call.seconds * 1000)
