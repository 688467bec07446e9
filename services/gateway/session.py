"""A browser's session: a cookie sealed under SESSION_KEY, and the token against forged requests that goes with it.

The cookie holds what the portal's token proved, and dies with it; nothing is kept on our side.
Source: the interface, "pages"; the reliability rules 4.1, "WS hijack / CSRF".
"""

from __future__ import annotations

import hmac
import secrets

from aiohttp import web
from cryptography.fernet import Fernet, InvalidToken
from pydantic import ValidationError

from services.gateway.identity import Caller
from shared.contracts.model import Frozen, Identity
from shared.contracts.problems import Problem, ProblemType, Refusal

COOKIE = "omboka_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"


class Session(Frozen):
    """What the cookie holds, sealed. `expires_at` in UTC seconds; `csrf` is what a form or a script must send along."""

    identity: Identity
    expires_at: float
    acting: bool
    csrf: str


class Sessions:
    """Sets, reads and forgets the cookie; `secure` = only over HTTPS."""

    def __init__(self, key: str, *, secure: bool) -> None:
        self._fernet = Fernet(key)
        self._secure = secure

    def begin(self, answer: web.StreamResponse, caller: Caller) -> Session:
        """Set the cookie for what a token proved; it lives as long as the token."""
        session = Session(
            identity=caller.identity,
            expires_at=caller.expires_at,
            acting=caller.acting,
            csrf=secrets.token_urlsafe(24),
        )
        sealed = self._fernet.encrypt(session.model_dump_json(context={"reveal": True}).encode()).decode()
        answer.set_cookie(COOKIE, sealed, path="/", httponly=True, secure=self._secure, samesite="Lax")
        return session

    def read(self, request: web.BaseRequest, *, now: float) -> Session | None:
        """The session of a request; None when there is none, it was tampered with, or it is over."""
        sealed = request.cookies.get(COOKIE)
        if not sealed or len(sealed) > 8192:
            return None
        try:
            session = Session.model_validate_json(self._fernet.decrypt(sealed))
        except (InvalidToken, ValidationError, TypeError, ValueError):  # a cookie may be any bytes
            return None
        return session if session.expires_at > now else None

    def forget(self, answer: web.StreamResponse) -> None:
        """Take the cookie away."""
        answer.del_cookie(COOKIE, path="/", httponly=True, secure=self._secure, samesite="Lax")


def check_csrf(session: Session, given: str | None) -> None:
    """Raises Refusal (not-allowed) unless the request carries the session's own token."""
    if not given or not given.isascii() or not hmac.compare_digest(session.csrf, given):
        raise Refusal(Problem(type=ProblemType.NOT_ALLOWED))
