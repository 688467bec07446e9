"""The routes: every message has one task and one queue."""

from __future__ import annotations

from shared.contracts import commands
from shared.contracts.model import Frozen
from shared.contracts.routes import BOOKING_QUEUE, LOOK_UP_QUEUE, ROUTES


def test_each_message_has_one_task_and_queue() -> None:
    """Every message of the commands' module is routed, and no two share a task."""
    messages = {
        one
        for one in vars(commands).values()
        if isinstance(one, type) and issubclass(one, Frozen) and "v" in one.model_fields and one is not commands.LookUp
    }
    assert messages == set(ROUTES)
    assert len({route.task for route in ROUTES.values()}) == len(ROUTES)


def test_look_ups_and_rebookings_share_neither_queue_nor_confirms() -> None:
    """A flood of look-ups takes no place that a rebooking needs; only a rebooking's message waits for the broker."""
    for message, route in ROUTES.items():
        is_look_up = issubclass(message, commands.LookUp)
        assert (route.queue == LOOK_UP_QUEUE) == is_look_up
        assert (route.queue == BOOKING_QUEUE) == route.confirmed == (not is_look_up)
