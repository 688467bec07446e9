"""`omboka booking`: the role by itself, against the broker, Redis and PostgreSQL that the settings name."""

from __future__ import annotations

import asyncio
import os
import socket

from services.booking import tasks
from services.booking.dispatcher import Dispatcher
from services.booking.looks import Schedule
from services.booking.rebook import Deps, Saga
from services.booking.telling import Teller
from shared.audit.audit_log import AuditLog, sink_of
from shared.audit.auditor import Auditor
from shared.clock import SystemClock
from shared.configuration import Configuration
from shared.contracts.routes import BOOKING_QUEUE
from shared.ledger.ledger import Ledger
from shared.messaging.celery_app import make_celery
from shared.messaging.event_log_redis import RedisEventLog
from shared.messaging.run_worker import run_worker
from shared.messaging.worker_loop import WorkerLoop
from shared.observability.calls import count_call
from shared.observability.logs import set_up_logs
from shared.observability.metrics import Gauges
from shared.observability.ops_server import serve_operations
from shared.observability.queues import QueueGauges, look_at
from shared.observability.spans import set_up_spans
from shared.observability.unresolved import UnresolvedGauges
from shared.scheduling.client import SchedulingClient
from shared.scheduling.purge import RedisPurge, purge_nothing
from shared.scheduling.rate import MemoryRate, Rate
from shared.scheduling.rate_redis import RedisRate
from shared.sealing import Sealer
from shared.settings import Settings, listen_address

IN_FLIGHT = 256


def run(configuration: Configuration, settings: Settings) -> int:
    """Run until the process is asked to end; gives the exit code. Raises SettingsError."""
    settings.require("broker_url", "events_url", "database_url", "data_keys", "hmac_key")
    set_up_logs(settings.log_level)
    set_up_spans("booking")
    clock = SystemClock()
    sealer = Sealer(settings.data_keys, str(settings.hmac_key))
    ledger = Ledger(str(settings.database_url), sealer)
    audit = AuditLog(sink_of(settings.audit), sealer.digest, clock, role="booking")
    auditor = Auditor(audit, sealer, clock)
    loop = WorkerLoop("rebookings", bound=IN_FLIGHT)
    loop.start()
    systems = SchedulingClient(configuration, on_call=count_call)

    async def compose() -> tuple[Saga, Dispatcher]:
        await systems.__aenter__()
        events = RedisEventLog(str(settings.events_url))
        teller = Teller(events)
        rate: Rate = (
            RedisRate(settings.cache_url, configuration, clock)
            if settings.cache_url
            else MemoryRate.of(configuration, clock)
        )
        purge = RedisPurge(settings.cache_url).purge if settings.cache_url else purge_nothing
        owner = f"{socket.gethostname()}-{os.getpid()}"
        schedule = Schedule(watch=configuration.rebooking.watch)
        saga = Saga(Deps(configuration, systems, ledger, teller, rate, clock, purge, auditor, schedule, owner))
        if settings.metrics_listen:
            checks = {
                "event_log": events.ping,
                "ledger": lambda: asyncio.to_thread(ledger.ping),
                "audit_log": auditor.ping,
            }
            await serve_operations(*listen_address(settings.metrics_listen), checks)
        return saga, Dispatcher(ledger, saga, teller)

    saga, dispatcher = loop.run(compose())
    Gauges("omboka_rows", "Rebookings in the ledger", "state", lambda: ledger.counts().items()).register()
    UnresolvedGauges(lambda: ledger.listing(limit=1000, unresolved=True), ledger.now).register()
    QueueGauges(look_at(str(settings.broker_url))).register()
    dispatching = loop.schedule(dispatcher.run())
    app = make_celery("omboka-booking", str(settings.broker_url))
    tasks.register(app, saga, loop)
    try:
        return run_worker(app, BOOKING_QUEUE, drain_seconds=settings.drain_seconds)
    finally:
        loop.run(dispatcher.drain())
        dispatching.cancel()
        loop.stop(patience=settings.drain_seconds)
        saga.close()
        ledger.close()
        audit.close()
