"""Servers for tests: from the environment, else from Docker, else from Debian's packages; else a failure, never a skip.

Each is started at most once in a run, when the first test asks for it, and ended with the run.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
import redis

from tests.canary import in_redis, in_the_ledger, named
from tests.servers.start import Server, Unavailable, start_postgres, start_rabbitmq, start_redis


class Started:
    """The servers of this run."""

    def __init__(self) -> None:
        self._servers: list[Server] = []

    def add(self, server: Server) -> Server:
        """Note a server, to be ended with the run."""
        self._servers.append(server)
        return server

    def stop(self) -> None:
        """End every server that this run has started."""
        with contextlib.ExitStack() as stack:
            # Each is ended, also when the end of another one fails.
            for server in self._servers:
                stack.callback(server.stop)


@pytest.fixture(scope="session")
def started() -> Iterator[Started]:
    """The servers of this run, ended after it."""
    servers = Started()
    yield servers
    servers.stop()


@pytest.fixture(scope="session")
def broker_url(started: Started) -> str:
    """RabbitMQ."""
    return os.environ.get("OMBOKA_TEST_BROKER_URL") or _ask(started, start_rabbitmq).url


@pytest.fixture(scope="session")
def events_url(started: Started) -> str:
    """The Redis of the event log."""
    return os.environ.get("OMBOKA_TEST_EVENTS_URL") or _ask(started, start_redis).url


@pytest.fixture(scope="session")
def cache_url(started: Started) -> str:
    """The Redis of the cache."""
    return os.environ.get("OMBOKA_TEST_CACHE_URL") or _ask(started, start_redis).url


@pytest.fixture(scope="session")
def database_url(started: Started) -> str:
    """PostgreSQL, as a user that may make databases."""
    return os.environ.get("OMBOKA_TEST_DATABASE_URL") or _ask(started, start_postgres).url


@pytest.fixture
def fresh_broker_url(broker_url: str) -> str:
    """RabbitMQ with its queues emptied by their deletion: the test's deployment declares them anew."""
    from kombu import Connection

    with Connection(broker_url, connect_timeout=5) as connection:
        channel = connection.channel()
        for name in ("booking", "look_up", "booking.dead"):
            channel.queue_delete(name)
    return broker_url


@pytest.fixture
def fresh_events_url(events_url: str) -> Iterator[str]:
    """An empty Redis, in which nobody may be named after the test."""
    yield from _emptied(events_url)


@pytest.fixture
def fresh_cache_url(cache_url: str) -> Iterator[str]:
    """An empty Redis, in which nobody may be named after the test."""
    yield from _emptied(cache_url)


@pytest.fixture
def fresh_database_url(database_url: str) -> Iterator[str]:
    """A database of its own, in which nobody may be named after the test, and which is dropped then."""
    name = f"omboka_{uuid.uuid4().hex[:12]}"
    plain = database_url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        url = database_url.rpartition("/")[0] + f"/{name}"
        yield url
        found = named(in_the_ledger(url))
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    assert not found


def _emptied(url: str) -> Iterator[str]:
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    yield url
    assert not named(in_redis(url))


def _ask(started: Started, start: Callable[[], Server]) -> Server:
    try:
        return started.add(start())
    except Unavailable as error:
        pytest.fail(str(error), pytrace=False)
