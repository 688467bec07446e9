"""The systems under test: the whole on embedded adapters, with simulated booking systems and a clock of its own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from lxml import etree

from services.all_in_one import running
from services.booking.looks import Schedule
from services.gateway.deps import REFRESH_SECONDS
from services.operations.keys import new_keys
from services.simulator.app import make_app
from services.simulator.control import BOOKING_SYSTEMS
from services.simulator.demo import demo_text
from shared.clock import Clock, OffsetClock, SystemClock
from shared.configuration import Configuration
from shared.contracts.civil_time import STOCKHOLM
from shared.contracts.model import Identity
from shared.settings import Settings
from tests.contract.schemas import documents
from tests.end_to_end.portal import Portal

START = dt.datetime(2026, 1, 15, 8, 0, tzinfo=STOCKHOLM)
"""When every end-to-end test begins unless it says otherwise: Thursday 15 January 2026, eight in the morning."""

QUICK = Schedule(
    looks=(0.1, 0.2, 0.4, 0.8),
    then_every=0.3,
    two_looks_apart=0.2,
    waiting_told_after=0.3,
    look_patience=1.0,
    longest_backoff=0.2,
)
"""The saga's durations, short enough for a test to wait for."""


TIMEOUTS: dict[str, float] = {"connect": 2, "read": 2, "update": 2, "deadline": 2.5}
"""For how long a booking system is waited for, unless a test says otherwise."""


@dataclass
class Stack:
    """A running system: where its gateway and its simulator are."""

    base_url: str
    simulator_url: str
    auth_key: str
    configuration: Configuration
    clock: Clock
    inside: Any = None

    def portal(self, subject: str, **claims: Any) -> Portal:
        """The portal of one of the demo patients."""
        return Portal(self.base_url, self.auth_key, PATIENTS[subject], now=self.clock.now(), **claims)

    async def simulator(self, method: str, path: str, content: Any = None) -> Any:
        """Speak to the simulator's control."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.simulator_url + "/_sim" + path, json=content) as answer,
        ):
            assert answer.status < 300, await answer.text()
            if answer.content_type == "application/json":
                return await answer.json()
            return await answer.text()

    async def calls(self, contract: str | None = None) -> list[dict[str, Any]]:
        """The calls that the booking systems have had, in order."""
        query = f"?contract={contract}" if contract else ""
        found: list[dict[str, Any]] = (await self.simulator("GET", f"/calls{query}"))["calls"]
        return found

    async def ask_again(self, call: dict[str, Any]) -> str:
        """Send a recorded request to its booking system once more; gives the answer's text."""
        url = self.configuration.producers[call["producer"]].url.replace("{contract}", call["contract"])
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=call["request"].encode(), headers=call["headers"]) as answer,
        ):
            assert answer.status == 200
            return await answer.text()

    async def mishap(self, contract: str, facility: str = "*", **mishap: Any) -> None:
        """Let something go wrong."""
        await self.simulator("PUT", f"/mishaps/{facility}/{contract}", mishap)


PATIENTS: dict[str, dict[str, Any]] = {
    "saga": {"subject": "198706222380", "given_name": "Saga", "family_name": "Ekström", "phone": "070-174 06 05"},
    "nils": {"subject": "195103092390", "given_name": "Nils", "family_name": "Åkesson", "phone": "070-174 06 06"},
    "fatima": {"subject": "197411302388", "given_name": "Fatima", "family_name": "Haddad", "phone": "070-174 06 07"},
    "oskar": {"subject": "199902282392", "given_name": "Oskar", "family_name": "Bergvall", "phone": "070-174 06 08"},
    "birgitta": {"subject": "196208172384", "given_name": "Birgitta", "family_name": "Sjöberg", "phone": None},
    "elias": {"subject": "200402292395", "given_name": "Elias", "family_name": "Öhman", "phone": "070-174 06 10"},
    "mehmet": {"subject": "194505072399", "given_name": "Mehmet", "family_name": "Yilmaz", "phone": "070-174 06 12"},
    "linnea": {"subject": "198012242387", "given_name": "Linnea", "family_name": "Nyström", "phone": "070-174 06 11"},
    "tolvan": {"subject": "191212121212", "given_name": "Tolvan", "family_name": "Tolvansson", "phone": None},
}
"""The demo patients, by name."""

