"""The list of booked times, at one facility or at all, and the way from a booking into its rebooking."""

from __future__ import annotations

from aiohttp import web
from pydantic import ValidationError

from services.gateway.deps import BOOKINGS, DEPS, LIMITS, REBOOKINGS
from services.gateway.pages.drawing import draw, draw_stop, page, see_other
from services.gateway.pages.visitor import visitor_of
from services.gateway.pages.words import LIST_WORDS
from services.gateway.problems import preferred_language, problem_of
from services.gateway.tracing import traceparent
from shared.contracts.commands import StartRebooking
from shared.contracts.problems import Problem, ProblemType, Refusal


@page
async def show(request: web.Request) -> web.Response:
    """`GET /bookings`: «Bokade tider», or with `facility` «Mina bokade tider»."""
    visitor, language = visitor_of(request), preferred_language(request)
    deps, facility = request.app[DEPS], request.query.get("facility")
    request.app[LIMITS].count_command(request, visitor.caller.owner)
    try:
        found = await request.app[BOOKINGS].look_up(
            visitor.caller,
            facility,
            wait=deps.list_seconds,
            language=language,
            traceparent=traceparent(request.headers),
        )
    except Refusal as refusal:
        return draw_stop(request, problem_of(refusal, language), language, visitor)
    return draw(
        request,
        "bookings.html",
        language=language,
        visitor=visitor,
        found=found,
        phones={one.id: one.phone for one in deps.configuration.facilities.values()},
        list_seconds=round(deps.list_seconds),
        facility=facility,
        list_words=LIST_WORDS,
        listing=True,
    )


@page
async def rebook(request: web.Request) -> web.Response:
    """`GET /rebook?facility=&booking=`: begin to move a booking, or take up the open one."""
    visitor, language = visitor_of(request), preferred_language(request)
    try:
        wanted = StartRebooking(
            facility=request.query.get("facility", ""), booking_id=request.query.get("booking", ""), language=language
        )
    except ValidationError:
        return draw_stop(request, Problem(type=ProblemType.NOT_FOUND), language, visitor)
    request.app[LIMITS].count_command(request, visitor.caller.owner)
    try:
        rebooking, _ = await request.app[REBOOKINGS].start(
            visitor.caller, wanted, language=language, traceparent=traceparent(request.headers)
        )
    except Refusal as refusal:
        return draw_stop(request, refusal.problem, language, visitor)
    return see_other(f"/rebookings/{rebooking.id}/terms")
