"""Omboka's images as one running system: RabbitMQ, Redis, PostgreSQL, each role, and simulated booking systems."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml
from cryptography.fernet import Fernet
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import ExecWaitStrategy, HttpWaitStrategy

SIMULATOR = "http://simulator:8090"
"""Where the booking systems of the configuration have to be, as the roles see them."""

CONFIGURATION = "/run/omboka.yaml"
PATIENCE_SECONDS = 180
PATIENTS = 300
"""So many that each test has one of its own."""

LOOK_SECONDS = 0.25


class StackFailed(Exception):
    """Raised when the system can't be started; says which part said what."""


@dataclass(frozen=True)
class OmbokaStack:
    """The running system. `url` is the gateway's, `simulator_url` the booking systems', both from this machine.

    Containers on the same `network` (a Docker network's name) reach the gateway at http://gateway:8080.
    """

    url: str
    simulator_url: str
    network: str
    auth_key: str = field(repr=False)
    containers: dict[str, DockerContainer] = field(repr=False)

    def logs(self, part: str) -> str:
        """What a part has logged so far: gateway, availability, booking, simulator, rabbitmq, events, postgres."""
        return _said(self.containers[part])


def for_tests(configuration: str) -> str:
    """A configuration with what a test can't wait for made short: nothing cached, breakers and settling of seconds."""
    content = yaml.safe_load(configuration)
    content["cache"] = dict.fromkeys(("facilities", "performers", "days", "timeslots"), 0)
    for producer in content["producers"].values():
        producer["breaker"] = {"failures": 5, "open_for": 1}
        producer["settle"] = 5
        producer.setdefault("limits", {})["rate"] = None
    content["simulator"]["patients"] = PATIENTS
    text: str = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    return text


@contextmanager
def running_stack(
    *, images: str = "omboka", tag: str = "latest", configuration: str | None = None
) -> Iterator[OmbokaStack]:
    """Start everything, and end it with the block. Without a configuration it is the demo's, made short for tests.

    Raises StackFailed when a part doesn't come up, and the Docker client's own error when there is no engine.
    """
    # Every container is ended here; the reaper's image isn't there for everybody.
    testcontainers_config.ryuk_disabled = True
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        starting = _Starting(stack, network, images, tag)
        text = configuration or for_tests(starting.demo())
        keys = _keys()
        servers = starting.servers()
        settings = {
            "OMBOKA_CONFIG": CONFIGURATION,
            "OMBOKA_BROKER_URL": "amqp://omboka:omboka@rabbitmq:5672//",
            "OMBOKA_EVENTS_URL": "redis://events:6379/0",
            "OMBOKA_DATABASE_URL": "postgresql+psycopg://postgres:omboka@postgres/postgres",
            "OMBOKA_METRICS_LISTEN": "0.0.0.0:9100",
            "OMBOKA_LISTEN": "0.0.0.0:8080",
            **keys,
        }
        starting.deploy(settings)
        roles = {
            role: starting.ours(role, [role], settings, text, ports=(8080, 9100))
            for role in ("availability", "booking", "gateway")
        }
        listening = {"OMBOKA_SIMULATOR_HOST": "0.0.0.0"}
        command = ["simulator", "--config", CONFIGURATION, "--port", "8090"]
        simulator = starting.ours("simulator", command, listening, text, ports=(8090,))
        for role, container in roles.items():
            _wait(role, container, HttpWaitStrategy(9100, "/readyz").for_status_code(200))
        _wait("simulator", simulator, HttpWaitStrategy(8090, "/_sim/mishaps").for_status_code(200))
        yield OmbokaStack(
            url=_address(roles["gateway"], 8080),
            simulator_url=_address(simulator, 8090),
            network=network.name,
            auth_key=keys["OMBOKA_AUTH_KEY"],
            containers={**servers, **roles, "simulator": simulator},
        )


