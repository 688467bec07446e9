"""Who asked for what is noted for every answer, and for every command over a WebSocket: nobody reads unnoticed.

Source: the reliability rules 4.1, "PDL/audit".
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from services.gateway.deps import AUDITOR
from services.gateway.identity import Caller
from services.gateway.problems import preferred_language, problem_of, response
from shared.audit.audit_log import AuditUnavailable

CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
COMMAND: web.RequestKey[tuple[str, str]] = web.RequestKey("command", tuple)


def known(request: web.Request, caller: Caller) -> Caller:
    """Remember who asks, from here on. Raises AuditUnavailable where what they do couldn't be noted."""
    request.app[AUDITOR].check()
    request[CALLER] = caller
    return caller


def commands(request: web.Request, name: str, command_id: str) -> None:
    """Remember which command the request is."""
    request[COMMAND] = (name, command_id)


@web.middleware
async def note_access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note what a known caller was answered; an answer that can't be noted isn't given."""
    answer = await handler(request)
    caller = request.get(CALLER)
    if caller is None or answer.status == HTTPStatus.SWITCHING_PROTOCOLS:  # a socket notes what is said over it
        return answer
    name, command_id = request.get(COMMAND, (None, None))
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "unknown"
    act = f"{request.method} {route}" if name is None else f"{request.method} {route} {name}"
    of = request.match_info.get("id")
    try:
        request.app[AUDITOR].note(caller.identity, act, str(answer.status), of=of, command_id=command_id)
    except AuditUnavailable as error:
        language = preferred_language(request)
        return response(problem_of(error, language), language)
    return answer