LINDANGEN = "SE2321000016-1HZ5"
ALMBY = "SE2321000016-2KX7"
HAMNEN = "SE2321000016-3MF2"
PROVTAGNINGEN = "SE2321000016-4TR9"
EKEBO = "SE2321000016-5PQ3"
TORGET = "SE2321000016-6DV4"


@asynccontextmanager
async def embedded(
    folder: Path,
    *,
    start: dt.datetime = START,
    profiles: dict[str, dict[str, Any]] | None = None,
    facilities: dict[str, dict[str, Any]] | None = None,
    quick: Schedule = QUICK,
    demo_patients: tuple[Identity, ...] = (),
    refresh_seconds: int = REFRESH_SECONDS,
    **changes: Any,
) -> AsyncIterator[Stack]:
    """Run the demo's facilities on embedded adapters from a given day on, with what a test changes of them.

    With `demo_patients`, their entrance is there as in the demo.
    """
    clock = OffsetClock(start)
    paths = a_configuration("http://127.0.0.1:1", profiles, facilities, **changes)
    simulator = TestServer(make_app(paths, clock=clock.now))
    await simulator.start_server()
    simulator_url = str(simulator.make_url("")).rstrip("/")
    configuration = a_configuration(simulator_url, profiles, facilities, **changes)
    settings = a_settings(folder)
    try:
        async with running(
            configuration,
            settings,
            clock=clock,
            schedule=quick,
            demo_patients=demo_patients,
            refresh_seconds=refresh_seconds,
        ) as system:
            yield Stack(system.base_url, simulator_url, str(settings.auth_key), configuration, clock, system)
    finally:
        sent = simulator.app[BOOKING_SYSTEMS].calls.find()
        await simulator.close()
        check_all_valid(sent)


def check_all_valid(calls: list[dict[str, Any]]) -> None:
    """Fail unless every request, header and body, is valid: to the simulator, by our documents, by the official ones.

    The official ones count where they are to be found.
    """
    official = documents.official_documents()
    for call in calls:
        assert call["valid"], f"the booking systems got an invalid request: {call}"
        envelope = etree.fromstring(call["request"].encode())
        for found in (documents.own_documents(), *((official,) if official else ())):
            schema = documents.schema(found.wsdls[call["contract"]])
            for part in (part for place in envelope for part in place):
                assert schema.validate(part), f"{found.wsdls[call['contract']]}: {list(schema.error_log)}: {call}"  # type: ignore[call-overload]


def a_configuration(
    simulator_url: str,
    profiles: dict[str, dict[str, Any]] | None = None,
    facilities: dict[str, dict[str, Any]] | None = None,
    timeouts: dict[str, float] = TIMEOUTS,
    **changes: Any,
) -> Configuration:
    """The demo's configuration without its slowness, with short settling, and with what a test changes."""
    content = yaml.safe_load(demo_text(simulator_url))
    content["simulator"]["mishaps"] = []
    content["search"]["first_day_wait"] = 0.3
    for producer in content["producers"].values():
        producer["settle"] = 1.0
        producer["limits"]["rate"] = None
        producer["timeouts"] = timeouts
    for hsa_id, profile in (profiles or {}).items():
        content["simulator"]["profiles"][hsa_id].update(profile)
    for hsa_id, facility in (facilities or {}).items():
        content["facilities"].setdefault(hsa_id, {}).update(facility)
    content.update(changes)
    return Configuration.model_validate(content)


def a_settings(folder: Path) -> Settings:
    """Fresh keys, and a ledger in a folder."""
    keys = new_keys()
    settings = Settings(
        database_url=f"sqlite:///{folder}/omboka.db",
        audit=f"{folder}/audit",
        hmac_key=keys["hmac_key"],
        session_key=keys["session_key"],
        auth_key=keys["auth_key"],
    )
    return replace(settings, data_keys=(keys["data_keys"],))


