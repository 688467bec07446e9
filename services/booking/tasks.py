"""The booking service's Celery task: a message is a row's id, and wakes the row."""

from __future__ import annotations

import logging
from typing import Any

from celery import Celery
from pydantic import ValidationError

from services.booking.rebook import Saga
from shared.contracts.commands import Rebook
from shared.contracts.routes import ROUTES
from shared.messaging.worker_loop import WorkerLoop

log = logging.getLogger(__name__)


def register(app: Celery, saga: Saga, loop: WorkerLoop) -> None:
    """Put the task on the application. It is acknowledged late: a worker that dies leaves the message to another."""

    @app.task(name=ROUTES[Rebook].task, shared=False, acks_late=True, reject_on_worker_lost=True, ignore_result=True)
    def take(message: dict[str, Any]) -> None:
        try:
            rebook = Rebook.model_validate(message)
        except ValidationError as error:
            log.error("a booking message of the wrong form was dropped (%d faults)", error.error_count())
            return
        loop.submit(lambda: saga.step(rebook.row_id))
