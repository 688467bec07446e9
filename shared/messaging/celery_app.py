"""The Celery application of every role: queues and settings, no tasks.

Rebookings go over a quorum queue with a delivery limit and a dead-letter queue; look-ups over a classic one with an
early acknowledgement. Nothing is retried and nothing is delayed by the broker: the next attempt is a column of the
ledger. Source: the reliability rules 2.5.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from shared.contracts.routes import BOOKING_QUEUE, DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE, LOOK_UP_QUEUE

DELIVERY_LIMIT = 5
LONGEST_BOOKING_QUEUE = 50_000

booking_exchange = Exchange(BOOKING_QUEUE, type="topic", durable=True)
look_up_exchange = Exchange(LOOK_UP_QUEUE, type="topic", durable=True)
dead_letter_exchange = Exchange(DEAD_LETTER_EXCHANGE, type="topic", durable=True)


def queues(*, embedded: bool = False) -> dict[str, Queue]:
    """The queues by name; embedded ones have none of RabbitMQ's own arguments."""
    arguments: dict[str, Any] = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
        "x-dead-letter-routing-key": DEAD_LETTER_QUEUE,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-max-length": LONGEST_BOOKING_QUEUE,
    }
    return {
        BOOKING_QUEUE: Queue(
            BOOKING_QUEUE, booking_exchange, routing_key=BOOKING_QUEUE, queue_arguments={} if embedded else arguments
        ),
        LOOK_UP_QUEUE: Queue(LOOK_UP_QUEUE, look_up_exchange, routing_key=LOOK_UP_QUEUE),
    }


def dead_letter_queue() -> Queue:
    """Where a message goes that was delivered too often; it must stand before the booking queue does."""
    arguments = {"x-queue-type": "quorum"}
    return Queue(DEAD_LETTER_QUEUE, dead_letter_exchange, routing_key=DEAD_LETTER_QUEUE, queue_arguments=arguments)


def make_celery(name: str, broker_url: str, *, embedded: bool = False) -> Celery:
    """Make an application for a broker; each role registers its own tasks on it."""
    app = Celery(name, broker=broker_url, set_as_current=False)
    known = list(queues(embedded=embedded).values())
    for queue in known:
        # Queues are declared at deployment; a role's user of the broker has no right to.
        queue.no_declare = not embedded
    app.conf.update(
        task_queues=known,
        worker_consumer="shared.messaging.consumer:Consumer",
        task_default_queue=LOOK_UP_QUEUE,
        task_default_exchange_type="topic",
        task_create_missing_queues=False,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_heartbeat=0 if embedded else 10,
    )
    return app


def leave_logs(**_: object) -> None:
    """Receive Celery's signal `setup_logging`: the process has set its logs up, or its caller has.

    Without a receiver Celery sets the root logger to its own level and form, in which nothing is masked.
    """
