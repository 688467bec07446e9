"""The processes of a run: servers, roles, booking systems and peers, started, measured and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from benchmarks.scene import configuration
from services.operations.keys import new_keys
from tests.servers.start import Server, start_postgres, start_rabbitmq, start_redis

PATIENCE = 90.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A process of ours, its output in a file."""

    def __init__(self, folder: Path, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments], env={**os.environ, **environment}, stdout=log, stderr=log
            )
        self.pid = self._process.pid

    async def answers(self, url: str) -> None:
        """Wait until an address of it answers 200. Raises RuntimeError when the process ends or takes too long."""
        ends = time.monotonic() + PATIENCE
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < ends and self._process.poll() is None:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)
        raise RuntimeError(f"{self.name} doesn't answer: {self.log.read_text(errors='replace')[-2000:]}")

    async def ends(self) -> None:
        """Wait until it has ended well."""
        code = await asyncio.to_thread(self._process.wait, PATIENCE)
        if code:
            raise RuntimeError(f"{self.name} ended with {code}: {self.log.read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        """Ask it to end, and make it."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()


def cpu_seconds(pids: Iterable[int]) -> float:
    """The CPU seconds that these processes and everything below them have used."""
    below: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                below.setdefault(int(fields[1]), []).append(int(entry.name))
                used[int(entry.name)] = sum(map(int, fields[11:15])) / _TICKS
    waiting, total = list(pids), 0.0
    while waiting:
        pid = waiting.pop()
        total += used.get(pid, 0.0)
        waiting += below.get(pid, [])
    return total


def resident_bytes(pid: int) -> int:
    """The resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _seen(server: Server) -> int:
    if server.pid is None:
        raise RuntimeError("the servers' processes can't be seen from here")
    return server.pid


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Machine:
    """Servers and booking systems of a whole run; the roles are started anew for each benchmark that needs them."""

    folder: Path
    broker: Server
    events: Server
    cache: Server
    ledger: Server
    booking_systems: str
    session: aiohttp.ClientSession
    keys: dict[str, str] = field(default_factory=new_keys)

    async def set(self, **content: Any) -> None:
        """Set the booking systems otherwise; the counts begin anew."""
        async with self.session.post(f"{self.booking_systems}/set", json=content) as answer:
            answer.raise_for_status()

    def pause_cache(self) -> None:
        """Stop the cache's Redis where it stands: connections stay open and nothing answers."""
        os.kill(_seen(self.cache), signal.SIGSTOP)

    def resume_cache(self) -> None:
        """Let it go on."""
        os.kill(_seen(self.cache), signal.SIGCONT)

    async def counts(self) -> dict[str, int]:
        """The calls that the booking systems have had."""
        async with self.session.get(f"{self.booking_systems}/counts") as answer:
            found: dict[str, int] = await answer.json()
            return found

    def configured(self, **changes: Any) -> Path:
        """Write a configuration file; gives its path."""
        path = self.folder / f"omboka-{len(list(self.folder.iterdir()))}.yaml"
        path.write_text(yaml.safe_dump(configuration(self.booking_systems, **changes)), encoding="utf-8")
        return path

    def environment(self, config: Path) -> dict[str, str]:
        """What every role is told."""
        return {
            "OMBOKA_CONFIG": str(config),
            "OMBOKA_BROKER_URL": self.broker.url,
            "OMBOKA_EVENTS_URL": self.events.url,
            "OMBOKA_CACHE_URL": self.cache.url,
            "OMBOKA_DATABASE_URL": self.ledger.url,
            "OMBOKA_DATA_KEYS": self.keys["data_keys"],
            "OMBOKA_HMAC_KEY": self.keys["hmac_key"],
            "OMBOKA_SESSION_KEY": self.keys["session_key"],
            "OMBOKA_AUTH_KEY": self.keys["auth_key"],
        }

    @asynccontextmanager
    async def system(self, *, workers: int = 1, booking: bool = False, **changes: Any) -> AsyncIterator[System]:
        """Run the roles: a gateway, so many availability processes, and the booking worker where it is needed."""
        environment = self.environment(self.configured(**changes))
        await Process(self.folder, "deploy", ["services.cli", "deploy"], environment).ends()
        names = ["gateway", *["availability"] * workers, *(["booking"] if booking else [])]
        roles, ready = [], []
        gateway = f"127.0.0.1:{free_port()}"
        try:
            for name in names:
                metrics = f"127.0.0.1:{free_port()}"
                told = {**environment, "OMBOKA_LISTEN": gateway, "OMBOKA_METRICS_LISTEN": metrics}
                roles.append(Process(self.folder, name, ["services.cli", name], told))
                ready.append(roles[-1].answers(f"http://{metrics}/readyz"))
            await asyncio.gather(*ready)
            yield System(self, f"http://{gateway}", roles)
        finally:
            for role in roles:
                role.stop()

    @asynccontextmanager
    async def peer(self, kind: str) -> AsyncIterator[Peer]:
        """Run a peer: `zeep` or `rim`."""
        port = free_port()
        process = Process(self.folder, f"peer-{kind}", ["benchmarks.peer", kind, str(port), str(self.configured())], {})
        try:
            await process.answers(f"http://127.0.0.1:{port}/healthz")
            yield Peer(f"http://127.0.0.1:{port}", process)
        finally:
            process.stop()


@dataclass
class System:
    """The roles under way."""

    machine: Machine
    url: str
    roles: list[Process]

    def cpu_seconds(self) -> float:
        """What the roles, the broker and both Redis have used; raises RuntimeError where that can't be seen."""
        servers = map(_seen, (self.machine.broker, self.machine.events, self.machine.cache))
        return cpu_seconds([*(role.pid for role in self.roles), *servers])

    def role(self, name: str) -> Process:
        """The first process of a role."""
        return next(role for role in self.roles if role.name == name)


@dataclass
class Peer:
    """A peer under way."""

    url: str
    process: Process

    def cpu_seconds(self) -> float:
        """What it has used."""
        return cpu_seconds([self.process.pid])


@asynccontextmanager
async def machine(given: Sequence[Server] = ()) -> AsyncIterator[Machine]:
    """Start the servers and the booking systems, and end them all.

    `given` = RabbitMQ, Redis for events, Redis for the cache and PostgreSQL that run already.
    """
    with tempfile.TemporaryDirectory(prefix="omboka-bench-") as name, contextlib.ExitStack() as started:
        folder, servers = Path(name), list(given)
        for start in (start_rabbitmq, start_redis, start_redis, start_postgres)[len(servers) :]:
            servers.append(await asyncio.to_thread(start))
            started.callback(servers[-1].stop)
        port = free_port()
        systems = Process(folder, "booking-systems", ["benchmarks.booking_system", str(port)], {})
        started.callback(systems.stop)
        url = f"http://127.0.0.1:{port}"
        await systems.answers(f"{url}/counts")
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            broker, events, cache, ledger = servers
            yield Machine(folder, broker, events, cache, ledger, url, session)
