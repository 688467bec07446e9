"""The control over HTTP, `/_sim`: mishaps, journal, calls, patients, clock and reset.

It is there for tests and demos; nothing of it is part of the contracts.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from services.simulator.booking_systems import BookingSystems
from services.simulator.building import faults_of
from services.simulator.mishaps import ANY, check_contract, read_mishap
from services.simulator.world import Booking

BOOKING_SYSTEMS = web.AppKey("booking_systems", BookingSystems)
PATIENTS_TOLD = 100


class ClockSetting(BaseModel):
    """What the clock is to be set to: civil time, or None for real time; it stands still unless `ticking`."""

    model_config = ConfigDict(extra="forbid")

    now: dt.datetime | None
    ticking: bool = False


def control_routes() -> list[web.RouteDef]:
    """Give the routes of the control."""
    place = "/_sim/mishaps/{facility}/{contract}"
    return [
        web.get("/_sim/mishaps", list_mishaps),
        web.get(place, get_mishap),
        web.put(place, put_mishap),
        web.delete(place, delete_mishap),
        web.get("/_sim/journal", get_journal),
        web.get("/_sim/calls", get_calls),
        web.get("/_sim/patients", get_patients),
        web.post("/_sim/reset", reset),
        web.post("/_sim/clock", set_clock),
    ]


async def list_mishaps(request: web.Request) -> web.Response:
    """Give every mishap that is up."""
    return web.json_response({"mishaps": request.app[BOOKING_SYSTEMS].mishaps.all()})


async def get_mishap(request: web.Request) -> web.Response:
    """Give the mishap of exactly this facility and contract, 404 when there is none."""
    facility, contract = _place(request)
    mishap = request.app[BOOKING_SYSTEMS].mishaps.get(facility, contract)
    return web.json_response(mishap.model_dump()) if mishap else _faulty(404, [("path", "there is no mishap here")])


async def put_mishap(request: web.Request) -> web.Response:
    """Put a mishap up in place of the one that was there; 422 with each fault by its field."""
    facility, contract = _place(request)
    systems = request.app[BOOKING_SYSTEMS]
    try:
        mishap = read_mishap(await _json(request))
    except ValidationError as error:
        return _faulty(422, faults_of(error))
    systems.mishaps.put(facility, contract, mishap)
    return web.json_response(mishap.model_dump())


async def delete_mishap(request: web.Request) -> web.Response:
    """Take mishaps down; `*` takes down those of every facility, or of every contract."""
    request.app[BOOKING_SYSTEMS].mishaps.remove(*_place(request))
    return web.Response(status=204)


async def get_journal(request: web.Request) -> web.Response:
    """Give the effective changes after number `after`, one JSON object on each line."""
    lines = request.app[BOOKING_SYSTEMS].journal.lines(_number(request, "after"))
    return web.Response(text=lines, content_type="application/x-ndjson")


async def get_calls(request: web.Request) -> web.Response:
    """Give the calls after number `after`, of one `contract` and one `facility` if these are named."""
    calls = request.app[BOOKING_SYSTEMS].calls.find(
        contract=request.query.get("contract"), facility=request.query.get("facility"), after=_number(request, "after")
    )
    return web.json_response({"calls": calls}, dumps=_dumps)


async def get_patients(request: web.Request) -> web.Response:
    """Give the patients, at most `limit` of them, each with the bookings that hold now."""
    systems = request.app[BOOKING_SYSTEMS]
    told = systems.patients[: _number(request, "limit") or PATIENTS_TOLD]
    answer = [
        {
            "subject": patient.subject,
            "given_name": patient.given_name,
            "family_name": patient.family_name,
            "phone": patient.phone,
            "bookings": [_told(booking) for booking in systems.world.bookings(patient.subject)],
        }
        for patient in told
    ]
    return web.json_response({"patients": answer}, dumps=_dumps)


async def reset(request: web.Request) -> web.Response:
    """Make the world anew."""
    request.app[BOOKING_SYSTEMS].reset()
    return web.Response(status=204)


async def set_clock(request: web.Request) -> web.Response:
    """Set the clock; the bookings stay where they are until the world is reset."""
    try:
        setting = ClockSetting.model_validate(await _json(request))
    except ValidationError as error:
        return _faulty(422, faults_of(error))
    clock = request.app[BOOKING_SYSTEMS].clock
    clock.set(setting.now, ticking=setting.ticking)
    return web.json_response({"now": clock.now().isoformat(timespec="seconds"), "ticking": setting.ticking})


def _place(request: web.Request) -> tuple[str, str]:
    facility, contract = request.match_info["facility"], request.match_info["contract"]
    if facility != ANY and request.app[BOOKING_SYSTEMS].world.facility(facility) is None:
        raise web.HTTPNotFound(text=_problem([("facility", f"there is no facility {facility}")]), content_type=_JSON)
    try:
        check_contract(contract)
    except ValueError as error:
        raise web.HTTPNotFound(text=_problem([("contract", str(error))]), content_type=_JSON) from error
    return facility, contract


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError as error:
        raise web.HTTPBadRequest(text=_problem([("body", "is not JSON")]), content_type=_JSON) from error


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not text.isdecimal():
        raise web.HTTPBadRequest(text=_problem([(name, "must be a whole number")]), content_type=_JSON)
    return int(text)


def _told(booking: Booking) -> dict[str, Any]:
    return {
        "story": booking.story,
        "facility": booking.facility,
        "booking_id": booking.id,
        "start": booking.start.isoformat() if booking.start else None,
        "end": booking.end.isoformat() if booking.end else None,
        "time_type_id": booking.resource.time_type.id,
        "performer": booking.resource.performer.hsa_id if booking.resource.performer else None,
        "rebooking_allowed": booking.rebooking_allowed,
        "message_allowed": booking.message_allowed,
        "is_invitation": booking.is_invitation,
    }


_JSON = "application/json"


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _problem(faults: list[tuple[str, str]]) -> str:
    return _dumps({"errors": [{"field": field, "message": message} for field, message in faults]})


def _faulty(status: int, faults: list[tuple[str, str]]) -> web.Response:
    return web.Response(status=status, text=_problem(faults), content_type=_JSON)
