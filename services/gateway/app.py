"""The gateway's composition: from its adapters to an aiohttp application. The one place where everything meets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from services.gateway import health
from services.gateway.access_log import note_request
from services.gateway.auditing import note_access
from services.gateway.auth import Authenticator, DevelopmentKey, Keys
from services.gateway.background import Background
from services.gateway.bookings import Bookings
from services.gateway.deps import (
    AUDITOR,
    AUTHENTICATOR,
    BACKGROUND,
    BOOKINGS,
    DEPS,
    LEDGER,
    LIMITS,
    ORIGINS,
    REBOOKINGS,
    RELAY,
    SESSIONS,
    TICKETING,
    Deps,
)
from services.gateway.forms import read_forms
from services.gateway.jwks import JwksKeys, fetch_from
from services.gateway.ledger_calls import LedgerCalls
from services.gateway.limits import BODY_BYTES, Limits
from services.gateway.origins import Origins
from services.gateway.pages import add_pages
from services.gateway.problems import tell_problems
from services.gateway.rebookings import Rebookings
from services.gateway.relay import Relay
from services.gateway.routes import ROUTES
from services.gateway.session import Sessions
from services.gateway.ticketing import Ticketing
from services.gateway.websocket import SOCKETS, OpenSockets, close_all
from shared.audit.auditor import Auditor


def make_app(deps: Deps) -> web.Application:
    """Make the gateway of its adapters; ValueError when tokens can't be checked. It closes none of the adapters."""
    if not (deps.auth_jwks_url or deps.auth_key):
        raise ValueError("tokens can't be checked: neither auth_jwks_url nor auth_key is given")
    app = web.Application(
        middlewares=[note_request, note_access, tell_problems, read_forms], client_max_size=BODY_BYTES
    )
    app[DEPS] = deps
    app[SOCKETS] = OpenSockets()
    app[ORIGINS] = Origins(deps.allowed_origins, deps.public_url)
    app[LIMITS] = Limits(deps.configuration.limits, deps.clock, trusted_proxies=deps.trusted_proxies)
    app[SESSIONS] = Sessions(deps.session_key, secure=(deps.public_url or "").startswith("https:"))
    app[AUDITOR] = Auditor(deps.audit, deps.sealer, deps.clock)
    app[TICKETING] = Ticketing(deps.tickets, deps.sealer)
    app.cleanup_ctx.extend([_draining, _background, _ledger, _tokens, _rebookings, _relay, _bookings])
    app.on_response_prepare.append(_unnamed)
    app.on_shutdown.append(_shut)
    add_pages(app)
    app.add_routes(ROUTES)
    return app


async def _draining(app: web.Application) -> AsyncIterator[None]:
    app[health.DRAINING] = asyncio.Event()
    yield


async def _background(app: web.Application) -> AsyncIterator[None]:
    app[BACKGROUND] = Background()
    yield
    await app[BACKGROUND].close(patience=app[DEPS].drain_seconds)


async def _ledger(app: web.Application) -> AsyncIterator[None]:
    app[LEDGER] = LedgerCalls(app[DEPS].ledger)
    yield
    app[LEDGER].close()


async def _tokens(app: web.Application) -> AsyncIterator[None]:
    deps = app[DEPS]
    async with aiohttp.ClientSession() as session:
        keys: Keys
        if deps.auth_jwks_url is not None:
            keys = JwksKeys(fetch_from(deps.auth_jwks_url, session), deps.clock)
        else:
            keys = DevelopmentKey(str(deps.auth_key))
        app[AUTHENTICATOR] = Authenticator(
            keys,
            sealer=deps.sealer,
            clock=deps.clock,
            issuer=deps.auth_issuer,
            audience=deps.auth_audience,
            agents=deps.configuration.agents,
        )
        yield


async def _rebookings(app: web.Application) -> AsyncIterator[None]:
    deps = app[DEPS]
    app[REBOOKINGS] = Rebookings(
        configuration=deps.configuration,
        events=deps.events,
        publisher=deps.publisher,
        ledger=app[LEDGER],
        sealer=deps.sealer,
        clock=deps.clock,
        background=app[BACKGROUND],
    )
    yield


async def _relay(app: web.Application) -> AsyncIterator[None]:
    deps = app[DEPS]
    async with Relay(deps.events, deps.clock, app[REBOOKINGS].sweep, app[REBOOKINGS].learn).running() as relay:
        app[RELAY] = relay
        yield


async def _bookings(app: web.Application) -> AsyncIterator[None]:
    deps = app[DEPS]
    app[BOOKINGS] = Bookings(
        configuration=deps.configuration,
        events=deps.events,
        publisher=deps.publisher,
        ledger=app[LEDGER],
        sealer=deps.sealer,
        clock=deps.clock,
        relay=app[RELAY],
    )
    yield


async def _unnamed(request: web.Request, answer: web.StreamResponse) -> None:
    """Don't tell anybody which software answers, and in which version."""
    answer.headers.pop("Server", None)


async def _shut(app: web.Application) -> None:
    """Say in /readyz that this gateway is going, and send every socket elsewhere."""
    app[health.DRAINING].set()
    await close_all(app)
