"""A worker takes messages of the publisher's own form, and nothing that is in any other can stop it."""

from __future__ import annotations

import logging
import pickle
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from shared.contracts.routes import BOOKING_QUEUE
from shared.messaging.embedded import EmbeddedWorker, make_embedded_celery
from tests.builders.forged import forged, publish, well_formed

TASK = "booking.rebook"
TAKES = ("retries", "timelimit", "shadow", "group", "stamps", "stamped_headers", "ignore_result", "root_id")
"""Headers by which Celery would do something else, or end, though the message's form is right."""

Taken = queue.Queue[Any]


@pytest.fixture(scope="module")
def worker() -> Iterator[tuple[Celery, Taken]]:
    """A worker in this process that hands on what it takes."""
    app, taken = make_embedded_celery("test"), queue.Queue[Any]()

    @app.task(name=TASK, shared=False, acks_late=True)
    def take(message: dict[str, Any]) -> None:
        taken.put(message)

    running = EmbeddedWorker(app)
    running.start()
    yield app, taken
    running.stop()


@pytest.mark.parametrize("name", forged(TASK, Path()))
def test_what_has_another_form_is_rejected(
    name: str, worker: tuple[Celery, Taken], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It reaches no task and runs nothing; the next message is taken. The log has one line, and nothing of the body."""
    app, taken = worker
    message = forged(TASK, tmp_path / "marker")[name]
    with caplog.at_level(logging.WARNING), app.connection_for_write() as connection:
        publish(connection, BOOKING_QUEUE, message)
        publish(connection, BOOKING_QUEUE, well_formed(TASK, {"after": name}))
        assert taken.get(timeout=10) == {"after": name}
    assert taken.empty()
    assert not (tmp_path / "marker").exists()
    assert [line.name for line in caplog.records] == ["shared.messaging.consumer"]
    assert "row_id" not in caplog.text


def test_the_code_in_a_forged_message_would_be_seen(tmp_path: Path) -> None:
    """Whoever unpickles it makes the folder that no test finds."""
    pickle.loads(forged(TASK, tmp_path / "marker")["pickled"].body)
    assert (tmp_path / "marker").is_dir()


@pytest.mark.parametrize("header", TAKES)
def test_a_header_that_we_never_write_says_nothing(header: str, worker: tuple[Celery, Taken]) -> None:
    """The message is taken as if it weren't there."""
    app, taken = worker
    with app.connection_for_write() as connection:
        publish(connection, BOOKING_QUEUE, well_formed(TASK, {"with": header}, **{header: [{"a": 1}, "x", 3]}))
        assert taken.get(timeout=10) == {"with": header}
