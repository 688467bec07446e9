"""Every URL of the gateway, on one screen. The pages add theirs beside these."""

from __future__ import annotations

from aiohttp import web

from services.gateway import api, documents, health, sign_in, websocket

REBOOKING = "/v1/rebookings/{id:[0-9a-f]{32}}"

ROUTES = [
    web.get("/v1/me", api.me),
    web.get("/v1/bookings", api.list_bookings),
    web.post("/v1/rebookings", api.start_rebooking),
    web.get(REBOOKING, api.read_rebooking),
    web.post(f"{REBOOKING}/commands", api.command),
    web.get(f"{REBOOKING}/events", api.events),
    web.post(f"{REBOOKING}/ticket", api.ticket),
    web.get(f"{REBOOKING}/stream", websocket.stream),
    web.post("/session", sign_in.begin_session),
    web.post("/signout", sign_in.end_session),
    web.get("/healthz", health.healthz),
    web.get("/readyz", health.readyz),
    web.get("/metrics", health.metrics),
    web.get("/openapi.json", documents.openapi),
    web.get("/asyncapi.json", documents.asyncapi),
    web.get("/docs", documents.page),
]
