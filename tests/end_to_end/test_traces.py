"""One id from the click to the SOAP call."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.signals import before_task_publish
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.observability.logs import JsonFormatter, masked
from shared.observability.spans import send_spans
from tests.builders.access_log import access_log_to
from tests.end_to_end.stacks import LINDANGEN, embedded

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_a_clicks_trace_reaches_the_log_and_the_booking_systems(tmp_path: Path) -> None:
    """The portal's trace is in the gateway's lines, in the header of each message, and goes with every call."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    published: list[dict[str, Any]] = []

    def note(headers: dict[str, Any], **_: Any) -> None:
        published.append(headers)

    before_task_publish.connect(note)
    try:
        with access_log_to(handler):
            async with embedded(tmp_path) as stack:
                portal = stack.portal("saga")
                portal.headers["traceparent"] = f"00-{TRACE}-b7ad6b7169203331-01"
                async with portal, await portal.rebook(LINDANGEN, "1HZ5-0100001") as rebooking:
                    await rebooking.go_to_days()
                    await rebooking.go_to_summary()
                    assert (await rebooking.confirm())["state"] == "confirmed"
                calls = await stack.calls()
    finally:
        before_task_publish.disconnect(note)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert {line["trace_id"] for line in lines if "/v1/rebookings" in line["message"]} == {TRACE}
    assert "UpdateBooking" in {call["contract"] for call in calls}
    without = {call["contract"] for call in calls if call["headers"].get("x-skltp-correlation-id") != TRACE}
    # What a booking system supports is asked for everybody, and so belongs to no click.
    assert without == {"GetSupportedServiceContracts"}
    assert {headers.get("traceparent") for headers in published} == {f"00-{TRACE}-b7ad6b7169203331-01"}


async def test_a_clicks_trace_is_in_the_workers_lines(tmp_path: Path) -> None:
    """What a worker has to say of a click it says under the click's id: a look-up's trouble, and a rebooking's."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    workers = [logging.getLogger(name) for name in ("services.availability", "services.booking")]
    for one in workers:
        one.addHandler(handler)
    try:
        async with embedded(tmp_path) as stack:
            await stack.mishap("GetSupportedServiceContracts", kind="fault", times=1)
            await stack.mishap("UpdateBooking", kind="vp", code="VP007")
            portal = stack.portal("saga")
            portal.headers["traceparent"] = f"00-{TRACE}-b7ad6b7169203331-01"
            async with portal, await portal.rebook(LINDANGEN, "1HZ5-0100001") as rebooking:
                await rebooking.go_to_days(LINDANGEN)
                await rebooking.go_to_summary()
                assert (await rebooking.confirm())["state"] == "not_applied"
    finally:
        for one in workers:
            one.removeHandler(handler)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    said = {one.name: [line for line in lines if line["logger"].startswith(one.name)] for one in workers}
    assert all(said.values()), "a worker had nothing to say"
    assert {line.get("trace_id") for line in lines} == {TRACE}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """The spans of this process, while the test runs."""
    exporter = InMemorySpanExporter()
    send_spans("test", SimpleSpanProcessor(exporter))
    yield exporter
    send_spans("test", None)


async def test_spans_lead_from_the_click_to_each_call(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    """One trace: the portal's span, the command, the task that it caused, the SOAP call; nothing of a patient's."""
    async with embedded(tmp_path) as stack:
        portal = stack.portal("saga")
        portal.headers["traceparent"] = f"00-{TRACE}-b7ad6b7169203331-01"
        async with portal, await portal.rebook(LINDANGEN, "1HZ5-0100001") as rebooking:
            await rebooking.go_to_days()
            await rebooking.go_to_summary()
            assert (await rebooking.confirm())["state"] == "confirmed"
    finished = spans.get_finished_spans()
    by_id = {one.context.span_id: one for one in finished}

    def way(span: ReadableSpan) -> list[str]:
        """The names from a span up to the portal's own."""
        names = [span.name]
        while span.parent is not None and span.parent.span_id in by_id:
            span = by_id[span.parent.span_id]
            names.append(span.name)
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
        return names

    ways = {one.name: way(one) for one in finished if one.context.trace_id == int(TRACE, 16)}
    assert ways["GetBookingDetails"][-1] in ("POST /v1/rebookings", "command confirm")
    assert ways["GetAvailableDates"] == ["GetAvailableDates", "availability.search_days", "command choose_facilities"]
    assert ways["UpdateBooking"] == ["UpdateBooking", "rebook", "command confirm"]
    held = json.dumps([[one.name, dict(one.attributes or {})] for one in finished])
    assert masked(held) == held
    for patients_own in ("8706222380", "1HZ5-0100001", "Saga", "förhinder", rebooking.id):
        assert patients_own not in held


def test_without_the_package_or_an_address_there_are_no_spans() -> None:
    """Nothing is imported, nothing fails, and whoever wants spans that can't be made is told."""
    program = """
import sys
from shared.observability import calls, spans
spans.set_up_spans("gateway", {})
with spans.span("a"), spans.span("b"):
    spans.past_span("c", "client", 0.1, failed=False)
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
sys.modules["opentelemetry"] = None
spans.set_up_spans("gateway", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
with spans.span("a"):
    pass
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "omboka[otel]" in done.stderr
