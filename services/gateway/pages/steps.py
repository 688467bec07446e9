"""The five pages of a rebooking: each is drawn from the snapshot, and each form is one of the interface's commands.

A step that isn't reached leads to the last one reached. Source: the flow, "Pages"; the interface, "pages".
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from pydantic import ValidationError

from services.gateway import auditing
from services.gateway.deps import DEPS, LIMITS, REBOOKINGS
from services.gateway.pages.calendar_file import calendar_file as as_calendar_file
from services.gateway.pages.drawing import draw, draw_stop, page, see_other
from services.gateway.pages.month import month_of
from services.gateway.pages.visitor import Visitor, form_of, visitor_of
from services.gateway.problems import preferred_language, problem_of
from services.gateway.rebookings import Rebooking
from services.gateway.tracing import traceparent
from shared.contracts.commands import CLIENT_COMMAND
from shared.contracts.identifiers import hsa_key
from shared.contracts.model import Language
from shared.contracts.problems import URN, Problem, ProblemType, Refusal
from shared.contracts.sections import OPEN_OUTCOMES, TRY_AGAIN_OUTCOMES, DaysData, OutcomeState, Summary

STEPS = ("terms", "time", "details", "summary", "outcome")
WAITING = frozenset({"loading", "partial"})
NEXT = {"choose_facilities": "time", "choose_timeslot": "details", "give_details": "summary", "confirm": "outcome"}
"""Which page a command leads to; any other stays on its own."""


def reached(snapshot: Mapping[str, Any]) -> tuple[str, ...]:
    """The pages that may be shown of a snapshot, in order."""
    outcome = snapshot["outcome"]
    if outcome is not None and OutcomeState(outcome["state"]) not in TRY_AGAIN_OUTCOMES:
        return ("outcome",)
    choices, details = snapshot["choices"], snapshot["sections"].get("details", {}).get("data")
    steps = ["terms"]
    if choices["facilities_confirmed"]:
        steps.append("time")
        if choices["timeslot_id"] is not None and details is not None:
            steps.append("details")
            if details["complete"]:
                steps.append("summary")
    return (*steps, "outcome") if outcome is not None else tuple(steps)


@page
async def show(request: web.Request) -> web.Response:
    """`GET /rebookings/{id}/STEP`."""
    visitor = visitor_of(request)
    snapshot, _ = await _snapshot(request, visitor)
    step = request.match_info["step"]
    allowed = reached(snapshot)
    if step not in allowed:
        return see_other(f"/rebookings/{request.match_info['id']}/{allowed[-1]}")
    return _draw_step(request, visitor, snapshot, step)


@page
async def act(request: web.Request) -> web.Response:
    """`POST /rebookings/{id}/STEP`: do what the form says, once, and lead on to the page that follows."""
    visitor, form = await form_of(request)
    snapshot, language = await _snapshot(request, visitor)
    rebooking_id, step = request.match_info["id"], request.match_info["step"]
    here = f"/rebookings/{rebooking_id}/{step}"
    if form.get("do") == "show_terms":
        return see_other(f"{here}?{urlencode({'facility': form.get('facility', '')})}")
    content = command_of(form, snapshot)
    if content is None:
        return see_other(here)
    auditing.commands(request, content["name"], content["id"])
    request.app[LIMITS].count_command(request, visitor.caller.owner)
    try:
        await _command(request, visitor, content)
    except (Refusal, ValidationError) as error:
        return _refused(request, visitor, snapshot, step, form, problem_of(error, language))
    name = str(content["name"])
    target = f"/rebookings/{rebooking_id}/{NEXT.get(name, step)}"
    if name == "search_further":
        further = dt.date.fromisoformat(snapshot["sections"]["days"]["data"]["last_day"]) + dt.timedelta(days=1)
        target += f"?month={further:%Y-%m}"
    return see_other(target)


def command_of(form: Mapping[str, str], snapshot: Mapping[str, Any]) -> dict[str, Any] | None:
    """The command that a form is, as a client would send it; None for a form that is none."""
    content: dict[str, Any] = {"id": form.get("id", ""), "name": form.get("do", "")}
    match content["name"]:
        case "choose_facilities":
            listed = [one["facility"] for one in snapshot["sections"]["facilities"].get("data") or ()]
            chosen = form.get("facility", "")
            content["facilities"] = listed if chosen == "all" else [chosen] if chosen else []
        case "choose_performer":
            content["performer"] = form.get("performer") or None
        case "choose_day":
            content["date"] = form.get("date", "")
        case "choose_timeslot":
            content["timeslot_id"] = form.get("timeslot", "")
        case "give_details":
            content |= {key: form[key] for key in ("comment", "phone") if key in form}
        case "confirm":
            content["seq"] = int(form["seq"]) if form.get("seq", "").isdecimal() else None
        case "retry":
            content["section"] = form.get("section", "")
        case "search_further":
            pass
        case _:
            return None
    return content


async def _command(request: web.Request, visitor: Visitor, content: dict[str, Any]) -> None:
    """Do it once for each form; a form that was filled in otherwise after going back is a new command."""
    rebookings, trace = request.app[REBOOKINGS], traceparent(request.headers)
    rebooking_id = request.match_info["id"]
    command = CLIENT_COMMAND.validate_python(content)
    try:
        await rebookings.command(visitor.caller, rebooking_id, command, traceparent=trace)
    except Refusal as refusal:
        if refusal.problem.type is not ProblemType.KEY_REUSED:
            raise
        command = CLIENT_COMMAND.validate_python({**content, "id": str(uuid.uuid4())})
        await rebookings.command(visitor.caller, rebooking_id, command, traceparent=trace)


def _refused(
    request: web.Request,
    visitor: Visitor,
    snapshot: Mapping[str, Any],
    step: str,
    form: Mapping[str, str],
    problem: Problem,
) -> web.Response:
    """What a refused form leads to: the same page with its faults, where things stand now, or a stop."""
    base = f"/rebookings/{request.match_info['id']}"
    if problem.type is ProblemType.REBOOKING_IN_PROGRESS:
        return see_other(f"{base}/outcome")
    if problem.type is ProblemType.TIMESLOT_UNKNOWN:
        return see_other(f"{base}/time?notice={problem.type.value}")
    if problem.type is ProblemType.WINDOW_TOO_LONG:
        return see_other(f"{base}/time")
    if problem.type is ProblemType.INVALID and step in reached(snapshot):
        return _draw_step(request, visitor, snapshot, step, problem=problem, form=form)
    return draw_stop(request, problem, snapshot["language"], visitor)


async def _snapshot(request: web.Request, visitor: Visitor) -> tuple[dict[str, Any], Language]:
    """The snapshot, or what the ledger still knows: an outcome and no sections."""
    found = await request.app[REBOOKINGS].read(visitor.caller, request.match_info["id"])
    if isinstance(found, Rebooking):
        return found.public(visitor.caller), found.facts.language
    language = found.language or preferred_language(request)
    kept = {
        "id": found.rebooking_id,
        "seq": 0,
        "language": language,
        "choices": {"facilities": [], "facilities_confirmed": False, "performer": None, "timeslot_id": None},
        "sections": {},
        "outcome": found.outcome.public(),
        "kept": True,
    }
    return kept, language


def _draw_step(
    request: web.Request,
    visitor: Visitor,
    snapshot: Mapping[str, Any],
    step: str,
    *,
    problem: Problem | None = None,
    form: Mapping[str, str] | None = None,
) -> web.Response:
    language: Language = snapshot["language"]
    sections = snapshot["sections"]
    stopped = sections.get("booking", {}).get("problem")
    if stopped is not None and step != "outcome":
        retryable = stopped["type"] == URN + ProblemType.FACILITY_UNAVAILABLE.value
        return draw(
            request,
            "stop.html",
            language=language,
            visitor=visitor,
            status=stopped["status"],
            problem=stopped,
            signed_out=False,
            retry=f"/rebookings/{snapshot['id']}/terms" if retryable else None,
        )
    now = request.app[DEPS].clock.now()
    errors = problem.public(language).get("errors", []) if problem else []
    notice = request.query.get("notice")
    values: dict[str, Any] = {
        "snapshot": snapshot,
        "sections": sections,
        "choices": snapshot["choices"],
        "outcome": snapshot["outcome"],
        "base": f"/rebookings/{snapshot['id']}",
        "errors": errors,
        "form": form or {},
        "live": snapshot["id"],
        "step_number": STEPS.index(step) + 1 if step != "outcome" else None,
        "waited": lambda section: _seconds(section.get("waiting_since"), now),
        "notice": Problem(type=ProblemType(notice)).public(language) if notice in set(ProblemType) else None,
    }
    values |= DRAWN[step](request, snapshot)
    status = problem.status if problem else 200
    return draw(request, f"{step}.html", language=language, visitor=visitor, status=status, **values)


def _terms(request: web.Request, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    sections = snapshot["sections"]
    options = sections["facilities"].get("data") or []
    initial = snapshot["choices"]["facilities"]
    wanted = request.query.get("facility") or ("all" if len(initial) > 1 else initial[0] if initial else "")
    waits = any(sections[name]["state"] in WAITING for name in ("booking", "facilities", "terms"))
    own = (sections["booking"].get("data") or {}).get("facility", "")
    return {"options": options, "wanted": wanted, "own": own, "waits": waits, "same": _same_facility}


def _time(request: web.Request, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    sections, choices = snapshot["sections"], snapshot["choices"]
    data = sections["days"].get("data")
    days = DaysData.model_validate(data) if data else None
    chosen = dt.date.fromisoformat(choices["day"]) if choices["day"] else None
    awaited = ("performers", "days", "timeslots")
    waits = any(sections[name]["state"] in WAITING for name in awaited)
    starting = chosen is not None and sections["timeslots"]["state"] == "idle"
    return {
        "days": days,
        "month": month_of(days, _month(request.query.get("month")), chosen) if days else None,
        "chosen": chosen,
        "waits": waits or starting,
        "starting": starting,
        "several": len(choices["facilities"]) > 1,
        "failed_facilities": _failed(request, data),
    }


def _failed(request: web.Request, data: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """The searched facilities that didn't answer, with their phone numbers."""
    configuration = request.app[DEPS].configuration
    failed = [one for one in (data or {}).get("searched", ()) if one.get("problem")]
    found = [(one["facility_name"], configuration.facility(one["facility"])) for one in failed]
    return [{"facility": name, "phone": facility.phone if facility else ""} for name, facility in found]


