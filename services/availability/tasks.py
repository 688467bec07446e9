"""The availability service's Celery tasks: take a message, hand it to the loop, return.

Early acknowledgement, no retry: a look-up that is lost is told as failed by whoever waits for it.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import Celery
from pydantic import ValidationError

from services.availability.worker import Availability
from shared.contracts.commands import LookUp
from shared.contracts.routes import LOOK_UP_QUEUE, ROUTES
from shared.messaging.worker_loop import WorkerLoop
from shared.observability.spans import span
from shared.observability.traces import following

log = logging.getLogger(__name__)


def register(app: Celery, availability: Availability, loop: WorkerLoop) -> None:
    """Put a task on the application for every message of the look-up queue."""
    for kind, route in ROUTES.items():
        if route.queue == LOOK_UP_QUEUE and issubclass(kind, LookUp):
            _register(app, route.task, kind, availability, loop)


def _register(app: Celery, name: str, kind: type[LookUp], availability: Availability, loop: WorkerLoop) -> None:
    @app.task(name=name, shared=False, acks_late=False, ignore_result=True)
    def take(message: dict[str, Any]) -> None:
        try:
            command = kind.model_validate(message)
        except ValidationError as error:
            log.error("%s: a message of the wrong form was dropped (%d faults)", name, error.error_count())
            return
        loop.submit(lambda: _answer(availability, command))


async def _answer(availability: Availability, command: LookUp) -> None:
    with following(command.traceparent), span(ROUTES[type(command)].task, "consumer"):
        await availability.handle(command)
