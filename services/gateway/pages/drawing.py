"""Drawing a page: the template, what every page has, and the strict policy that it is sent under."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from services.gateway.deps import DEPS
from services.gateway.origins import origin_of
from services.gateway.pages.dates import date_text, day_text, month_text, weekdays
from services.gateway.pages.visitor import Visitor
from services.gateway.pages.words import words
from services.gateway.problems import preferred_language, problem_of
from shared.contracts.model import Language
from shared.contracts.problems import Problem, ProblemType

TEMPLATES: web.AppKey[jinja2.Environment] = web.AppKey("templates", jinja2.Environment)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_templates() -> jinja2.Environment:
    """The templates: everything escaped; what a section or problem doesn't have counts as nothing."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates")
    templates = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.ChainableUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters["named"] = named
    return templates


def named(characters: Sequence[Mapping[str, str]]) -> str:
    """Each refused character as it is; one that can't be seen by its code point."""
    return " ".join(one["char"].strip() or one["codepoint"] for one in characters)


def draw(
    request: web.Request,
    template: str,
    *,
    language: Language,
    visitor: Visitor | None,
    status: int = 200,
    **values: Any,
) -> web.Response:
    """Draw a template. `waits` in the values = without JavaScript the page asks again by itself."""
    deps = request.app[DEPS]
    shared = {
        "language": language,
        "w": partial(words, language=language),
        "date_text": partial(date_text, language=language),
        "day_text": partial(day_text, language=language),
        "month_text": partial(month_text, language=language),
        "weekdays": weekdays(language),
        "visitor": visitor,
        "csrf": visitor.csrf if visitor else "",
        "name": visitor.caller.subject_name or visitor.caller.identity.subject.masked if visitor else None,
        "command_id": str(uuid.uuid4()),
        "return_url": deps.return_url,
        "demo": bool(deps.demo_patients),
        "waits": False,
        "refresh_seconds": deps.refresh_seconds,
        "live": None,
        "listing": False,
        "step_number": None,
    }
    text = request.app[TEMPLATES].get_template(template).render({**shared, **values})
    answer = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
    answer.headers.update(_headers(deps.return_url))
    return answer


def _headers(return_url: str) -> dict[str, str]:
    # a sign-out leads to the portal, and browsers count that redirect as the form's target
    portal = f" {origin_of(return_url)}" if return_url.startswith("http") else ""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action 'self'{portal}; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def draw_stop(request: web.Request, problem: Problem, language: Language, visitor: Visitor | None) -> web.Response:
    """The page of a problem: what is wrong, and where one can go from there."""
    shown = problem.public(language)
    signed_out = problem.type is ProblemType.NOT_AUTHENTICATED
    return draw(
        request,
        "stop.html",
        language=language,
        visitor=None if signed_out else visitor,
        status=problem.status,
        problem=shown,
        signed_out=signed_out,
    )


def see_other(path: str) -> web.Response:
    """Lead on with 303."""
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})


def page(handler: Handler) -> Handler:
    """A handler whose problems are told as pages."""

    async def telling(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except Exception as error:  # the rim where whatever is raised must become a page
            language = preferred_language(request)
            return draw_stop(request, problem_of(error, language), language, None)

    return telling
