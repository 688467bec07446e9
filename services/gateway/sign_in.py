"""A portal hands a patient over to the pages: `POST /session` with their token, and `POST /signout`.

Source: the interface, "pages".
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from services.gateway import auditing
from services.gateway.deps import AUTHENTICATOR, DEPS, ORIGINS, SESSIONS
from services.gateway.problems import preferred_language, problem_of, response
from services.gateway.session import CSRF_FIELD, CSRF_HEADER, check_csrf
from shared.audit.audit_log import AuditUnavailable
from shared.contracts.problems import Refusal


async def begin_session(request: web.Request) -> web.Response:
    """`POST /session` (form `token`, `next`), from a listed origin: sets the cookie and leads on with 303."""
    try:
        request.app[ORIGINS].check_listed(request, needed=True)
        form = await request.post()
        token = form.get("token")
        caller = await request.app[AUTHENTICATOR].by_token(token if isinstance(token, str) else "")
        auditing.known(request, caller)
    except (Refusal, AuditUnavailable) as error:
        language = preferred_language(request)
        return response(problem_of(error, language), language)
    answer = web.Response(status=303, headers={"Location": local_path(form.get("next")), "Cache-Control": "no-store"})
    request.app[SESSIONS].begin(answer, caller)
    return answer


async def end_session(request: web.Request) -> web.Response:
    """`POST /signout`: forgets the cookie and leads back to the portal with 303."""
    sessions, deps = request.app[SESSIONS], request.app[DEPS]
    session = sessions.read(request, now=deps.clock.now().timestamp())
    try:
        request.app[ORIGINS].check_own(request)
        if session is not None:
            form = await request.post()
            given = form.get(CSRF_FIELD)
            check_csrf(session, given if isinstance(given, str) else request.headers.get(CSRF_HEADER))
    except Refusal as refusal:
        language = preferred_language(request)
        return response(problem_of(refusal, language), language)
    answer = web.Response(status=303, headers={"Location": deps.return_url, "Cache-Control": "no-store"})
    sessions.forget(answer)
    return answer


def local_path(given: object) -> str:
    """Where to lead on: a path of this gateway, whatever was asked for; `/` when it is anything else."""
    path = given if isinstance(given, str) else "/"
    parts = urlsplit(path)
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if plain and not parts.scheme and not parts.netloc else "/"
