"""`omboka availability`: the role by itself, against the broker and Redis that the settings name."""

from __future__ import annotations

from services.availability import tasks
from services.availability.bulkhead import in_flight_bound
from services.availability.cache import Cache, MemoryCache
from services.availability.cache_redis import RedisCache
from services.availability.worker import Availability
from shared.clock import SystemClock
from shared.configuration import Configuration
from shared.contracts.routes import LOOK_UP_QUEUE
from shared.messaging.celery_app import make_celery
from shared.messaging.event_log_redis import RedisEventLog
from shared.messaging.run_worker import run_worker
from shared.messaging.worker_loop import WorkerLoop
from shared.observability.calls import count_call
from shared.observability.logs import set_up_logs
from shared.observability.metrics import Gauges
from shared.observability.ops_server import serve_operations
from shared.observability.spans import set_up_spans
from shared.scheduling.client import SchedulingClient
from shared.scheduling.rate import MemoryRate, Rate
from shared.scheduling.rate_redis import RedisRate
from shared.sealing import Sealer
from shared.settings import Settings, listen_address


def run(configuration: Configuration, settings: Settings) -> int:
    """Run until the process is asked to end; gives the exit code. Raises SettingsError."""
    settings.require("broker_url", "events_url", "data_keys", "hmac_key")
    set_up_logs(settings.log_level)
    set_up_spans("availability")
    clock = SystemClock()
    sealer = Sealer(settings.data_keys, str(settings.hmac_key))
    loop = WorkerLoop("look-ups", bound=in_flight_bound(configuration))
    loop.start()
    systems = SchedulingClient(configuration, on_call=count_call)

    async def compose() -> tuple[Availability, RedisEventLog]:
        await systems.__aenter__()
        events = RedisEventLog(str(settings.events_url))
        cache: Cache = RedisCache(settings.cache_url) if settings.cache_url else MemoryCache(clock)
        rate: Rate = (
            RedisRate(settings.cache_url, configuration, clock)
            if settings.cache_url
            else MemoryRate.of(configuration, clock)
        )
        availability = Availability(
            configuration, systems=systems, events=events, cache=cache, rate=rate, sealer=sealer, clock=clock
        )
        if settings.metrics_listen:
            await serve_operations(*listen_address(settings.metrics_listen), {"event_log": events.ping})
        return availability, events

    availability, _ = loop.run(compose())
    _register_gauges(availability)
    listening = loop.schedule(availability.cancel_superseded())
    app = make_celery("omboka-availability", str(settings.broker_url))
    tasks.register(app, availability, loop)
    try:
        return run_worker(app, LOOK_UP_QUEUE, drain_seconds=settings.drain_seconds)
    finally:
        listening.cancel()
        loop.stop(patience=settings.drain_seconds)


def _register_gauges(availability: Availability) -> None:
    guards = availability.guards.by_name
    Gauges(
        "omboka_bulkhead_in_use",
        "Calls under way in this process",
        "producer",
        lambda: ((name, guard.bulkhead.in_use) for name, guard in guards.items()),
    ).register()
    Gauges(
        "omboka_bulkhead_waiting",
        "Callers waiting for a place in this process",
        "producer",
        lambda: ((name, guard.bulkhead.waiting) for name, guard in guards.items()),
    ).register()
    Gauges(
        "omboka_bulkhead_refused",
        "Callers refused by this process so far",
        "producer",
        lambda: ((name, guard.bulkhead.refused) for name, guard in guards.items()),
    ).register()
    Gauges(
        "omboka_breaker_state",
        "0 closed, 1 half open, 2 open",
        "producer",
        lambda: ((name, guard.breaker.state.value) for name, guard in guards.items()),
    ).register()
