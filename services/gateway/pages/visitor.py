"""Who looks at a page: the browser's session; and what a posted form must carry."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from services.gateway import auditing
from services.gateway.deps import AUTHENTICATOR, DEPS, ORIGINS, SESSIONS
from services.gateway.identity import Caller
from services.gateway.session import CSRF_FIELD, check_csrf
from shared.contracts.problems import Problem, ProblemType, Refusal


@dataclass(frozen=True)
class Visitor:
    """A signed-in visitor and the token against forged forms."""

    caller: Caller
    csrf: str


def visitor_of(request: web.Request) -> Visitor:
    """Who looks; Refusal (not-authenticated) without a session."""
    session = request.app[SESSIONS].read(request, now=request.app[DEPS].clock.now().timestamp())
    if session is None:
        raise Refusal(Problem(type=ProblemType.NOT_AUTHENTICATED))
    caller = request.app[AUTHENTICATOR].caller(session.identity, expires_at=session.expires_at, acting=session.acting)
    return Visitor(auditing.known(request, caller), session.csrf)


async def form_of(request: web.Request) -> tuple[Visitor, dict[str, str]]:
    """Who posts, and the form's fields; Refusal for a form of another site, without session or without its token."""
    request.app[ORIGINS].check_own(request)
    visitor = visitor_of(request)
    session = request.app[SESSIONS].read(request, now=request.app[DEPS].clock.now().timestamp())
    assert session is not None
    form = {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    check_csrf(session, form.get(CSRF_FIELD))
    return visitor, form
