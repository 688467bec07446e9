"""Spans for OpenTelemetry, from the click to each SOAP call, where `omboka[otel]` is installed and told where to send.

Where it isn't, a span is a block that does nothing. The way between the roles is that of the trace id: the
`traceparent` in the messages and in Celery's headers. A span holds names of routes, commands, booking systems and
interactions; never an id, a query or anything of a patient's.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from shared.observability.traces import current_traceparent, following

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

log = logging.getLogger(__name__)

Kind = Literal["server", "client", "consumer", "internal"]

_tracer: Any = None
"""What makes spans; None while nobody wants any."""


def set_up_spans(role: str, environment: Mapping[str, str] = os.environ) -> None:
    """Send spans where OpenTelemetry's own `OTEL_EXPORTER_OTLP_ENDPOINT` says; without it or its package, none."""
    if not any(environment.get(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT") for name in ("", "TRACES_")):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("spans are wanted (OTEL_EXPORTER_OTLP_ENDPOINT) but can't be made: install omboka[otel]")
        return
    send_spans(role, BatchSpanProcessor(OTLPSpanExporter()))


def send_spans(role: str, processor: SpanProcessor | None) -> None:
    """Give this process's spans to a processor from now on, or with None to nobody."""
    global _tracer
    if processor is None:
        _tracer = None
        return
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(resource=Resource.create({"service.name": f"omboka-{role}"}))
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("omboka")


def span(name: str, kind: Kind = "internal", **attributes: str) -> AbstractContextManager[None]:
    """A span around a block, a child of the trace that is followed here; what happens in the block follows it."""
    return nullcontext() if _tracer is None else _span(name, kind, attributes)


def past_span(name: str, kind: Kind, seconds: float, *, failed: bool, **attributes: str) -> None:
    """A span of something that has just ended after so many seconds."""
    if _tracer is None:
        return
    ended = time.time_ns()
    made = _begin(name, kind, attributes, ended - int(seconds * 1e9))
    if failed:
        _mark(made)
    made.end(ended)


@contextmanager
def _span(name: str, kind: Kind, attributes: dict[str, str]) -> Iterator[None]:
    made = _begin(name, kind, attributes, None)
    context = made.get_span_context()
    flags = int(context.trace_flags)
    try:
        with following(f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"):
            yield
    except Exception:
        # Not the exception itself: its text may hold what a log would mask.
        _mark(made)
        raise
    finally:
        made.end()


def _begin(name: str, kind: Kind, attributes: dict[str, str], started: int | None) -> Any:
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract({"traceparent": current_traceparent() or ""})
    return _tracer.start_span(
        name, context=parent, kind=SpanKind[kind.upper()], attributes=attributes, start_time=started
    )


def _mark(made: Any) -> None:
    from opentelemetry.trace import Status, StatusCode

    made.set_status(Status(StatusCode.ERROR))