@asynccontextmanager
async def servers(
    folder: Path,
    *,
    broker_url: str,
    events_url: str,
    cache_url: str,
    database_url: str,
    log_level: str = "INFO",
    drain_seconds: float = Settings().drain_seconds,
    allowed_origins: str = "",
    booking_systems: web.Application | None = None,
    **changes: Any,
) -> AsyncIterator[Stack]:
    """Run gateway, availability and booking as three processes against RabbitMQ, Redis and PostgreSQL."""
    simulator = TestServer(booking_systems or make_app(a_configuration("http://127.0.0.1:1", **changes)))
    await simulator.start_server()
    simulator_url = str(simulator.make_url("")).rstrip("/")
    configuration = a_configuration(simulator_url, **changes)
    file = folder / "omboka.yaml"
    file.write_text(yaml.safe_dump(configuration.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    ports = [unused_port() for _ in range(4)]
    settings = a_settings(folder)
    environment = {
        "OMBOKA_CONFIG": str(file),
        "OMBOKA_BROKER_URL": broker_url,
        "OMBOKA_EVENTS_URL": events_url,
        "OMBOKA_CACHE_URL": cache_url,
        "OMBOKA_DATABASE_URL": database_url,
        "OMBOKA_DATA_KEYS": settings.data_keys[0],
        "OMBOKA_HMAC_KEY": str(settings.hmac_key),
        "OMBOKA_SESSION_KEY": str(settings.session_key),
        "OMBOKA_AUTH_KEY": str(settings.auth_key),
        "OMBOKA_AUDIT": str(settings.audit),
        "OMBOKA_LOG_LEVEL": log_level,
        "OMBOKA_DRAIN_SECONDS": str(drain_seconds),
        "OMBOKA_LISTEN": f"127.0.0.1:{ports[0]}",
        "OMBOKA_ALLOWED_ORIGINS": allowed_origins,
        "PATH": os.environ["PATH"],
    }
    await Role(folder, ["deploy"], environment, None).finish()
    roles = {
        name: Role(folder, [name], environment, port)
        for name, port in zip(("gateway", "availability", "booking"), ports[1:], strict=True)
    }
    try:
        for role in roles.values():
            await role.ready()
        yield Stack(
            f"http://127.0.0.1:{ports[0]}",
            simulator_url,
            str(settings.auth_key),
            configuration,
            SystemClock(),
            roles,
        )
    finally:
        for role in roles.values():
            await role.stop()
        sent = simulator.app[BOOKING_SYSTEMS].calls.find()
        await simulator.close()
        check_all_valid(sent)


class Role:
    """One role's process; its output goes to a file that a failing test shows."""

    def __init__(
        self,
        folder: Path,
        arguments: list[str],
        environment: dict[str, str],
        port: int | None,
        *,
        name: str | None = None,
        module: str = "services.cli",
    ) -> None:
        self.name = name or arguments[0]
        self.port = port
        self._arguments = [module, *arguments]
        self._log = folder / f"{self.name}.log"
        self._environment = dict(environment)
        if port is not None:
            self._environment["OMBOKA_METRICS_LISTEN"] = f"127.0.0.1:{port}"
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", *self._arguments]
            return subprocess.Popen(command, env=self._environment, stdout=log, stderr=log, start_new_session=True)

    def restart(self) -> None:
        """Start the process anew, after it was killed."""
        self.process.wait(10)
        self.process = self._start()

    def kill(self) -> None:
        """End the process, and those that it started, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def pause(self) -> None:
        """Stop the process where it stands."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a paused process go on as if nothing had been."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGCONT)

    async def finish(self) -> None:
        """Wait for the process to end well."""
        code = await asyncio.to_thread(self.process.wait, 60)
        assert code == 0, self._log.read_text(encoding="utf-8")

    async def ready(self, patience: float = 30.0) -> None:
        """Wait until the role says that it is ready."""
        async with aiohttp.ClientSession() as session, asyncio.timeout(patience):
            while True:
                assert self.process.poll() is None, self._log.read_text(encoding="utf-8")
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.1)  # another process can't be awaited otherwise

    async def stop(self) -> None:
        """Ask the process to end, and make it."""
        self.process.terminate()
        try:
            await asyncio.to_thread(self.process.wait, 20)
        except subprocess.TimeoutExpired:
            self.kill()
