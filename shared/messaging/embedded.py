"""A broker inside one process: kombu's memory transport, made to wake at once and to keep its applications apart.

kombu's own memory transport polls, and all applications of a process share its queues. Here a reader waits on a
condition that every put notifies, and each virtual host has queues of its own, so that two systems under test never
meet. Source: architecture, "Embedded".
"""

from __future__ import annotations

import logging
import threading
import uuid
import warnings
from queue import Empty, Queue
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging
from kombu.transport import TRANSPORT_ALIASES, memory, virtual

from shared.messaging.celery_app import leave_logs, make_celery

SCHEME = "embedded"

_written = threading.Condition()
_queues: dict[str, dict[str, Queue[Any]]] = {}
_states: dict[str, virtual.BrokerState] = {}
_ending: set[str] = set()


class Channel(memory.Channel):
    """A channel that wakes the readers when it has written."""

    @property
    def queues(self) -> dict[str, Queue[Any]]:
        """The queues of this channel's virtual host."""
        return _queues.setdefault(self.connection.client.virtual_host, {})

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        super()._put(queue, message, **options)
        with _written:
            _written.notify_all()

    def close(self) -> None:
        """Close the channel; the queues stay for the others."""
        virtual.Channel.close(self)


class Transport(memory.Transport):
    """A transport whose reader sleeps until something is written."""

    Channel = Channel

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)
        self.state = _states.setdefault(client.virtual_host, virtual.BrokerState())

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:
        """Hand on what is there; else wait until something is written, at most `timeout` seconds.

        Raises TimeoutError when nothing came.
        """
        with _written:
            try:
                self.cycle.get(self._deliver, timeout=timeout)
                return
            except Empty:
                # Celery drains once more after it has been told to stop; nothing will come to wake it then.
                if self.client.virtual_host not in _ending:
                    _written.wait(timeout if timeout is not None else 1.0)
        try:
            self.cycle.get(self._deliver, timeout=timeout)
        except Empty:
            raise TimeoutError from None


TRANSPORT_ALIASES[SCHEME] = "shared.messaging.embedded:Transport"


def make_embedded_celery(name: str) -> Celery:
    """Make an application on a broker of its own inside this process."""
    return make_celery(name, f"{SCHEME}://localhost/{uuid.uuid4().hex}", embedded=True)


class EmbeddedWorker:
    """One Celery worker in a daemon thread that takes both queues.

    Celery keeps parts of a worker's state in module globals, so a process stops one before it starts the next.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._ready = threading.Event()
        # Celery warns of the superuser; this worker is a thread of a process whose user is somebody else's choice.
        warnings.filterwarnings("ignore", category=SecurityWarning)
        setup_logging.connect(leave_logs, weak=False)
        self._worker = app.Worker(
            pool="threads",
            concurrency=4,
            queues=[queue.name for queue in app.conf.task_queues],
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            hostname=f"omboka-{uuid.uuid4().hex[:8]}",
            quiet=True,
            loglevel=logging.WARNING,
            ready_callback=lambda _: self._ready.set(),
        )
        self._thread = threading.Thread(target=self._worker.start, name="embedded-worker", daemon=True)

    def start(self) -> None:
        """Start, and return when messages are taken. Raises RuntimeError when that doesn't come about."""
        self._thread.start()
        if not self._ready.wait(15):
            raise RuntimeError("the embedded worker did not start")

    def stop(self) -> None:
        """Finish what runs in the pool, take no more, and forget the broker's queues."""
        from celery.worker import state

        host = self._app.connection_for_read().virtual_host
        _ending.add(host)
        state.should_stop = 0
        with _written:
            _written.notify_all()
        self._thread.join(15)
        state.should_stop = None
        _queues.pop(host, None)
        _states.pop(host, None)
        _ending.discard(host)
