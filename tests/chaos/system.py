"""The system under chaos: every server and role as a process of its own, with durations short enough to wait for."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp.test_utils import unused_port

from services.simulator.demo import demo_text
from tests.chaos.proxy import FaultProxy
from tests.end_to_end.stacks import Role, a_settings
from tests.servers.start import Server, start_postgres, start_rabbitmq, start_redis

UPDATES_SPOILED = 0.25
LOOK_UPS_SPOILED = 0.03
START_SECONDS = 120.0
"""How long a role may take to start while other servers start as well."""


@dataclass(frozen=True)
class Times:
    """The durations of a run, in seconds: settling, the watcher's two looks, and how late an update may be done."""

    settle: float
    watch: tuple[float, float]
    latest: float
    timeouts: dict[str, float] | None


SHORT = Times(12.0, (20.0, 60.0), 8.0, {"connect": 2, "read": 6, "update": 4, "deadline": 5})
TRUE = Times(90.0, (300.0, 1_800.0), 55.0, None)


class Process:
    """A role that dies and is started again, as an orchestrator would."""

    def __init__(self, role: Role, chance: random.Random) -> None:
        self.name = role.name
        self._role = role
        self._chance = chance

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._role.process.pid

    async def die(self) -> None:
        """Be killed with -9, and be started again soon after."""
        await self.kill()
        await asyncio.sleep(self._chance.uniform(0.2, 2.0))  # how long an orchestrator takes
        await self.again()

    async def kill(self) -> None:
        """Be killed with -9."""
        self._role.kill()

    async def again(self) -> None:
        """Be started again."""
        self._role.restart()
        await self.ready()

    async def pause(self, seconds: float) -> None:
        """Stand still for so long."""
        self._role.pause()
        try:
            await asyncio.sleep(seconds)  # the pause is the test
        finally:
            self._role.go_on()

    async def ready(self) -> None:
        """Wait until it says that it is ready; one without that address is taken as it is."""
        if self._role.port is not None:
            await self._role.ready(START_SECONDS)


class Backing:
    """A server that dies and is started again on its data."""

    def __init__(self, name: str, server: Server, chance: random.Random) -> None:
        self.name = name
        self._server = server
        self._chance = chance

    async def die(self) -> None:
        """Be killed with -9, and be started again soon after."""
        await self.kill()
        await asyncio.sleep(self._chance.uniform(0.5, 3.0))  # how long an orchestrator takes
        await self.again()

    async def kill(self) -> None:
        """Be killed with -9."""
        await asyncio.to_thread(self._server.kill)

    @property
    def url(self) -> str:
        """Where it is."""
        return self._server.url

    async def run(self, *command: str) -> None:
        """Run one of the server's own commands beside it."""
        await asyncio.to_thread(self._server.run, *command)

    async def again(self) -> None:
        """Be started again."""
        await asyncio.to_thread(self._server.again)

    async def pause(self, seconds: float) -> None:
        """Never asked for."""
        raise NotImplementedError


