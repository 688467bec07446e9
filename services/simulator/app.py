"""The simulator's HTTP application: every producer's address, the registry, and the control."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from services.simulator.booking_systems import BookingSystems
from services.simulator.calls import CALLS_KEPT, HEADERS_KEPT, RecordedCall
from services.simulator.clock import real_time
from services.simulator.contracts import SUPPORTED
from services.simulator.control import BOOKING_SYSTEMS, control_routes
from services.simulator.delivery import Delivery, faults_here
from services.simulator.performing import Sleep, perform
from services.simulator.wire import read_call
from shared.configuration import Configuration

REGISTRY = "registry"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(
    configuration: Configuration,
    *,
    clock: Callable[[], dt.datetime] | None = None,
    journal_path: str | Path | None = None,
    sleep: Sleep = asyncio.sleep,
    calls_kept: int = CALLS_KEPT,
) -> web.Application:
    """Make the application from the configuration FILE's model.

    `clock` tells the time instead of the file's `simulator.clock` and the real one (a naive datetime is Swedish civil
    time); `journal_path` is the file that the journal is written to; `sleep` is how mishaps wait. Raises
    ConfigurationError when the file's `simulator` part is faulty.
    """
    app = web.Application()
    app[BOOKING_SYSTEMS] = BookingSystems(
        configuration,
        clock=clock,
        journal_path=Path(journal_path) if journal_path else None,
        sleep=sleep,
        calls_kept=calls_kept,
    )
    for path, producers in _paths(configuration).items():
        app.router.add_post(path, _producer(producers))
    registry = urlsplit(configuration.registry.url).path if configuration.registry else f"/{REGISTRY}"
    app.router.add_post(registry, take_registry_call)
    app.add_routes([*control_routes(), web.get("/healthz", healthz)])
    app.on_shutdown.append(_end)
    app.on_cleanup.append(_close_journal)
    return app


async def serve(
    configuration: Configuration, host: str, port: int, *, journal_path: str | Path | None = None
) -> web.AppRunner:
    """Start the simulator at an address; port 0 takes a free one. Whoever calls this ends it with `cleanup()`."""
    runner = web.AppRunner(make_app(configuration, journal_path=journal_path), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


async def take_registry_call(request: web.Request) -> web.StreamResponse:
    """Answer GetSupportedServiceContracts."""
    return await _take(request, REGISTRY, frozenset(), SUPPORTED)


async def healthz(request: web.Request) -> web.Response:
    """Say that the simulator is there."""
    return web.json_response({"status": "ok"})


def _paths(configuration: Configuration) -> dict[str, frozenset[str]]:
    paths: dict[str, frozenset[str]] = {}
    for name, producer in configuration.producers.items():
        path = urlsplit(producer.url).path
        paths[path] = paths.get(path, frozenset()) | {name}
    return paths


def _producer(producers: frozenset[str]) -> Handler:
    async def take_call(request: web.Request) -> web.StreamResponse:
        return await _take(request, min(producers), producers, request.match_info["contract"])

    return take_call


async def _take(request: web.Request, producer: str, producers: frozenset[str], contract: str) -> web.StreamResponse:
    systems = request.app[BOOKING_SYSTEMS]
    text = await request.read()
    call = read_call(text, contract, request.headers)
    call = replace(call, faults=call.faults + faults_here(call, systems.world.facility(call.facility or "")))
    mishap = systems.mishaps.take(call.facility, contract)
    record = RecordedCall(
        n=systems.calls.next_number(),
        at=real_time().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        producer=producer,
        contract=contract,
        logical_address=call.logical_address,
        facility=call.facility,
        headers={name: request.headers[name] for name in HEADERS_KEPT if name in request.headers},
        connection=_peer_port(request),
        valid=not call.faults,
        faults=call.faults,
        request=text.decode("utf-8", "replace"),
        mishap=mishap.kind if mishap else None,
    )
    systems.calls.append(record)
    registry = systems.configuration.registry
    delivery = Delivery(
        call,
        systems.world,
        systems.clock,
        producers=producers,
        consumer=registry.consumer if registry else None,
        journalist=lambda change, delivery, late: systems.journal.append(
            change, call=record.n, delivery=delivery, late=late
        ),
    )
    response = await perform(mishap, delivery, request, systems.stage)
    was_cut = request.transport is None or request.transport.is_closing()
    record.status = None if was_cut else response.status
    return response


def _peer_port(request: web.Request) -> int:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return int(peer[1]) if peer else 0


async def _end(app: web.Application) -> None:
    await app[BOOKING_SYSTEMS].stage.close()


async def _close_journal(app: web.Application) -> None:
    app[BOOKING_SYSTEMS].journal.close()
