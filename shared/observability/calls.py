"""Counting, logging and tracing the calls to booking systems."""

from __future__ import annotations

import logging

from shared.observability.metrics import CALL_SECONDS, CALLS
from shared.observability.spans import past_span
from shared.scheduling.client import Call

log = logging.getLogger("omboka.calls")


def count_call(call: Call) -> None:
    """Note one ended call: its outcome, and how long it took."""
    CALLS.labels(call.producer, call.interaction.value, call.outcome).inc()
    CALL_SECONDS.labels(call.producer, call.interaction.value).observe(call.seconds)
    past_span(
        call.interaction.value,
        "client",
        call.seconds,
        failed=call.outcome != "ok",
        producer=call.producer,
        outcome=call.outcome,
    )
    why = f": {call.why}" if call.why else ""
    log.info("%s %s %s %.1f ms%s", call.producer, call.interaction.value, call.outcome, call.seconds * 1000, why)
