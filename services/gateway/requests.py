"""What every request says beside its body: who asks, in which language, in which trace, and how long it waits."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from services.gateway import auditing, refusals
from services.gateway.deps import AUTHENTICATOR, DEPS, ORIGINS, SESSIONS
from services.gateway.identity import Caller
from services.gateway.problems import LANGUAGE, preferred_language
from services.gateway.session import CSRF_HEADER, check_csrf
from shared.contracts.model import Language
from shared.contracts.problems import Problem, ProblemType, Refusal

LONGEST_WAIT = 25.0
BODY_SECONDS = 10.0


async def caller_of(request: web.Request) -> Caller:
    """Who asks: by bearer token, else by the browser's session, which needs the same origin and its CSRF token.

    Raises Refusal: not-authenticated without either, not-allowed from another origin or without the CSRF token.
    """
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        return auditing.known(request, await request.app[AUTHENTICATOR].by_header(authorization))
    session = request.app[SESSIONS].read(request, now=request.app[DEPS].clock.now().timestamp())
    if session is None:
        raise Refusal(Problem(type=ProblemType.NOT_AUTHENTICATED))
    request.app[ORIGINS].check_own(request)
    check_csrf(session, request.headers.get(CSRF_HEADER))
    caller = request.app[AUTHENTICATOR].caller(session.identity, expires_at=session.expires_at, acting=session.acting)
    return auditing.known(request, caller)


def set_language(request: web.Request, language: Language) -> None:
    """From here on, problems of this request are told in this language."""
    request[LANGUAGE] = language


async def read_body(request: web.Request) -> bytes:
    """The whole body, at most 64 KiB within ten seconds; Refusal (invalid) when it comes too slowly or in part."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except (TimeoutError, ConnectionError) as error:  # whoever went away in the middle of it reads no answer
        raise refusals.field("body", "form", preferred_language(request)) from error


def number(request: web.Request, name: str, *, default: float, most: float) -> float:
    """A non-negative number of the query; more than `most` counts as `most`. Raises Refusal (invalid)."""
    text = request.query.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError as error:
        raise refusals.field(name, "form", preferred_language(request)) from error
    if not 0 <= value < float("inf"):
        raise refusals.field(name, "form", preferred_language(request))
    return min(value, most)


def seq_of(request: web.Request, name: str = "after") -> int:
    """A seq of the query, 0 without one. Raises Refusal (invalid)."""
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise refusals.field(name, "form", preferred_language(request))
    return int(text)


def json_response(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer, UTF-8."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return web.json_response(text=text, status=status, headers=headers)
