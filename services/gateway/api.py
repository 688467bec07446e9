"""The handlers of /v1: each reads what is asked, has it done, and shapes the answer.

Whatever can't be done they raise as Refusal, which is answered as its problem.
Source: the interface, "HTTP".
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from aiohttp import web

from services.gateway import auditing, metrics, refusals
from services.gateway.deps import BOOKINGS, LIMITS, REBOOKINGS, RELAY, TICKETING
from services.gateway.identity import Caller
from services.gateway.problems import preferred_language
from services.gateway.rebookings import Rebooking
from services.gateway.relay import Wake
from services.gateway.requests import (
    LONGEST_WAIT,
    caller_of,
    json_response,
    number,
    read_body,
    seq_of,
    set_language,
)
from services.gateway.ticketing import TICKET_SECONDS
from services.gateway.tracing import traceparent
from shared.contracts.commands import CLIENT_COMMAND, StartRebooking
from shared.contracts.events import rfc3339, with_seq
from shared.ledger.port import Told

BOOKINGS_WAIT = 5.0

LEDGER_KEEPS = dt.timedelta(days=30)
"""For how long an outcome can be read from the ledger."""


async def me(request: web.Request) -> web.Response:
    """`GET /v1/me`: who the token says you are."""
    return json_response((await caller_of(request)).public())


async def list_bookings(request: web.Request) -> web.Response:
    """`GET /v1/bookings`: the booked times at one facility, or at all. Raises Refusal."""
    caller = await caller_of(request)
    wait = number(request, "wait", default=BOOKINGS_WAIT, most=LONGEST_WAIT)
    language = preferred_language(request)
    facility = request.query.get("facility")
    if facility is not None and not 1 <= len(facility) <= 64:
        raise refusals.field("facility", "form", language)
    request.app[LIMITS].count_command(request, caller.owner)
    found = await request.app[BOOKINGS].look_up(
        caller, facility, wait=wait, language=language, traceparent=traceparent(request.headers)
    )
    return json_response(found)


async def start_rebooking(request: web.Request) -> web.Response:
    """`POST /v1/rebookings`: begin to move a booking; 200 with the open one when there is one already."""
    caller = await caller_of(request)
    wanted = StartRebooking.model_validate_json(await read_body(request), strict=True)
    language = wanted.language or preferred_language(request)
    set_language(request, language)
    request.app[LIMITS].count_command(request, caller.owner)
    rebooking, created = await request.app[REBOOKINGS].start(
        caller, wanted, language=language, traceparent=traceparent(request.headers)
    )
    location = {"Location": f"/v1/rebookings/{rebooking.id}"}
    return json_response(rebooking.public(caller), status=201 if created else 200, headers=location)


async def read_rebooking(request: web.Request) -> web.Response:
    """`GET /v1/rebookings/{id}`: the snapshot; with `wait` as soon as there is something after `after`."""
    caller = await caller_of(request)
    wait, after = number(request, "wait", default=0.0, most=LONGEST_WAIT), seq_of(request)
    rebookings, rebooking_id = request.app[REBOOKINGS], request.match_info["id"]
    found = await rebookings.read(caller, rebooking_id)
    if isinstance(found, Rebooking) and wait and found.folded.seq <= after:
        wake = Wake(found.folded.seq)
        async with request.app[RELAY].following(rebooking_id, wake, deadlines=found.deadlines):
            await wake.wait(wait)
        found = await rebookings.read(caller, rebooking_id)
    return json_response(found.public(caller) if isinstance(found, Rebooking) else _kept(found, caller, request))


def _kept(told: Told, caller: Caller, request: web.Request) -> dict[str, Any]:
    """What the ledger still knows of a rebooking whose log is gone: its outcome, and no sections."""
    return {
        "id": told.rebooking_id,
        "seq": 0,
        "created_at": rfc3339(told.created_at),
        "expires_at": rfc3339(told.outcome.updated_at + LEDGER_KEEPS),
        "language": told.language or preferred_language(request),
        "subject_name": caller.subject_name,
        "choices": {
            "facilities": [told.facility_to],
            "facilities_confirmed": True,
            "performer": None,
            "day": None,
            "timeslot_id": None,
        },
        "sections": {},
        "outcome": told.outcome.public(),
    }


async def command(request: web.Request) -> web.Response:
    """`POST /v1/rebookings/{id}/commands`: do what the patient commands, once for each command id."""
    caller = await caller_of(request)
    body = await read_body(request)
    rebookings, rebooking_id = request.app[REBOOKINGS], request.match_info["id"]
    set_language(request, (await rebookings.open(caller, rebooking_id)).facts.language)
    request.app[LIMITS].count_command(request, caller.owner)
    wanted = CLIENT_COMMAND.validate_json(body, strict=True)
    auditing.commands(request, wanted.name, wanted.id)
    try:
        seq = await rebookings.command(caller, rebooking_id, wanted, traceparent=traceparent(request.headers))
    except Exception:
        metrics.COMMANDS.labels(wanted.name, "refused").inc()
        raise
    metrics.COMMANDS.labels(wanted.name, "accepted").inc()
    return json_response({"command_id": wanted.id, "seq": seq}, status=202)


async def events(request: web.Request) -> web.Response:
    """`GET /v1/rebookings/{id}/events`: the events after `after`, a JSON array."""
    caller = await caller_of(request)
    after = seq_of(request)
    rebooking = await request.app[REBOOKINGS].open(caller, request.match_info["id"])
    set_language(request, rebooking.facts.language)
    entries = await request.app[REBOOKINGS].entries(rebooking, after=after)
    body = b"[" + b",".join(with_seq(entry.public, entry.seq) for entry in entries) + b"]"
    return web.Response(body=body, content_type="application/json", charset="utf-8")


async def ticket(request: web.Request) -> web.Response:
    """`POST /v1/rebookings/{id}/ticket`: a single-use ticket for a WebSocket."""
    caller = await caller_of(request)
    request.app[LIMITS].count_command(request, caller.owner)
    rebooking = await request.app[REBOOKINGS].open(caller, request.match_info["id"])
    set_language(request, rebooking.facts.language)
    secret = await request.app[TICKETING].give(caller, rebooking.id)
    return json_response({"ticket": secret, "expires_in": TICKET_SECONDS}, status=201)
