"""Adding the pages to a gateway: their addresses and templates."""

from __future__ import annotations

from aiohttp import web

from services.gateway.pages import bookings, entrance, files, rules, steps
from services.gateway.pages.drawing import TEMPLATES, make_templates

REBOOKING = "/rebookings/{id:[0-9a-f]{32}}"
ROUTES = [
    web.get("/", entrance.home),
    web.get("/sign-in", entrance.home),
    web.post("/demo/session", entrance.sign_in),
    web.get("/bookings", bookings.show),
    web.get("/rebook", bookings.rebook),
    web.get(f"{REBOOKING}/outcome.ics", steps.calendar_file),
    web.get(f"{REBOOKING}/{{step:terms|time|details|summary|outcome}}", steps.show),
    web.post(f"{REBOOKING}/{{step:terms|time|details|summary|outcome}}", steps.act),
    web.get("/rules.json", rules.show),
    web.get("/static/{name}", files.show),
]


def add_pages(app: web.Application) -> None:
    """Add the pages to a gateway that hasn't started; a second time changes nothing.

    Added before the gateway's own addresses, `/` is the pages' entrance; it is at `/sign-in` in any case.
    """
    if TEMPLATES in app:
        return
    app[TEMPLATES] = make_templates()
    app.add_routes(ROUTES)
