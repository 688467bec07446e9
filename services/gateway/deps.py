"""What the gateway is made of: every adapter it uses, given by whoever composes it. Tests give fakes.

One composition for a gateway of its own and for all-in-one; only the adapters differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from services.gateway.auth import Authenticator
from services.gateway.background import Background
from services.gateway.bookings import Bookings
from services.gateway.ledger_calls import LedgerCalls
from services.gateway.limits import Limits
from services.gateway.origins import Origins
from services.gateway.rebookings import Rebookings
from services.gateway.relay import Relay
from services.gateway.session import Sessions
from services.gateway.ticketing import Ticketing
from shared.audit.audit_log import Audit
from shared.audit.auditor import Auditor
from shared.clock import Clock, SystemClock
from shared.configuration import Configuration
from shared.contracts.model import Identity
from shared.ledger.port import Accepting
from shared.messaging.event_log import EventLog
from shared.messaging.publisher import Publisher
from shared.messaging.tickets import Tickets
from shared.sealing import Sealer

REFRESH_SECONDS = 2


@dataclass(frozen=True)
class Deps:
    """The gateway's adapters and settings.

    Tokens are checked by `auth_jwks_url`, else by `auth_key`; one of them must be given (ValueError else).
    Anybody may sign in as one of `demo_patients`; none = not a demo. `hello_seconds` is how long a WebSocket may take
    to say who it is; `drain_seconds` how long stopping may take; `refresh_seconds` how soon a waiting page asks again
    when it has no JavaScript. The list's page waits `list_seconds` for facilities, and names the silent ones.
    """

    configuration: Configuration
    events: EventLog
    publisher: Publisher
    ledger: Accepting
    tickets: Tickets
    audit: Audit
    sealer: Sealer
    session_key: str = field(repr=False)
    clock: Clock = field(default_factory=SystemClock)
    auth_key: str | None = field(default=None, repr=False)
    auth_jwks_url: str | None = None
    auth_issuer: str | None = None
    auth_audience: str | None = None
    allowed_origins: tuple[str, ...] = ()
    public_url: str | None = None
    return_url: str = "/"
    trusted_proxies: int = 0
    demo_patients: tuple[Identity, ...] = ()
    hello_seconds: float = 10.0
    drain_seconds: float = 10.0
    refresh_seconds: int = REFRESH_SECONDS
    list_seconds: float = 5.0


DEPS: web.AppKey[Deps] = web.AppKey("deps", Deps)
AUDITOR: web.AppKey[Auditor] = web.AppKey("auditor", Auditor)
AUTHENTICATOR: web.AppKey[Authenticator] = web.AppKey("authenticator", Authenticator)
BOOKINGS: web.AppKey[Bookings] = web.AppKey("bookings", Bookings)
BACKGROUND: web.AppKey[Background] = web.AppKey("background", Background)
LEDGER: web.AppKey[LedgerCalls] = web.AppKey("ledger", LedgerCalls)
LIMITS: web.AppKey[Limits] = web.AppKey("limits", Limits)
ORIGINS: web.AppKey[Origins] = web.AppKey("origins", Origins)
REBOOKINGS: web.AppKey[Rebookings] = web.AppKey("rebookings", Rebookings)
RELAY: web.AppKey[Relay] = web.AppKey("relay", Relay)
SESSIONS: web.AppKey[Sessions] = web.AppKey("sessions", Sessions)
TICKETING: web.AppKey[Ticketing] = web.AppKey("ticketing", Ticketing)
