"""What runs for one click says so in its log lines."""

from __future__ import annotations

import asyncio
import json
import logging

from shared.observability.logs import JsonFormatter
from shared.observability.traces import current_trace_id, current_traceparent, following

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def line() -> dict[str, object]:
    """A log line of here and now."""
    record = logging.LogRecord("test", logging.INFO, __file__, 1, "something", (), None)
    shown: dict[str, object] = json.loads(JsonFormatter().format(record))
    return shown


def test_a_log_line_holds_the_trace_that_is_followed():
    """Within the block and nowhere else."""
    assert "trace_id" not in line()
    with following(TRACEPARENT):
        assert line()["trace_id"] == TRACE
        assert current_traceparent() == TRACEPARENT
    assert "trace_id" not in line()


def test_what_follows_none_is_of_no_trace():
    """A message of an older version has none; the line doesn't take the trace of what surrounds it."""
    with following(TRACEPARENT), following(None):
        assert current_trace_id() is None


async def test_two_traces_at_once_stay_apart():
    """Each task keeps its own, and hands it to the tasks that it starts."""
    met = asyncio.Barrier(2)

    async def child() -> str | None:
        await met.wait()
        return current_trace_id()

    async def work(trace: str) -> str | None:
        with following(f"00-{trace}-b7ad6b7169203331-01"):
            return await asyncio.create_task(child())

    other = TRACE[::-1]
    assert await asyncio.gather(work(TRACE), work(other)) == [TRACE, other]