def _details(request: web.Request, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    return {"details": snapshot["sections"]["details"]["data"]}


def _outcome(request: web.Request, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    outcome = snapshot["outcome"]
    state = OutcomeState(outcome["state"])
    return {
        "waits": state in OPEN_OUTCOMES,
        "unknown": state is OutcomeState.UNKNOWN or outcome.get("waiting", False),
        "again": state in TRY_AGAIN_OUTCOMES and snapshot["choices"]["facilities_confirmed"],
        "live": None if snapshot.get("kept") else snapshot["id"],
    }


DRAWN = {"terms": _terms, "time": _time, "details": _details, "summary": _details, "outcome": _outcome}
"""What each page shows beside the snapshot."""


@page
async def calendar_file(request: web.Request) -> web.Response:
    """`GET /rebookings/{id}/outcome.ics`: the confirmed time for the patient's own calendar, else not-found.

    Its entry is one and the same through every move of the booking, whatever id and facility they gave it.
    """
    visitor = visitor_of(request)
    snapshot, _ = await _snapshot(request, visitor)
    outcome = snapshot["outcome"] or {}
    text = None
    if outcome.get("state") == OutcomeState.CONFIRMED.value and outcome.get("summary"):
        first = await request.app[REBOOKINGS].first_booked(visitor.caller, snapshot["id"])
        text = as_calendar_file(
            Summary.model_validate(outcome["summary"]),
            uid=request.app[DEPS].sealer.digest("calendar", visitor.caller.owner, *first),
            at=dt.datetime.fromisoformat(outcome["updated_at"]),
            phone=outcome.get("phone"),
        )
    if text is None:
        raise Refusal(Problem(type=ProblemType.NOT_FOUND))
    headers = {"Content-Disposition": 'attachment; filename="omboka.ics"', "Cache-Control": "no-store"}
    return web.Response(text=text, content_type="text/calendar", charset="utf-8", headers=headers)


def _seconds(since: str | None, now: dt.datetime) -> int:
    return max(int((now - dt.datetime.fromisoformat(since)).total_seconds()), 0) if since else 0


def _month(text: str | None) -> dt.date | None:
    try:
        return dt.datetime.strptime(text or "", "%Y-%m").date()
    except ValueError:
        return None


def _same_facility(one: str, other: str) -> bool:
    return hsa_key(one) == hsa_key(other)
