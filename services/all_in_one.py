"""Everything in one process: gateway, availability and booking on embedded adapters, with the code that the roles run.

The gateway has the main event loop; look-ups and rebookings share one in a thread of its own, so that neither a page
nor a socket waits for a booking system. Source: architecture, "Embedded".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from services.availability import tasks as availability_tasks
from services.availability.bulkhead import in_flight_bound
from services.availability.cache import MemoryCache
from services.availability.worker import Availability
from services.booking import tasks as booking_tasks
from services.booking.dispatcher import Dispatcher
from services.booking.looks import Schedule
from services.booking.rebook import Deps as BookingDeps
from services.booking.rebook import Saga
from services.booking.telling import Teller
from services.gateway.app import make_app
from services.gateway.demo_patients import read_demo_patients
from services.gateway.deps import REFRESH_SECONDS
from services.gateway.deps import Deps as GatewayDeps
from services.gateway.serving import serving
from shared.audit.audit_log import AuditLog, sink_of
from shared.audit.auditor import Auditor
from shared.clock import Clock, SystemClock
from shared.configuration import Configuration
from shared.contracts.identifiers import hsa_key
from shared.contracts.model import Identity
from shared.ledger.ledger import Ledger
from shared.ledger.migrate import migrate
from shared.messaging.embedded import EmbeddedWorker, make_embedded_celery
from shared.messaging.event_log_memory import MemoryEventLog
from shared.messaging.publisher_kombu import KombuPublisher
from shared.messaging.tickets_memory import MemoryTickets
from shared.messaging.worker_loop import WorkerLoop
from shared.observability.calls import count_call
from shared.observability.logs import set_up_logs
from shared.observability.spans import set_up_spans
from shared.scheduling.client import SchedulingClient
from shared.scheduling.rate import MemoryRate
from shared.sealing import Sealer
from shared.settings import Settings, listen_address

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Running:
    """A system that runs: where it is, and its inside for whoever composes or tests it."""

    base_url: str
    ledger: Ledger
    events: MemoryEventLog
    loop: WorkerLoop


@asynccontextmanager
async def running(
    configuration: Configuration,
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Clock | None = None,
    schedule: Schedule | None = None,
    demo_patients: tuple[Identity, ...] = (),
    refresh_seconds: int = REFRESH_SECONDS,
) -> AsyncIterator[Running]:
    """Run the whole system until the block ends; open rebookings of an earlier run are taken up again.

    Port 0 takes a free one. Raises SettingsError without keys, LedgerUnavailable without a ledger.
    """
    settings.require("data_keys", "hmac_key", "session_key", "database_url")
    settings.require_auth()
    clock = clock or SystemClock()
    sealer = Sealer(settings.data_keys, str(settings.hmac_key))
    await asyncio.to_thread(migrate, str(settings.database_url))
    ledger = Ledger(str(settings.database_url), sealer)
    audit = AuditLog(sink_of(settings.audit), sealer.digest, clock, role="all-in-one")
    events = MemoryEventLog(clock)
    cache = MemoryCache(clock)
    rate = MemoryRate.of(configuration, clock)
    app = make_embedded_celery("omboka")
    loop = WorkerLoop("workers", bound=in_flight_bound(configuration))
    loop.start()
    systems = SchedulingClient(configuration, on_call=count_call)
    teller = Teller(events)

    async def purge(facility: str) -> None:
        await cache.purge(hsa_key(facility))

    async def compose() -> tuple[Availability, Saga, Dispatcher]:
        await systems.__aenter__()
        availability = Availability(
            configuration, systems=systems, events=events, cache=cache, rate=rate, sealer=sealer, clock=clock
        )
        deps = BookingDeps(
            configuration,
            systems,
            ledger,
            teller,
            rate,
            clock,
            purge,
            Auditor(audit, sealer, clock),
            schedule or Schedule(watch=configuration.rebooking.watch),
        )
        saga = Saga(deps)
        return availability, saga, Dispatcher(ledger, saga, teller)

    availability, saga, dispatcher = await asyncio.to_thread(loop.run, compose())
    availability_tasks.register(app, availability, loop)
    booking_tasks.register(app, saga, loop)
    worker = EmbeddedWorker(app)
    await asyncio.to_thread(worker.start)
    background = [loop.schedule(dispatcher.run()), loop.schedule(availability.cancel_superseded())]
    publisher = KombuPublisher(app)
    gateway = make_app(
        GatewayDeps(
            configuration=configuration,
            events=events,
            publisher=publisher,
            ledger=ledger,
            tickets=MemoryTickets(clock),
            audit=audit,
            sealer=sealer,
            session_key=str(settings.session_key),
            clock=clock,
            auth_key=settings.auth_key,
            auth_jwks_url=settings.auth_jwks_url,
            auth_issuer=settings.auth_issuer,
            auth_audience=settings.auth_audience,
            allowed_origins=settings.allowed_origins,
            public_url=settings.public_url,
            return_url=settings.return_url,
            trusted_proxies=settings.trusted_proxies,
            demo_patients=demo_patients,
            refresh_seconds=refresh_seconds,
        )
    )
    try:
        async with serving(gateway, host=host, port=port) as served:
            yield Running(served.base_url, ledger, events, loop)
    finally:
        await publisher.close()
        await asyncio.to_thread(worker.stop)
        for task in background:
            task.cancel()
        await asyncio.to_thread(loop.run, dispatcher.drain())
        await asyncio.to_thread(loop.run, systems.close())
        await asyncio.to_thread(loop.stop)
        saga.close()
        ledger.close()
        await asyncio.to_thread(audit.close)


async def run_all_in_one(
    configuration: Configuration, settings: Settings, *, config_path: str, port: int | None
) -> int:
    """Run until told to end, at `port` or else where the settings say.

    Ledger and audit log are beside the configuration unless a setting names others.
    """
    if settings.database_url is None:
        settings = replace(settings, database_url=f"sqlite:///{beside(config_path, 'omboka.db')}")
    if settings.audit is None:
        settings = replace(settings, audit=beside(config_path, "omboka-audit"))
    set_up_logs(settings.log_level)
    set_up_spans("all-in-one")
    host, port_set = listen_address(settings.listen)
    port = port_set if port is None else port
    patients = read_demo_patients(settings)
    async with running(configuration, settings, host=host, port=port, demo_patients=patients) as system:
        # Nobody can open the address that means every one of the machine's.
        print(f"omboka: listening at {system.base_url.replace('//0.0.0.0:', '//localhost:')}", flush=True)
        await told_to_end()
    return 0


def beside(config_path: str, name: str) -> str:
    """The path of a file or folder beside a configuration file."""
    return os.path.join(os.path.dirname(os.path.abspath(config_path)), name)


async def told_to_end() -> None:
    """Return when the process is asked to end."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(one, ended.set)
    await ended.wait()
    print("omboka: ending", flush=True)
