"""Starting a server: as a container where a Docker engine answers, else from Debian's packages on a free port."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import redis
from kombu import Connection

PATIENCE_SECONDS = 180.0


class Unavailable(Exception):
    """Raised when a server can neither be found nor started; says what to install."""


@dataclass(frozen=True)
class Server:
    """A server that this run has started. `kill` ends it as a power cut would; `again` starts it on the same data.

    `run` runs one of its own commands beside it; `pid` is its first process, where that can be seen from here.
    """

    url: str
    stop: Callable[[], None]
    kill: Callable[[], None]
    again: Callable[[], None]
    run: Callable[..., None]
    pid: int | None = None


def start_redis(*, durable: bool = False) -> Server:
    """Start a Redis that answers; a `durable` one has its data again after a kill."""
    kept = ["--appendonly", "yes", "--appendfsync", "always"] if durable else []
    command = ["redis-server", *kept] if durable else []
    server = _container("redis:8.0", 6379, "redis://{address}/0", {}, command) or _redis_from_packages(kept)
    if server is None:
        raise Unavailable(_help("Redis", "OMBOKA_TEST_EVENTS_URL and OMBOKA_TEST_CACHE_URL", "redis-server"))
    return _answering(server, lambda: redis.Redis.from_url(server.url).ping())


def start_rabbitmq() -> Server:
    """Start a RabbitMQ that answers."""
    environment = {"RABBITMQ_DEFAULT_USER": "omboka", "RABBITMQ_DEFAULT_PASS": "omboka"}
    server = (
        _container("rabbitmq:4.0-management", 5672, "amqp://omboka:omboka@{address}//", environment)
        or _rabbitmq_from_packages()
    )
    if server is None:
        raise Unavailable(_help("RabbitMQ", "OMBOKA_TEST_BROKER_URL", "rabbitmq-server"))

    def ping() -> None:
        with Connection(server.url, connect_timeout=3) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)

    return _answering(server, ping)


def start_postgres() -> Server:
    """Start a PostgreSQL that answers."""
    url = "postgresql+psycopg://postgres:omboka@{address}/postgres"
    server = _container("postgres:17", 5432, url, {"POSTGRES_PASSWORD": "omboka"}) or _postgres_from_packages()
    if server is None:
        raise Unavailable(_help("PostgreSQL", "OMBOKA_TEST_DATABASE_URL", "postgresql"))

    def ping() -> None:
        psycopg.connect(server.url.replace("+psycopg", ""), connect_timeout=3).close()

    return _answering(server, ping)


def _help(name: str, variable: str, package: str) -> str:
    return (
        f"this test needs {name}: name one in {variable}, or start Docker, or install Debian's package {package}; "
        "`make test` runs everything that needs no server"
    )


def _answering(server: Server, ping: Callable[[], object]) -> Server:
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            ping()
            return server
        except Exception as error:  # whatever it says while it starts
            if time.monotonic() > ends:
                server.stop()
                raise Unavailable(f"{server.url} does not answer: {type(error).__name__}") from error
            time.sleep(0.2)  # another process's start can't be awaited otherwise


def _container(
    image: str, port: int, url: str, environment: dict[str, str], command: list[str] | None = None
) -> Server | None:
    if shutil.which("docker") is None or _run("docker", "info") is None:
        return None
    if _run("docker", "image", "inspect", image) is None and _run("docker", "pull", image) is None:
        return None
    variables = [part for name, value in environment.items() for part in ("-e", f"{name}={value}")]
    # The port is chosen here, because a container that is started again would get another one.
    address = f"127.0.0.1:{_free_port()}"
    started = _run("docker", "run", "-d", "-p", f"{address}:{port}", *variables, image, *(command or []))
    if started is None:
        return None
    name = started.strip()
    pid = (_run("docker", "inspect", "-f", "{{.State.Pid}}", name) or "").strip()
    return Server(
        url.format(address=address),
        stop=lambda: _stop_container(name),
        kill=lambda: _done("docker", "kill", "-s", "KILL", name),
        again=lambda: _done("docker", "start", name),
        run=lambda *command: _done("docker", "exec", name, *command),
        pid=int(pid) if pid.isdecimal() and Path(f"/proc/{pid}").exists() else None,
    )


def _stop_container(name: str) -> None:
    _run("docker", "rm", "-f", "-v", name)


def _run(*command: str, environment: dict[str, str] | None = None) -> str | None:
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def _done(*command: str, environment: dict[str, str] | None = None) -> None:
    if _run(*command, environment=environment) is None:
        raise Unavailable(f"{' '.join(command)} failed")


def _redis_from_packages(kept: list[str]) -> Server | None:
    binary = shutil.which("redis-server")
    if binary is None:
        return None
    folder, port = tempfile.mkdtemp(prefix="omboka-redis-"), _free_port()
    command = [binary, "--port", str(port), "--save", "", "--bind", "127.0.0.1", "--dir", folder, *kept]
    return _process(command, f"redis://127.0.0.1:{port}/0", folder=folder)


def _rabbitmq_from_packages() -> Server | None:
    binary = shutil.which("rabbitmq-server") or shutil.which("rabbitmq-server", path="/usr/sbin")
    if binary is None:
        return None
    folder, port = tempfile.mkdtemp(prefix="omboka-rabbitmq-"), _free_port()
    os.chmod(folder, 0o777)  # the package's start script changes to a user of its own
    environment = {
        **os.environ,
        "RABBITMQ_NODENAME": f"omboka{port}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(_free_port()),
        "RABBITMQ_MNESIA_BASE": folder,
        "RABBITMQ_LOG_BASE": folder,
        "RABBITMQ_PID_FILE": f"{folder}/pid",
    }
    return _process([binary], f"amqp://guest:guest@127.0.0.1:{port}//", folder=folder, environment=environment)


def _postgres_from_packages() -> Server | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        return None
    bin_folder, folder, port = found[-1].parent, tempfile.mkdtemp(prefix="omboka-postgres-"), _free_port()
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres", "postgres")
    data = f"{folder}/data"
    made = _run(*user, str(bin_folder / "initdb"), "-D", data, "-U", "postgres", "--auth=trust")
    if made is None:
        return None
    options = ["-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"]
    command = [*user, str(bin_folder / "postgres"), "-D", data, *options]
    return _process(command, f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres", folder=folder)


def _process(
    command: list[str], url: str, *, folder: str | None = None, environment: dict[str, str] | None = None
) -> Server:
    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    process = begin()

    def stop() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
        if process.poll() is None:
            os.killpg(process.pid, 9)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def kill() -> None:
        os.killpg(process.pid, 9)
        process.wait(15)

    def again() -> None:
        nonlocal process
        process = begin()

    return Server(url, stop, kill, again, partial(_done, environment=environment), process.pid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
