"""The port to the broker for those who publish: one message out, to the task and queue that the routes name."""

from __future__ import annotations

from typing import Protocol

from shared.contracts.model import Frozen


class PublishFailed(Exception):
    """Raised when a message wasn't taken by the broker, or nobody knows whether it was."""


class Publisher(Protocol):
    """Publishes messages from any event loop without ever blocking it."""

    async def publish(self, message: Frozen, *, expires: float | None = None, patience: float = 3.0) -> None:
        """Publish by the routes table. `expires` = seconds after which no worker need take it.

        A route that is `confirmed` returns when the broker has the message, any other when it is written. Raises
        PublishFailed after `patience` seconds or when the broker refuses; then it is unknown whether it was taken.
        """

    async def ping(self) -> None:
        """Return when the broker answers; PublishFailed else."""

    async def close(self) -> None:
        """Give the connections up, without waiting for a blocked one."""
