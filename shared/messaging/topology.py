"""The broker's topology: exchanges and queues, declared at deployment and never by a first worker.

The dead-letter queue stands before the queue that names it, or a letter could die unseen. Safe to run again.
"""

from __future__ import annotations

from kombu import Connection

from shared.messaging.celery_app import dead_letter_queue, queues


def declare_topology(broker_url: str) -> list[str]:
    """Declare everything and give the queues' names. Raises what the broker client raises when it can't be reached."""
    with Connection(broker_url, connect_timeout=5) as connection:
        connection.ensure_connection(max_retries=3, interval_start=0.5)
        channel = connection.channel()
        declared = [dead_letter_queue(), *queues().values()]
        for queue in declared:
            queue(channel).declare()
        return [queue.name for queue in declared]


def missing_queues(broker_url: str) -> list[str]:
    """The queues that the broker doesn't have yet."""
    missing = []
    with Connection(broker_url, connect_timeout=5) as connection:
        connection.ensure_connection(max_retries=3, interval_start=0.5)
        for queue in [dead_letter_queue(), *queues().values()]:
            try:
                with connection.channel() as channel:
                    queue(channel).queue_declare(passive=True)
            except connection.channel_errors:
                missing.append(queue.name)
    return missing
