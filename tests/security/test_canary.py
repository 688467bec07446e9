"""A canary: one patient's number goes through everything, and is then looked for wherever anything could have stayed.

Logs of every role, Redis, what passed through the broker, the ledger's database, the audit log, and traces.
Source: the reliability rules 4.1, "Logs", and N12.
"""

from __future__ import annotations

import base64
import contextlib
import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery.signals import before_task_publish
from kombu import Connection, Queue
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.messaging.celery_app import dead_letter_queue, queues
from shared.observability.spans import send_spans
from tests.canary import NUMBERS, files_in, forms, hits, in_redis, in_the_ledger, named
from tests.end_to_end.stacks import LINDANGEN, PATIENTS, Stack, embedded, servers

CANARY = "saga"
NUMBER = PATIENTS[CANARY]["subject"]
NAME = "Kanariefågel"
BOOKING = "1HZ5-0100001"


def canary() -> list[bytes]:
    """The canary's number and its name, as they may be written."""
    name = [NAME.encode(), NAME.encode("unicode_escape"), NAME.encode("latin-1")]
    return [*forms(NUMBER), *name]


async def sing(stack: Stack) -> None:
    """The canary does what a patient does, and what one shouldn't: its number stands wherever a client can put it."""
    async with stack.portal(CANARY, family_name=NAME) as portal:
        await portal.bookings(facility=LINDANGEN)
        await stack.mishap("GetAllPerformers", kind="malformed", variant="doctype", times=1)
        await stack.mishap("GetAvailableDates", kind="fault", times=1)
        async with await portal.rebook(LINDANGEN, BOOKING) as rebooking:
            await rebooking.expect_all("booking.ready", "terms.ready")
            await rebooking.send("choose_facilities", facilities=[LINDANGEN])
            await rebooking.expect("section.failed")
            while "days" not in rebooking.sections or rebooking.sections["days"]["state"] != "failed":
                await rebooking.frame()
            await rebooking.send("retry", section="days")
            await rebooking.expect("timeslots.ready")
            await rebooking.go_to_summary()
            assert (await rebooking.confirm())["state"] == "confirmed"
        session, headers = portal.session, {"X-Note": NUMBER, "traceparent": f"00-{NUMBER}-1-01"}
        for method, path, body in (
            ("GET", f"/v1/bookings?facility={NUMBER}", None),
            ("GET", f"/v1/rebookings/{NUMBER}", None),
            ("GET", f"/{NUMBER}?{NUMBER}={NUMBER}", None),
            ("POST", "/v1/rebookings", f'{{"{NUMBER}": "{NUMBER}"'),
            ("POST", "/v1/rebookings", f'{{"{NUMBER}": "{NUMBER}"}}'),
            ("POST", f"{rebooking.path}/commands", f'{{"id": "a", "name": "{NUMBER}", "subject": "{NUMBER}"}}'),
            (NUMBER, "/v1/me", None),
        ):
            async with session.request(method, path, data=body, headers=headers) as answer:
                assert 400 <= answer.status < 500, (method, path, await answer.text())
        refused = {"Authorization": f"Bearer {NUMBER}.{NUMBER}.{NUMBER}"}
        async with session.get("/v1/me", headers=refused) as answer:
            assert answer.status == 401


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """Every record of this process from DEBUG on, as it is before anything masks it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@asynccontextmanager
async def tapped(url: str) -> AsyncIterator[dict[str, bytes]]:
    """Have a copy of every message that any exchange of ours passes on, headers and all."""
    found: dict[str, bytes] = {}
    with Connection(url, connect_timeout=5) as connection:
        channel = connection.channel()
        declared = [dead_letter_queue(), *queues().values()]
        for queue in declared:
            queue(channel).declare()
            tap = Queue(f"tap-{queue.name}", queue.exchange, routing_key="#", exclusive=True, auto_delete=True)
            tap(channel).declare()
        yield found
        for queue in declared:
            tap = Queue(f"tap-{queue.name}", exclusive=True)(channel)
            while message := tap.get(no_ack=True):
                content = repr((message.headers, message.properties, message.delivery_info)).encode()
                found[f"message {len(found)}"] = content + b" " + bytes(str(message.body).encode())


async def test_the_canary_leaves_nothing_in_one_process(tmp_path: Path) -> None:
    """Unmasked records of every library from DEBUG on, spans, the ledger's file, messages and the audit log: 0 hits."""
    messages: dict[str, bytes] = {}

    def note(body: Any, headers: Any, **_: Any) -> None:
        messages[f"message {len(messages)}"] = repr((body, headers)).encode()

    before_task_publish.connect(note)
    spans = InMemorySpanExporter()
    send_spans("test", SimpleSpanProcessor(spans))
    try:
        with everything_logged() as written:
            async with embedded(tmp_path) as stack:
                await sing(stack)
                ledger = in_the_ledger(f"sqlite:///{tmp_path}/omboka.db")
    finally:
        before_task_publish.disconnect(note)
        send_spans("test", None)
    traces = {f"span {n}": span.to_json().encode() for n, span in enumerate(spans.get_finished_spans())}
    assert len(traces) > 10
    logs = written.getvalue().encode()
    places = {"logs": logs, **traces, **messages, **ledger, **files_in(tmp_path)}
    assert len(messages) >= 5
    assert len(ledger) > 3
    assert any(name.endswith(".jsonl") for name in places)
    assert "omboka.db" in places
    assert b"omboka.access POST /v1/rebookings 201" in logs  # the records of our own parts are among them
    assert b"omboka.calls" in logs
    assert not hits(places, canary())


@pytest.mark.servers
@pytest.mark.timeout(240)
async def test_the_canary_leaves_nothing_in_the_roles_and_their_servers(
    tmp_path: Path, fresh_broker_url: str, fresh_events_url: str, fresh_cache_url: str, fresh_database_url: str
) -> None:
    """Three processes: their logs at DEBUG, all of Redis, every message, every row, and the audit log: 0 hits."""
    urls = {"events_url": fresh_events_url, "cache_url": fresh_cache_url, "database_url": fresh_database_url}
    async with contextlib.AsyncExitStack() as entered:
        messages = await entered.enter_async_context(tapped(fresh_broker_url))
        stack = await entered.enter_async_context(
            servers(tmp_path, broker_url=fresh_broker_url, log_level="DEBUG", **urls)
        )
        await sing(stack)
        kept = {**in_redis(fresh_events_url), **in_redis(fresh_cache_url), **in_the_ledger(fresh_database_url)}
    places = {**kept, **messages, **files_in(tmp_path)}
    found = {kind: sum(kind in place for place in places) for kind in ("redis", "ledger", "message", ".log", ".jsonl")}
    assert all(found.values()), found
    assert not hits(places, canary())


def test_the_canary_would_be_heard() -> None:
    """Each form is found where it stands, also within base64 at any place."""
    for form in canary():
        assert hits({"somewhere": b"before " + form + b" after"}, canary())
    for pad in range(3):
        encoded = base64.b64encode(b"x" * (30 + pad) + NUMBER.encode() + b"and what follows")
        assert hits({"somewhere": encoded}, canary())


@pytest.mark.parametrize("number", NUMBERS)
def test_everybody_would_be_heard(number: str) -> None:
    """Whoever is named by any test."""
    assert named({"somewhere": f"before {number} after".encode()})
    assert not named({"somewhere": b"nobody"})
