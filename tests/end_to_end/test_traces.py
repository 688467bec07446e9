"""One id from the click to the SOAP call."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

from celery.signals import before_task_publish

from shared.observability.logs import JsonFormatter
from tests.end_to_end.stacks import LINDANGEN, embedded

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_a_clicks_trace_reaches_the_log_and_the_booking_systems(tmp_path: Path) -> None:
    """The portal's trace is in the gateway's lines, in the header of each message, and goes with every call."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    access = logging.getLogger("omboka.access")
    level = access.level
    access.addHandler(handler)
    access.setLevel(logging.INFO)
    published: list[dict[str, Any]] = []

    def note(headers: dict[str, Any], **_: Any) -> None:
        published.append(headers)

    before_task_publish.connect(note)
    try:
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
        access.removeHandler(handler)
        access.setLevel(level)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert {line["trace_id"] for line in lines if "/v1/rebookings" in line["message"]} == {TRACE}
    assert "UpdateBooking" in {call["contract"] for call in calls}
    without = {call["contract"] for call in calls if call["headers"].get("x-skltp-correlation-id") != TRACE}
    # What a booking system supports is asked for everybody, and so belongs to no click.
    assert without == {"GetSupportedServiceContracts"}
    assert {headers.get("traceparent") for headers in published} == {f"00-{TRACE}-b7ad6b7169203331-01"}
