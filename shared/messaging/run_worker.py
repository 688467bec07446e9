"""Running a Celery worker in the foreground: four threads that hand over, SIGTERM drains, and an end for certain.

Celery's warm shutdown waits without limit; here the process ends by itself after `drain_seconds`, whatever still runs:
look-ups are told as failed by whoever waits, rebookings stay in the ledger under their lease. Source: the reliability
rules 2.5.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging, worker_ready, worker_shutting_down

from shared.heap import settle_heap
from shared.messaging.celery_app import leave_logs

log = logging.getLogger(__name__)


def run_worker(app: Celery, queue: str, *, drain_seconds: float) -> int:
    """Take messages of one queue until the process is asked to end; gives the exit code."""
    # The user is the container's or the operator's choice; Celery warns of the superuser on every start.
    warnings.filterwarnings("ignore", category=SecurityWarning)

    def end_for_certain(**_: object) -> None:
        log.info("draining, for %g seconds at most", drain_seconds)
        timer = threading.Timer(drain_seconds, os._exit, (0,))
        timer.daemon = True
        timer.start()

    setup_logging.connect(leave_logs, weak=False)
    worker_shutting_down.connect(end_for_certain, weak=False)
    worker_ready.connect(_settle_heap, weak=False)
    worker = app.Worker(
        pool="threads",
        concurrency=4,
        queues=[queue],
        without_gossip=True,
        without_mingle=True,
        quiet=True,
        loglevel=logging.WARNING,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _settle_heap(**_: object) -> None:
    settle_heap()
