"""Problems over HTTP: one table from what was raised to what is told, as RFC 9457 problem+json.

Source: the interface, "Problem types". The frame of a WebSocket and a page make theirs of the same `problem_of`.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import ValidationError

from services.gateway import refusals
from shared.audit.audit_log import AuditUnavailable
from shared.contracts.model import Language
from shared.contracts.problems import Problem, ProblemType, Refusal
from shared.ledger.port import LedgerUnavailable
from shared.messaging.event_log import LogUnavailable
from shared.messaging.publisher import PublishFailed

log = logging.getLogger(__name__)

LANGUAGE: web.RequestKey[Language] = web.RequestKey("language", str)  # type: ignore[arg-type]  # a Literal is a str
"""The language in which a request's problems are told, once it is known."""

CONTENT_TYPE = "application/problem+json"

RAISED: dict[type[Exception], Problem] = {
    AuditUnavailable: Problem(type=ProblemType.OVERLOADED, retry_after=5),
    LogUnavailable: Problem(type=ProblemType.OVERLOADED, retry_after=1),
    LedgerUnavailable: Problem(type=ProblemType.OVERLOADED, retry_after=1),
    PublishFailed: Problem(type=ProblemType.OVERLOADED, retry_after=5),
}
"""What our own parts raise when they can't be reached."""


def problem_of(error: Exception, language: Language) -> Problem:
    """The problem that an exception is; one that nobody foresaw is logged and told as overloaded."""
    if isinstance(error, Refusal):
        return error.problem
    if isinstance(error, ValidationError):
        return refusals.of_validation(error, language).problem
    known = RAISED.get(type(error))
    if known is None:
        log.exception("unforeseen %s", type(error).__name__, exc_info=error)
        return Problem(type=ProblemType.OVERLOADED)
    return known


def response(problem: Problem, language: Language) -> web.Response:
    """A problem as an answer, with Retry-After and WWW-Authenticate where they belong."""
    headers = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.type is ProblemType.NOT_AUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    return _json(problem.public(language), status=problem.status, headers=headers)


def preferred_language(request: web.BaseRequest) -> Language:
    """The better liked of Swedish and English in Accept-Language; Swedish when it names neither."""
    best: tuple[float, Language] = (0.0, "sv")
    for part in request.headers.get("Accept-Language", "")[:500].split(","):
        tag, _, quality = part.strip().partition(";")
        language: Language | None = {"sv": "sv", "en": "en"}.get(tag.strip().lower()[:2])  # type: ignore[assignment]
        if language is not None and (weight := _weight(quality)) > best[0]:
            best = (weight, language)
    return best[1]


def _weight(quality: str) -> float:
    name, _, value = quality.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


@web.middleware
async def tell_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever is raised under /v1 as a problem; elsewhere pages tell their own."""
    if not request.path.startswith("/v1/"):
        return await handler(request)
    language = preferred_language(request)
    try:
        answer = await handler(request)
    except web.HTTPRequestEntityTooLarge:
        answer = response(refusals.field("body", "too_large", language).problem, language)
    except web.HTTPNotFound:
        answer = response(Problem(type=ProblemType.NOT_FOUND), language)
    except web.HTTPException as error:
        answer = _json({"type": "about:blank", "title": error.reason, "status": error.status}, status=error.status)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
    except Exception as error:  # the one rim where every exception must become an answer
        language = request.get(LANGUAGE, language)
        answer = response(problem_of(error, language), language)
    if not answer.prepared:
        answer.headers.setdefault("Cache-Control", "no-store")
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    return answer


def _json(body: dict[str, Any], *, status: int, headers: dict[str, str] | None = None) -> web.Response:
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(text=text, status=status, headers=headers, content_type=CONTENT_TYPE, charset="utf-8")
