"""Whether this gateway lives, whether it is ready and what is missing, and its numbers.

Source: the interface, `/healthz`, `/readyz`, `/metrics`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from services.gateway.deps import AUDITOR, AUTHENTICATOR, DEPS, LEDGER
from services.gateway.requests import json_response
from shared.audit.audit_log import AuditUnavailable
from shared.ledger.port import LedgerUnavailable
from shared.messaging.event_log import LogUnavailable
from shared.messaging.publisher import PublishFailed

PATIENCE_SECONDS = 2.0
DRAINING: web.AppKey[asyncio.Event] = web.AppKey("draining", asyncio.Event)
UNREACHABLE = (AuditUnavailable, LogUnavailable, LedgerUnavailable, PublishFailed, TimeoutError)


async def healthz(request: web.Request) -> web.Response:
    """`GET /healthz`: 200 for as long as the process answers."""
    return json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """`GET /readyz`: 200, or 503 with the names of what is missing."""
    app = request.app
    deps, ledger = app[DEPS], app[LEDGER]
    parts: dict[str, Callable[[], Awaitable[object]]] = {
        "event_log": deps.events.ping,
        "broker": deps.publisher.ping,
        "ledger": ledger.ping,
        "audit_log": app[AUDITOR].ping,
        "token_keys": app[AUTHENTICATOR].ready,
    }
    answers = await asyncio.gather(*(_answers(ping) for ping in parts.values()))
    missing = [name for name, there in zip(parts, answers, strict=True) if not there]
    if app[DRAINING].is_set():
        missing.append("draining")
    status = "unavailable" if missing else "ready"
    return json_response({"status": status, "missing": missing}, status=503 if missing else 200)


async def metrics(request: web.Request) -> web.Response:
    """`GET /metrics`: the process's numbers, as Prometheus reads them."""
    return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _answers(ping: Callable[[], Awaitable[object]]) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await ping() is not False
    except UNREACHABLE:
        return False
