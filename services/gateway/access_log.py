"""The access log: method, route, status and time; never a token, a query or an id. Numbers go to /metrics as well.

Source: the reliability rules 4.1, "Logs".
"""

from __future__ import annotations

import logging
import time
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from services.gateway import metrics
from services.gateway.tracing import given_traceparent, traceparent
from shared.observability.spans import span
from shared.observability.traces import following

log = logging.getLogger("omboka.access")


@web.middleware
async def note_request(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count and log a request by its route's pattern, so that nothing that names a patient gets into either."""
    headers = request.headers
    with following(given_traceparent(headers)), _span(request), following(traceparent(headers)):
        return await _noted(request, handler)


def _span(request: web.Request) -> AbstractContextManager[None]:
    # A WebSocket lives for as long as its patient looks: its commands have spans of their own.
    if "Upgrade" in request.headers or _pattern(request) in ("/healthz", "/readyz", "/metrics"):
        return nullcontext()
    return span(f"{request.method} {_pattern(request)}", "server")


async def _noted(request: web.Request, handler: Handler) -> web.StreamResponse:
    began = time.perf_counter()
    status = 500
    try:
        answer = await handler(request)
        status = answer.status
        return answer
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        seconds = time.perf_counter() - began
        route = _pattern(request)
        if status != HTTPStatus.SWITCHING_PROTOCOLS:  # a WebSocket's life isn't the time of an answer
            metrics.REQUESTS.labels(route, str(status)).observe(seconds)
        log.info("%s %s %d %.1f ms", request.method, route, status, seconds * 1000)


def _pattern(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"
