"""W3C trace context: the caller's `traceparent` is carried along to the workers; without one a new trace begins."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from shared.observability.traces import current_traceparent

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent(headers: Mapping[str, str]) -> str:
    """The trace that is followed here, else the request's own, else a new one that nobody has asked to record."""
    return (
        current_traceparent() or given_traceparent(headers) or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
    )


def given_traceparent(headers: Mapping[str, str]) -> str | None:
    """The request's own trace, or None when it has none or one of the wrong form."""
    given = headers.get("traceparent", "")
    return given if _TRACEPARENT.fullmatch(given) else None
