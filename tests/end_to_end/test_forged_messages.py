"""Somebody writes to the broker: it changes nothing and stops nobody, and what no worker can take is laid aside."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kombu import Connection

from shared.contracts.commands import LookUpBookings, Rebook
from shared.contracts.routes import BOOKING_QUEUE, DEAD_LETTER_QUEUE, LOOK_UP_QUEUE, ROUTES
from shared.messaging.celery_app import DELIVERY_LIMIT
from shared.observability.queues import Queued, look_at
from tests.builders.forged import Forged, forged, publish, well_formed
from tests.canary import in_the_ledger
from tests.end_to_end.stacks import LINDANGEN, Role, Stack, servers

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]

TASKS = {BOOKING_QUEUE: ROUTES[Rebook].task, LOOK_UP_QUEUE: ROUTES[LookUpBookings].task}
TOO_DEEP = 2000
"""Tables within tables of a header: more than py-amqp can read, so that each worker ends that is given the message."""


@pytest.fixture
def system(
    tmp_path: Path, fresh_broker_url: str, fresh_events_url: str, fresh_cache_url: str, fresh_database_url: str
) -> AbstractAsyncContextManager[Stack]:
    """The three roles as processes, not started yet."""
    return servers(
        tmp_path,
        broker_url=fresh_broker_url,
        events_url=fresh_events_url,
        cache_url=fresh_cache_url,
        database_url=fresh_database_url,
    )


def write(broker_url: str, queue: str, *messages: Forged) -> None:
    """Write messages as somebody does who has a user of the broker; it has them when this returns."""
    with Connection(broker_url, transport_options={"confirm_publish": True}) as connection:
        publish(connection, queue, *messages)


async def until_dead(broker_url: str, count: int, *, patience: float = 30.0) -> dict[str, Queued]:
    """Wait until so many messages have been laid aside and none waits; gives the queues."""
    async with asyncio.timeout(patience):
        while True:
            queues = dict(await asyncio.to_thread(look_at(broker_url)))
            waiting = queues[BOOKING_QUEUE].messages + queues[LOOK_UP_QUEUE].messages
            if queues[DEAD_LETTER_QUEUE].messages >= count and not waiting:
                return queues
            await asyncio.sleep(0.1)  # another process can't be awaited otherwise


@asynccontextmanager
async def starting_anew(worker: Role, ends: list[int]) -> AsyncIterator[None]:
    """Start a worker again whenever it has ended, as whoever runs it does, and note each end's code."""

    async def watch() -> None:
        while True:
            if (code := worker.process.poll()) is not None:
                ends.append(code)
                worker.restart()
            await asyncio.sleep(0.05)  # another process can't be awaited otherwise

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


async def moved(stack: Stack, patient: str) -> None:
    """A rebooking goes the whole way."""
    async with stack.portal(patient) as portal:
        (booking, *_) = (await portal.bookings(facility=LINDANGEN))["bookings"]
        async with await portal.rebook(LINDANGEN, booking["booking_id"]) as rebooking:
            await rebooking.go_to_days()
            await rebooking.go_to_summary()
            assert (await rebooking.confirm())["state"] == "confirmed"


def rows(database_url: str) -> dict[str, bytes]:
    """The ledger's rows of rebookings."""
    return {name: row for name, row in in_the_ledger(database_url).items() if "rebooking_row" in name}


def row_ids(database_url: str) -> list[str]:
    """The ids of the ledger's rows."""
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        return [found[0] for found in connection.execute("SELECT id FROM rebooking_row")]


async def test_forged_messages_change_nothing_and_stop_nobody(
    system: AbstractAsyncContextManager[Stack], tmp_path: Path, fresh_broker_url: str, fresh_database_url: str
) -> None:
    """Code, unknown tasks, unknown rows, wrong forms: no code runs, no row changes, and the next rebooking is moved."""
    marker = tmp_path / "marker"
    async with system as stack:
        await moved(stack, "nils")
        before = rows(fresh_database_url)
        (row_id,) = row_ids(fresh_database_url)
        task = partial(well_formed, TASKS[BOOKING_QUEUE])
        write(
            fresh_broker_url, BOOKING_QUEUE, *(task({"v": 1, "row_id": one}) for one in ("0" * 32, "x' OR 1", row_id))
        )
        write(fresh_broker_url, BOOKING_QUEUE, task({"v": 1, "row_id": {}}), task({"v": 2, "row_id": row_id}), task({}))
        write(fresh_broker_url, LOOK_UP_QUEUE, well_formed(TASKS[LOOK_UP_QUEUE], {"v": 1, "rebooking_id": "0" * 32}))
        for queue, name in TASKS.items():
            write(fresh_broker_url, queue, *forged(name, marker).values())
        queues = await until_dead(fresh_broker_url, len(forged("", marker)))
        assert queues[BOOKING_QUEUE].consumers == queues[LOOK_UP_QUEUE].consumers == 1
        assert rows(fresh_database_url) == before
        await moved(stack, "saga")
        assert set(before.values()) < set(rows(fresh_database_url).values())
        assert all(role.process.poll() is None for role in stack.inside.values())
    assert not marker.exists()
    # What a worker had kept without an answer would be back in its queue, now that it has ended.
    left = {name: queued.messages for name, queued in look_at(fresh_broker_url)().items()}
    assert left == {BOOKING_QUEUE: 0, LOOK_UP_QUEUE: 0, DEAD_LETTER_QUEUE: len(forged("", marker))}


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Room to write what the reader has no room to read."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(20 * TOO_DEEP)
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)


async def test_what_ends_its_worker_each_time_is_laid_aside(
    system: AbstractAsyncContextManager[Stack], fresh_broker_url: str
) -> None:
    """A message that no worker survives is given to as many as the delivery limit says, then to none: N13."""
    deep: dict[str, Any] = {}
    for _ in range(TOO_DEEP):
        deep = {"a": deep}
    async with system as stack:
        worker = stack.inside["booking"]
        with deep_recursion():
            write(
                fresh_broker_url, BOOKING_QUEUE, well_formed(TASKS[BOOKING_QUEUE], {"v": 1, "row_id": "x"}, deep=deep)
            )
        ends: list[int] = []
        async with starting_anew(worker, ends):
            await until_dead(fresh_broker_url, 1, patience=120)
            await moved(stack, "saga")
        # One that gets it while it is starting only loses its connection, which is a delivery too.
        assert DELIVERY_LIMIT <= len(ends) <= DELIVERY_LIMIT + 1
