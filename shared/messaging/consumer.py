"""Celery's consumer without what it would declare on the broker by itself, and with nothing taken but what we write."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery.worker import consumer
from kombu.message import Message

log = logging.getLogger(__name__)


class Consumer(consumer.Consumer):
    """Takes messages of the publisher's form alone and declares nothing.

    Because one queue is a quorum queue, Celery would make 28 more for delayed messages. Nothing is delayed by the
    broker here, and a worker has no right to declare.
    """

    class Blueprint(consumer.Consumer.Blueprint):
        """The steps of Celery's consumer, but for native delayed delivery."""

        default_steps = tuple(
            step for step in consumer.Consumer.Blueprint.default_steps if not step.endswith(":DelayedDelivery")
        )

    def create_task_handler(self, *arguments: Any, **named: Any) -> Callable[[Message], None]:
        """What takes a message, or rejects it for good: the broker lays a rejected one aside where it can.

        Celery's own ends the whole worker at some wrong forms, and holds others for ever, unacknowledged.
        """
        take = super().create_task_handler(*arguments, **named)
        lost = self.connection_errors + self.channel_errors

        def take_or_reject(message: Message) -> None:
            try:
                _check(message, self.strategies)
                take(message)
            except lost:
                raise
            except Exception as error:  # whatever a wrong message makes Celery, kombu or a codec raise
                self.on_decode_error(message, error)

        return take_or_reject

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        """Reject a message for good, without a word of what it holds; Celery's own acknowledges it."""
        log.error("a message that is none of ours was rejected: %s", type(exc).__name__)
        if not message.acknowledged:
            message.reject_log_error(log, self.connection_errors)

    def on_invalid_task(self, body: object, message: Message, exc: Exception) -> None:
        """As above: Celery's own writes the message into the log."""
        self.on_decode_error(message, exc)


class _WrongForm(Exception):
    """Raised for a message that the publisher wouldn't have written."""


def _check(message: Message, tasks: dict[str, Any]) -> None:
    """Leave of the headers what the publisher says by them, and refuse what isn't of its form.

    Celery would let a message wait (`eta`), bound its time, or send other tasks after it (`chain`, `callbacks`).
    """
    headers = {name: message.headers.get(name) for name in ("task", "id", "expires")}
    is_named = isinstance(headers["id"], str) and isinstance(headers["task"], str) and headers["task"] in tasks
    if not is_named or message.content_type != "application/json" or message.headers.get("eta") is not None:
        raise _WrongForm
    match message.payload:
        case [[], {"message": dict()} as named, dict() as then] if len(named) == 1 and not any(then.values()):
            message.headers = headers
        case _:
            raise _WrongForm