class _Starting:
    """The parts as they are started; each is ended with the stack."""

    def __init__(self, stack: ExitStack, network: Network, images: str, tag: str) -> None:
        self._stack = stack
        self._network = network
        self._images = images
        self._tag = tag

    def demo(self) -> str:
        """The demo's configuration, as the simulator's image has it."""
        made = f"omboka prepare --folder /tmp/made --simulator-url {SIMULATOR} >/dev/null && cat /tmp/made/omboka.yaml"
        container = DockerContainer(self._image("simulator")).with_kwargs(entrypoint=["sh", "-c", made])
        return self._output("simulator", container)

    def servers(self) -> dict[str, DockerContainer]:
        """The broker, the event log and the database, ready."""
        user = {"RABBITMQ_DEFAULT_USER": "omboka", "RABBITMQ_DEFAULT_PASS": "omboka"}
        started = {
            "rabbitmq": self._start("rabbitmq", DockerContainer("rabbitmq:4.0-management", env=user)),
            "events": self._start("events", DockerContainer("redis:8.0")),
            "postgres": self._start("postgres", DockerContainer("postgres:17", env={"POSTGRES_PASSWORD": "omboka"})),
        }
        ready = {
            "rabbitmq": ["rabbitmq-diagnostics", "-q", "check_port_connectivity"],
            "events": ["redis-cli", "ping"],
            "postgres": ["pg_isready", "-U", "postgres", "-h", "127.0.0.1"],
        }
        for name, container in started.items():
            _wait(name, container, ExecWaitStrategy(ready[name]))
        return started

    def deploy(self, settings: dict[str, str]) -> None:
        """The database's tables and the broker's queues."""
        self._output(
            "deploy", self._on_network(DockerContainer(self._image("booking"), env=settings)).with_command("deploy")
        )

    def ours(
        self, role: str, command: list[str], settings: dict[str, str], text: str, *, ports: tuple[int, ...]
    ) -> DockerContainer:
        """A role with its configuration in it."""
        container = DockerContainer(self._image(role), env=settings, ports=list(ports)).with_command(command)
        return self._start(role, container.with_copy_into_container(text.encode(), CONFIGURATION))

    def _image(self, role: str) -> str:
        return f"{self._images}-{role}:{self._tag}"

    def _on_network(self, container: DockerContainer) -> DockerContainer:
        return container.with_network(self._network)

    def _start(self, name: str, container: DockerContainer) -> DockerContainer:
        self._on_network(container).with_network_aliases(name)
        self._stack.callback(container.stop)
        container.start()
        return container

    def _output(self, name: str, container: DockerContainer) -> str:
        with container:
            code = container.wait()
            out, errors = container.get_logs()
        if code != 0:
            raise StackFailed(f"{name} ended with {code}:\n{errors.decode(errors='replace')[-2000:]}")
        text: str = out.decode()
        return text


def _keys() -> dict[str, str]:
    return {
        "OMBOKA_DATA_KEYS": Fernet.generate_key().decode(),
        "OMBOKA_HMAC_KEY": secrets.token_urlsafe(32),
        "OMBOKA_SESSION_KEY": Fernet.generate_key().decode(),
        "OMBOKA_AUTH_KEY": secrets.token_urlsafe(32),
    }


def _wait(name: str, container: DockerContainer, strategy: Any) -> None:
    try:
        strategy.with_startup_timeout(PATIENCE_SECONDS).with_poll_interval(LOOK_SECONDS).wait_until_ready(container)
    except Exception as error:  # whatever the strategy raises: the part's own words say more
        raise StackFailed(
            f"{name} isn't ready after {PATIENCE_SECONDS} s ({container.status}):\n{_said(container)[-2000:]}"
        ) from error


def _said(container: DockerContainer) -> str:
    out, errors = container.get_logs()
    return str((out + errors).decode(errors="replace"))


def _address(container: DockerContainer, port: int) -> str:
    return f"http://{container.get_container_host_ip()}:{container.get_exposed_port(port)}"
