"""Celery's consumer without what it would declare on the broker by itself."""

from __future__ import annotations

from celery.worker import consumer


class Consumer(consumer.Consumer):
    """Takes messages and declares nothing.

    Because one queue is a quorum queue, Celery would make 28 more for delayed messages. Nothing is delayed by the
    broker here, and a worker has no right to declare.
    """

    class Blueprint(consumer.Consumer.Blueprint):
        """The steps of Celery's consumer, but for native delayed delivery."""

        default_steps = tuple(
            step for step in consumer.Consumer.Blueprint.default_steps if not step.endswith(":DelayedDelivery")
        )
