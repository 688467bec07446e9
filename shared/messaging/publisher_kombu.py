"""The publisher over kombu: threads with connections of their own, so that no event loop ever waits for a broker.

One thread writes look-ups without confirms. Two write rebookings and wait for the broker's confirm each. A publish that
isn't done within its patience is reported as failed, its connection is dropped without a polite close (closing a
blocked one hangs), and for a moment further ones fail at once. Source: the reliability rules 2c.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from celery import Celery
from kombu import Connection, Producer

from shared.contracts.model import Frozen
from shared.contracts.routes import ROUTES, Route
from shared.messaging.publisher import PublishFailed

log = logging.getLogger(__name__)

FAIL_FAST_SECONDS = 1.0
CONFIRMING_THREADS = 2
MOST_WAITING = 10_000

_OPTIONS = {"read_timeout": 5, "write_timeout": 5, "connect_timeout": 3}


@dataclass
class _Job:
    route: Route
    message: dict[str, Any]
    expires: float | None
    give_up_at: float
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None] = field(repr=False)

    def settle(self, error: Exception | None) -> None:
        def tell() -> None:
            if self.done.done():
                return
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(tell)


class _Line:
    """One thread with one connection, publishing in order."""

    def __init__(self, app: Celery, name: str, jobs: queue.Queue[_Job | None], *, confirm: bool) -> None:
        self._app = app
        self._jobs = jobs
        self._options = {**_OPTIONS, "confirm_publish": True} if confirm else dict(_OPTIONS)
        self._connection: Connection | None = None
        self._producer: Producer | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def drop(self) -> None:
        """Forget the connection: close its socket under it, and say nothing to the broker."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            try:
                connection.collect(socket_timeout=0.1)
            except Exception:
                log.debug("a dropped connection could not be collected", exc_info=True)

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if time.monotonic() > job.give_up_at:
                continue  # whoever asked has been told already that it failed
            job.settle(self._try(job))
        self.drop()

    def _try(self, job: _Job) -> PublishFailed | None:
        was_open = self._producer is not None
        try:
            self._publish(job)
        except Exception as error:  # every failure of the broker or its client is one to the caller
            self.drop()
            # A connection that was kept may have died with a broker that is back by now. Writing a message twice is
            # harmless: a look-up's events have keys of their own, and a rebooking's message only wakes its row.
            if was_open and time.monotonic() < job.give_up_at:
                return self._try(job)
            return PublishFailed(f"{job.route.task}: {type(error).__name__}")
        return None

    def _publish(self, job: _Job) -> None:
        if self._producer is None:
            connection = self._app.connection_for_write(transport_options=self._options, heartbeat=0)
            connection.ensure_connection(max_retries=1, timeout=3)
            self._connection, self._producer = connection, Producer(connection)
        self._app.send_task(
            job.route.task,
            kwargs={"message": job.message},
            producer=self._producer,
            queue=job.route.queue,
            expires=job.expires,
            headers=_headers(job.message),
            retry=False,
            ignore_result=True,
            argsrepr="()",
            kwargsrepr="{}",
        )


class KombuPublisher:
    """Publishes by the routes table; one instance serves every event loop of the process."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._plain: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._confirming: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._lines = [_Line(app, "publish", self._plain, confirm=False)]
        self._lines += [
            _Line(app, f"publish-confirmed-{n}", self._confirming, confirm=True) for n in range(CONFIRMING_THREADS)
        ]
        self._shut_until = 0.0

    async def publish(self, message: Frozen, *, expires: float | None = None, patience: float = 3.0) -> None:
        """Publish by the routes table; raises PublishFailed after `patience` seconds or when the broker refuses."""
        route = ROUTES[type(message)]
        now = time.monotonic()
        if now < self._shut_until:
            raise PublishFailed(f"{route.task}: the broker has just failed")
        loop = asyncio.get_running_loop()
        job = _Job(route, message.model_dump(mode="json"), expires, now + patience, loop, loop.create_future())
        try:
            (self._confirming if route.confirmed else self._plain).put_nowait(job)
        except queue.Full:
            raise PublishFailed(f"{route.task}: too many messages wait for the broker") from None
        try:
            await asyncio.wait_for(job.done, patience)
        except TimeoutError:
            self._shut_until = time.monotonic() + FAIL_FAST_SECONDS
            raise PublishFailed(f"{route.task}: no answer from the broker") from None
        except PublishFailed:
            self._shut_until = time.monotonic() + FAIL_FAST_SECONDS
            raise

    async def ping(self) -> None:
        """Return when the broker takes a connection; PublishFailed else."""
        await asyncio.to_thread(_connected, self._app.connection_for_write)

    async def close(self) -> None:
        """End the threads, without waiting for a blocked one."""
        self._plain.put_nowait(None)
        for _ in range(CONFIRMING_THREADS):
            self._confirming.put_nowait(None)
        for line in self._lines:
            await asyncio.to_thread(line.join, 1.0)


def _headers(message: dict[str, Any]) -> dict[str, str]:
    traceparent = message.get("traceparent")
    return {"traceparent": traceparent} if traceparent else {}


def _connected(connect: Callable[..., Connection]) -> None:
    try:
        with connect(transport_options=_OPTIONS, heartbeat=0) as connection:
            connection.ensure_connection(max_retries=1, timeout=2)
    except Exception as error:
        raise PublishFailed(f"the broker can't be reached: {type(error).__name__}") from error
