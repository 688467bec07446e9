"""On a real broker each role's user may do what its role does, and nothing else."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port
from amqp import Message
from amqp.exceptions import AccessRefused
from kombu import Connection
from kombu.exceptions import OperationalError

from services.operations.broker_users import RIGHTS, definitions
from shared.contracts.commands import Rebook
from shared.contracts.routes import BOOKING_QUEUE, DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE, LOOK_UP_QUEUE
from shared.messaging.celery_app import make_celery
from shared.messaging.publisher_kombu import KombuPublisher
from shared.messaging.topology import declare_topology, missing_queues
from shared.observability.queues import QUEUES, look_at
from tests.builders.deploy import compose, image_of

pytestmark = [pytest.mark.containers, pytest.mark.timeout(120)]

PASSWORDS = {user: f"password-of-{user}" for user in RIGHTS}


@dataclass(frozen=True)
class Broker:
    """A broker of this test's own, started as the compose file starts it."""

    port: int

    def url(self, user: str, password: str | None = None) -> str:
        """A user's address of it."""
        return f"amqp://{user}:{password or PASSWORDS[user]}@127.0.0.1:{self.port}//"

    def may(self, user: str, act: Callable[[object], object]) -> bool:
        """Whether a user may do something on a channel of its own."""
        with Connection(self.url(user), connect_timeout=5) as connection:
            try:
                with connection.channel() as channel:
                    act(channel)
            except AccessRefused:
                return False
        return True


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """RabbitMQ with the users that `omboka prepare` writes down, and the topology that `omboka deploy` makes."""
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        pytest.fail("this test needs a Docker engine: start one", pytrace=False)
    folder: Path = tmp_path_factory.mktemp("prepared")
    (folder / "definitions.json").write_text(definitions(PASSWORDS), encoding="utf-8")
    service = compose()["services"]["rabbitmq"]
    name, port = f"omboka-rights-{uuid.uuid4().hex[:8]}", unused_port()
    command = ["docker", "run", "-d", "--rm", "--name", name, "-p", f"127.0.0.1:{port}:5672"]
    command += ["-v", f"{folder}:/prepared:ro", "--entrypoint", service["entrypoint"][0], image_of("rabbitmq")]
    # Compose takes $$ for a dollar.
    command += [*service["entrypoint"][1:], *(part.replace("$$", "$") for part in service["command"])]
    subprocess.run(command, check=True, capture_output=True)
    one = Broker(port)
    try:
        ends = time.monotonic() + 60
        while True:
            try:
                declare_topology(one.url("deploy"))
                break
            except (OSError, OperationalError):
                if time.monotonic() > ends:
                    logs = subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=False)
                    pytest.fail(f"the broker doesn't come up:\n{logs.stdout[-2000:]}", pytrace=False)
                time.sleep(0.5)  # another process can't be awaited otherwise
        yield one
    finally:
        subprocess.run(["docker", "rm", "-f", "-v", name], capture_output=True, check=False)


def declares(queue: str) -> Callable[..., object]:
    """Declare a queue anew, not passively."""
    arguments = {"x-queue-type": "quorum"} if queue != LOOK_UP_QUEUE else {}
    return lambda channel: channel.queue_declare(queue=queue, durable=True, auto_delete=False, arguments=arguments)


def writes(exchange: str) -> Callable[..., object]:
    """Publish to an exchange, and hear what the broker says of it."""

    def act(channel) -> None:
        channel.basic_publish_confirm(Message("x"), exchange=exchange, routing_key="nobody-has-this")

    return act


def reads(queue: str) -> Callable[..., object]:
    """Take a message of a queue."""
    return lambda channel: channel.basic_get(queue)


def purges(queue: str) -> Callable[..., object]:
    """Throw a queue's messages away."""
    return lambda channel: channel.queue_purge(queue)


MAY = {
    "gateway": {f"write {LOOK_UP_QUEUE}", f"write {BOOKING_QUEUE}"},
    "availability": {f"read {LOOK_UP_QUEUE}", f"purge {LOOK_UP_QUEUE}"},
    "booking": {f"read {BOOKING_QUEUE}", f"purge {BOOKING_QUEUE}"},
}
ACTS: dict[str, Callable[..., object]] = {
    **{f"declare {queue}": declares(queue) for queue in (LOOK_UP_QUEUE, DEAD_LETTER_QUEUE, "another")},
    **{f"write {exchange}": writes(exchange) for exchange in (LOOK_UP_QUEUE, BOOKING_QUEUE, DEAD_LETTER_EXCHANGE, "")},
    **{f"read {queue}": reads(queue) for queue in QUEUES},
    **{f"purge {queue}": purges(queue) for queue in QUEUES},
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("role", MAY)
def test_a_role_may_do_its_own_work_alone(broker: Broker, role: str, act: str) -> None:
    """Every right of every role, the ones that it has and the ones that it hasn't."""
    assert broker.may(role, ACTS[act]) == (act in MAY[role])


def test_deploying_again_changes_nothing_and_reaches_nothing_else(broker: Broker) -> None:
    """The topology is there; another queue than its own may not even the deployment make."""
    assert missing_queues(broker.url("deploy")) == []
    declare_topology(broker.url("deploy"))
    assert not broker.may("deploy", declares("another"))


def test_the_booking_worker_sees_every_queue(broker: Broker) -> None:
    """A passive look needs no right: depth and consumers can be told without reading a message."""
    assert set(look_at(broker.url("booking"))()) == set(QUEUES)


async def test_the_gateways_own_publisher_needs_no_more(broker: Broker) -> None:
    """A message is confirmed, declares nothing, and is there to be taken."""
    publisher = KombuPublisher(make_celery("test", broker.url("gateway")))
    await publisher.ping()
    await publisher.publish(Rebook(row_id="0" * 32), patience=10)
    await publisher.close()
    assert look_at(broker.url("booking"))()[BOOKING_QUEUE].messages == 1


@pytest.mark.parametrize("user", ["guest", "gateway"])
def test_nobody_else_gets_in(broker: Broker, user: str) -> None:
    """The broker's own default user isn't there, and a wrong password is refused."""
    with pytest.raises(AccessRefused), Connection(broker.url(user, "guest"), connect_timeout=5) as connection:
        connection.connect()
