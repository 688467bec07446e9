"""`omboka gateway`: the role by itself, against the broker, Redis and PostgreSQL that the settings name."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from services.gateway.app import make_app
from services.gateway.demo_patients import read_demo_patients
from services.gateway.deps import Deps
from services.gateway.serving import serving
from shared.audit.audit_log import AuditLog, sink_of
from shared.clock import SystemClock
from shared.configuration import Configuration
from shared.contracts.model import Identity
from shared.heap import settle_heap
from shared.ledger.ledger import Ledger
from shared.messaging.celery_app import make_celery
from shared.messaging.event_log_redis import RedisEventLog
from shared.messaging.publisher_kombu import KombuPublisher
from shared.messaging.tickets_redis import RedisTickets
from shared.observability.logs import set_up_logs
from shared.observability.ops_server import serve_operations
from shared.observability.spans import set_up_spans
from shared.sealing import Sealer
from shared.settings import Settings, listen_address


def run(configuration: Configuration, settings: Settings) -> int:
    """Run until the process is asked to end; gives the exit code. Raises SettingsError."""
    settings.require("broker_url", "events_url", "database_url", "data_keys", "hmac_key", "session_key")
    settings.require_auth()
    set_up_logs(settings.log_level)
    set_up_spans("gateway")
    return asyncio.run(_serve(configuration, settings, read_demo_patients(settings)))


async def _serve(configuration: Configuration, settings: Settings, patients: tuple[Identity, ...]) -> int:
    sealer = Sealer(settings.data_keys, str(settings.hmac_key))
    events = RedisEventLog(str(settings.events_url))
    tickets = RedisTickets(str(settings.events_url))
    publisher = KombuPublisher(make_celery("omboka-gateway", str(settings.broker_url)))
    ledger = Ledger(str(settings.database_url), sealer)
    audit = AuditLog(sink_of(settings.audit), sealer.digest, SystemClock(), role="gateway")
    app = make_app(
        Deps(
            configuration=configuration,
            events=events,
            publisher=publisher,
            ledger=ledger,
            tickets=tickets,
            audit=audit,
            sealer=sealer,
            session_key=str(settings.session_key),
            auth_key=settings.auth_key,
            auth_jwks_url=settings.auth_jwks_url,
            auth_issuer=settings.auth_issuer,
            auth_audience=settings.auth_audience,
            allowed_origins=settings.allowed_origins,
            public_url=settings.public_url,
            return_url=settings.return_url,
            trusted_proxies=settings.trusted_proxies,
            demo_patients=patients,
            drain_seconds=settings.drain_seconds,
        )
    )
    operations = None
    host, port = listen_address(settings.listen)
    try:
        async with serving(app, host=host, port=port, drain=settings.drain_seconds):
            if settings.metrics_listen:
                checks = {"event_log": events.ping, "broker": publisher.ping}
                operations = await serve_operations(*listen_address(settings.metrics_listen), checks)
            settle_heap()
            print(f"omboka: the gateway listens at {settings.listen}", flush=True)
            await _told_to_end()
    finally:
        if operations is not None:
            await operations.cleanup()
        await publisher.close()
        await tickets.close()
        await events.close()
        ledger.close()
        await asyncio.to_thread(audit.close)
    return 0


async def _told_to_end() -> None:
    ended = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(one, ended.set)
    await ended.wait()
