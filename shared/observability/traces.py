"""The trace that the running code belongs to: one id in the log lines of every role, from the click to the SOAP call.

It follows a W3C `traceparent`, which goes from role to role in the messages and in Celery's headers.
Source: the reliability rules 4.1, "Logs".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """The `traceparent` that is followed here, or None."""
    return _traceparent.get()


def current_trace_id() -> str | None:
    """The id of the trace that is followed here, 32 hexadecimal digits, or None."""
    followed = _traceparent.get()
    return followed.split("-")[1] if followed else None


@contextmanager
def following(traceparent: str | None) -> Iterator[None]:
    """Follow a trace in this block and in the tasks that it starts; None follows none."""
    token = _traceparent.set(traceparent)
    try:
        yield
    finally:
        _traceparent.reset(token)
