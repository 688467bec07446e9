"""The broker inside one process, the publisher, and the loop that tasks hand over to."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from typing import Any

import pytest

from shared.contracts.commands import Rebook
from shared.messaging.celery_app import make_celery
from shared.messaging.embedded import EmbeddedWorker, make_embedded_celery
from shared.messaging.publisher import PublishFailed
from shared.messaging.publisher_kombu import KombuPublisher
from shared.messaging.worker_loop import WorkerLoop


def an_app(taken: queue.Queue[Any]) -> Any:
    """An application whose booking task hands on what it takes."""
    app = make_embedded_celery("test")

    @app.task(name="booking.rebook", shared=False)
    def take(message: dict[str, Any]) -> None:
        taken.put(message)

    return app


async def test_a_message_reaches_its_task_and_no_other_application() -> None:
    """Two systems in one process never meet, also one after the other."""
    for row_id in ("one", "two"):
        taken: queue.Queue[Any] = queue.Queue()
        app, other = an_app(taken), an_app(queue.Queue())
        worker = EmbeddedWorker(app)
        worker.start()
        publisher, elsewhere = KombuPublisher(app), KombuPublisher(other)
        await elsewhere.publish(Rebook(row_id="elsewhere"))
        await publisher.publish(Rebook(row_id=row_id))
        message = await asyncio.to_thread(taken.get, timeout=10)
        assert message["row_id"] == row_id
        assert taken.empty()
        await publisher.close()
        await elsewhere.close()
        worker.stop()


async def test_a_broker_that_is_not_there_is_told_at_once_the_second_time() -> None:
    """The first publish fails within its patience; for a moment further ones don't even try."""
    publisher = KombuPublisher(make_celery("test", "amqp://guest:guest@127.0.0.1:1//"))
    with pytest.raises(PublishFailed):
        await publisher.publish(Rebook(row_id="x"), patience=5.0)
    with pytest.raises(PublishFailed, match="has just failed"):
        await publisher.publish(Rebook(row_id="x"), patience=5.0)
    with pytest.raises(PublishFailed):
        await publisher.ping()
    await publisher.close()


def test_the_loop_bounds_what_is_in_flight() -> None:
    """A third command waits for room, and gets it when one has ended."""
    loop = WorkerLoop("test", bound=2)
    loop.start()
    release, begun = threading.Event(), queue.Queue[int]()

    async def work(n: int) -> None:
        begun.put(n)
        await asyncio.to_thread(release.wait)

    for n in range(2):
        loop.submit(lambda n=n: work(n))
    third = threading.Thread(target=lambda: loop.submit(lambda: work(2)))
    third.start()
    assert {begun.get(timeout=5), begun.get(timeout=5)} == {0, 1}
    assert begun.empty()
    release.set()
    assert begun.get(timeout=5) == 2
    third.join(5)
    loop.stop()


def test_an_exception_is_logged_and_gives_its_room_back(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost in silence."""
    loop = WorkerLoop("test", bound=1)
    loop.start()

    async def fail() -> None:
        raise RuntimeError("unforeseen")

    ended = threading.Event()

    async def end() -> None:
        ended.set()

    with caplog.at_level(logging.ERROR):
        loop.submit(fail)
        loop.submit(end)
        assert ended.wait(5)
    assert "unforeseen" in caplog.text
    loop.stop()


def test_stopping_cancels_what_does_not_end() -> None:
    """After its patience; the thread ends."""
    loop = WorkerLoop("test", bound=1)
    loop.start()
    cancelled = threading.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    loop.submit(hang)
    loop.stop(patience=0.05)
    assert cancelled.is_set()