@dataclass
class System:
    """A running system and what can be struck in it."""

    gateways: list[str]
    simulator_url: str
    auth_key: str
    victims: dict[str, list[Any]]
    proxy: FaultProxy
    journal: Path
    configuration: dict[str, Any]
    database_url: str

    async def simulator(self, method: str, path: str, content: Any = None) -> str:
        """Speak to the simulator's control."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.simulator_url}/_sim{path}", json=content) as answer,
        ):
            text = await answer.text()
            assert answer.status < 300, text
            return text


@asynccontextmanager
async def running(
    folder: Path,
    *,
    times: Times,
    chance: random.Random,
    patients: int,
    naive: bool = False,
    spoiled: bool = True,
) -> AsyncIterator[System]:
    """Start everything from nothing; nothing of it is left after. `naive` = with the control's workers."""
    async with AsyncExitStack() as stack:

        async def server(name: str, start: Callable[[], Server]) -> Server:
            started = await asyncio.to_thread(start)
            stack.callback(started.stop)
            return started

        broker, events, cache, database = await asyncio.gather(
            server("broker", start_rabbitmq),
            server("events", lambda: start_redis(durable=True)),
            server("cache", start_redis),
            server("database", start_postgres),
        )
        simulator_port = unused_port()
        proxy = await stack.enter_async_context(
            FaultProxy(
                "127.0.0.1",
                simulator_port,
                chance=random.Random(chance.random()),
                updates=UPDATES_SPOILED if spoiled else 0.0,
                look_ups=LOOK_UPS_SPOILED if spoiled else 0.0,
            )
        )
        content = configuration(f"http://127.0.0.1:{proxy.port}", times=times, patients=patients)
        file, journal = folder / "omboka.yaml", folder / "journal.on-disk.jsonl"
        file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        settings = a_settings(folder)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "OMBOKA_CONFIG": str(file),
            "OMBOKA_BROKER_URL": broker.url,
            "OMBOKA_EVENTS_URL": events.url,
            "OMBOKA_CACHE_URL": cache.url,
            "OMBOKA_DATABASE_URL": database.url,
            "OMBOKA_DATA_KEYS": settings.data_keys[0],
            "OMBOKA_HMAC_KEY": str(settings.hmac_key),
            "OMBOKA_SESSION_KEY": str(settings.session_key),
            "OMBOKA_AUTH_KEY": str(settings.auth_key),
            "OMBOKA_LOG_LEVEL": "WARNING",
            "OMBOKA_SIMULATOR_JOURNAL": str(journal),
        }
        roles: list[Role] = []

        async def end(role: Role) -> None:
            role.go_on()
            await role.stop()

        def role(
            name: str, arguments: list[str], *, port: int | None, module: str = "services.cli", **more: str
        ) -> Role:
            one = Role(folder, arguments, environment | more, port, name=name, module=module)
            stack.push_async_callback(end, one)
            roles.append(one)
            return one

        await Role(folder, ["deploy"], environment, None).finish()
        role("simulator", ["simulator", "--config", str(file), "--port", str(simulator_port)], port=None)
        listens = [unused_port() for _ in range(2)]
        victims: dict[str, list[Any]] = {
            "gateway": [
                role(f"gateway-{n}", ["gateway"], port=unused_port(), OMBOKA_LISTEN=f"127.0.0.1:{listen}")
                for n, listen in enumerate(listens, 1)
            ],
            "availability": [role("availability", ["availability"], port=unused_port())],
            "booking": [
                role(f"naive-{n}", [], port=None, module="tests.chaos.naive")
                if naive
                else role(f"booking-{n}", ["booking"], port=unused_port())
                for n in (1, 2)
            ],
        }
        victims = {kind: [Process(one, chance) for one in some] for kind, some in victims.items()}
        victims |= {
            name: [Backing(name, one, chance)]
            for name, one in (("broker", broker), ("events", events), ("cache", cache))
        }
        await asyncio.gather(*(one.ready(START_SECONDS) for one in roles if one.port is not None))
        yield System(
            [f"http://127.0.0.1:{listen}" for listen in listens],
            f"http://127.0.0.1:{simulator_port}",
            str(settings.auth_key),
            victims,
            proxy,
            journal,
            content,
            database.url,
        )


def configuration(simulator_url: str, *, times: Times, patients: int) -> dict[str, Any]:
    """The demo's facilities with a run's durations, room enough for every patient, and no mishaps of their own."""
    content: dict[str, Any] = yaml.safe_load(demo_text(simulator_url))
    content["simulator"] |= {"mishaps": [], "patients": patients}
    content["rebooking"] = {"watch": list(times.watch)}
    content["search"]["first_day_wait"] = 0.3
    content["limits"] = {"sockets_per_address": 100_000}
    for producer in content["producers"].values():
        producer["settle"] = times.settle
        producer["limits"] |= {"rate": None, "booking_concurrency": 8, "concurrency": 16}
        if times.timeouts is not None:
            producer["timeouts"] = times.timeouts
    return content
