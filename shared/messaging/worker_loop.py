"""One event loop in a thread, for the work that tasks hand over.

A Celery task hands its command over and returns, so a slow booking system holds no place of the worker's pool. What is
in flight is bounded: a task waits for room before it hands over, and so leaves further messages on the broker.
Source: architecture, "Look-ups never wait for each other".
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class WorkerLoop:
    """A thread that runs an event loop and at most `bound` handed-over commands at once."""

    def __init__(self, name: str, *, bound: int) -> None:
        self._name = name
        self._bound = bound
        self._room = threading.BoundedSemaphore(bound)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._running: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<WorkerLoop {self._name}: {len(self._running)} of {self._bound} in flight>"

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Hand over a coroutine, made on the loop; waits for room. An exception in it is logged, never lost."""
        self._room.acquire()
        try:
            self._loop.call_soon_threadsafe(self._begin, make)
        except RuntimeError:
            self._room.release()
            raise

    def run(self, awaitable: Awaitable[Result], *, patience: float | None = None) -> Result:
        """Run something on the loop from another thread and wait for its result."""
        return self.schedule(awaitable).result(patience)

    def schedule(self, awaitable: Awaitable[Result]) -> Future[Result]:
        """Run something on the loop from another thread, apart from the bound."""
        return asyncio.run_coroutine_threadsafe(_coroutine(awaitable), self._loop)

    def stop(self, *, patience: float = 30.0) -> None:
        """Let what is in flight finish for so many seconds, cancel the rest, and end the thread."""
        self.run(self._drain(patience))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def _begin(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = self._loop.create_task(make())
        self._running.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a command ended in an unforeseen error", exc_info=error)

    async def _drain(self, patience: float) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=patience)
        left = list(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def _coroutine(awaitable: Awaitable[Result]) -> Result:
    return await awaitable
