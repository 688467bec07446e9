"""The OpenAPI 3.1 document of /v1, generated from the models that check and shape what goes in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from services.gateway import examples, schemas
from shared.contracts.commands import CLIENT_COMMAND, StartRebooking
from shared.contracts.problems import WORDS, ProblemType

REF = "#/components/schemas/{model}"
P = ProblemType

EVERYWHERE = (P.NOT_AUTHENTICATED, P.NOT_ALLOWED, P.OVERLOADED)
"""What any request under /v1 may be answered with."""

OF_A_REBOOKING = (P.NOT_FOUND, P.EXPIRED)
OF_A_COMMAND = (
    P.INVALID,
    P.REBOOKING_NOT_ALLOWED,
    P.OPEN_INVITATION,
    P.ALREADY_PASSED,
    P.FACILITY_NOT_ELIGIBLE,
    P.TIMESLOT_UNKNOWN,
    P.REBOOKING_IN_PROGRESS,
    P.BOOKING_CHANGED,
    P.KEY_REUSED,
    P.FACILITY_UNAVAILABLE,
    P.WINDOW_TOO_LONG,
    P.TOO_MANY_REQUESTS,
)


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query or a header, and what it means."""

    name: str
    schema: dict[str, Any]
    text: str
    place: str = "query"


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked: what it answers by status, and with which problems."""

    method: str
    path: str
    name: str
    text: str
    answers: dict[int, tuple[str, type[BaseModel] | None]]
    problems: tuple[ProblemType, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    open_to_all: bool = False
    array: bool = False


WAIT = Parameter("wait", {"type": "number", "minimum": 0, "maximum": 25}, "Seconds to wait at most.")
AFTER = Parameter("after", {"type": "integer", "minimum": 0, "default": 0}, "The last seq that you have.")
FACILITY = Parameter("facility", {"type": "string", "maxLength": 64}, "An HSA-id; left out = every facility.")
LANGUAGE = Parameter(
    "Accept-Language", {"type": "string"}, "sv or en; fixed when a rebooking begins, else Swedish.", place="header"
)
TRACE = Parameter("traceparent", {"type": "string"}, "W3C trace context; carried to the workers.", place="header")

OPERATIONS = (
    Operation("get", "/v1/me", "me", "Who the token says you are.", {200: ("You.", schemas.Me)}),
    Operation(
        "get",
        "/v1/bookings",
        "listBookings",
        "The booked times at one facility, or at all. After `wait` seconds (5 if not said) what has come by then; a "
        "facility that fails never fails the list, unless it is the only one asked.",
        {200: ("What has come.", schemas.BookingsList)},
        (P.INVALID, P.FACILITY_NOT_ELIGIBLE, P.FACILITY_UNAVAILABLE, P.TOO_MANY_REQUESTS),
        (FACILITY, WAIT, LANGUAGE, TRACE),
    ),
    Operation(
        "post",
        "/v1/rebookings",
        "startRebooking",
        "Begin to move a booking. Answers at once; what is looked up comes as events. The same again gives the "
        "rebooking that is open for the booking.",
        {201: ("It has begun.", schemas.Snapshot), 200: ("It was open already.", schemas.Snapshot)},
        (P.INVALID, P.FACILITY_NOT_ELIGIBLE, P.TOO_MANY_REQUESTS),
        (LANGUAGE, TRACE),
        body="StartRebooking",
    ),
    Operation(
        "get",
        "/v1/rebookings/{id}",
        "readRebooking",
        "The snapshot; with `wait` as soon as there is something after `after`. When only its outcome is kept any "
        "more, `sections` is empty and `seq` 0.",
        {200: ("The snapshot.", schemas.Snapshot)},
        (P.INVALID, *OF_A_REBOOKING),
        (WAIT, AFTER),
    ),
    Operation(
        "post",
        "/v1/rebookings/{id}/commands",
        "command",
        "Do one thing. The same id with the same content again is the same command: the same answer, done once. "
        "Choose a new id for each command; a UUID is a good one.",
        {202: ("Taken; what it leads to comes as events.", schemas.CommandTaken)},
        (*OF_A_REBOOKING, *OF_A_COMMAND),
        (TRACE,),
        body="ClientCommand",
    ),
    Operation(
        "get",
        "/v1/rebookings/{id}/events",
        "readEvents",
        "The events after `after`.",
        {200: ("The events, in order.", schemas.EventFrame)},
        (P.INVALID, *OF_A_REBOOKING),
        (AFTER,),
        array=True,
    ),
    Operation(
        "post",
        "/v1/rebookings/{id}/ticket",
        "giveTicket",
        "A ticket for a WebSocket from a browser, which can't send a token in the handshake.",
        {201: ("A ticket.", schemas.TicketGiven)},
        (*OF_A_REBOOKING, P.TOO_MANY_REQUESTS),
    ),
    Operation(
        "get",
        "/v1/rebookings/{id}/stream",
        "stream",
        "The WebSocket, described in /asyncapi.json.",
        {101: ("Switching protocols.", None)},
        (P.TOO_MANY_REQUESTS,),
    ),
    Operation(
        "get",
        "/healthz",
        "health",
        "Whether the process answers.",
        {200: ("It does.", schemas.Health)},
        open_to_all=True,
    ),
    Operation(
        "get",
        "/readyz",
        "readiness",
        "Whether the gateway can serve.",
        {200: ("It can.", schemas.Readiness), 503: ("It can't; says what is missing.", schemas.Readiness)},
        open_to_all=True,
    ),
)


def document(*, version: str, server: str = "/") -> dict[str, Any]:
    """The whole document as a JSON object."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Omboka",
            "version": version,
            "summary": "Moves healthcare appointments (RIV-TA crm:scheduling 1.1).",
            "description": "Times of events are RFC 3339 UTC; times of appointments are Swedish civil time without a "
            "zone. Whatever isn't yours isn't there: the same 404.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "security": [{"token": []}, {"session": [], "csrf": []}],
        "paths": paths,
        "components": {
            "schemas": components(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "session": {"type": "apiKey", "in": "cookie", "name": "omboka_session"},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
            },
        },
    }


def components() -> dict[str, Any]:
    """Every schema by name, referring to one another under #/components/schemas."""
    answered = {model for one in OPERATIONS for _, model in one.answers.values() if model is not None}
    wanted: list[tuple[type[BaseModel], Any]] = [(StartRebooking, "validation")]
    wanted += [(model, "serialization") for model in sorted(answered, key=lambda model: model.__name__)]
    wanted.append((schemas.ProblemDetails, "serialization"))
    _, described = models_json_schema(wanted, ref_template=REF)
    found: dict[str, Any] = dict(described["$defs"])
    command = command_schema()
    found.update(command.pop("$defs"))
    return {**found, "ClientCommand": command}


def command_schema(adapter: TypeAdapter[Any] = CLIENT_COMMAND) -> dict[str, Any]:
    """The schema of a command, told apart by its name."""
    return adapter.json_schema(ref_template=REF)


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.text.partition(". ")[0].rstrip("."),
        "description": operation.text,
        "responses": {str(status): _answer(operation, status) for status in operation.answers},
    }
    parameters = [_parameter(one) for one in operation.parameters]
    if "{id}" in operation.path:
        schema = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
        parameters.insert(0, {"name": "id", "in": "path", "required": True, "schema": schema})
    if parameters:
        described["parameters"] = parameters
    if operation.open_to_all:
        described["security"] = []
    else:
        described["responses"] |= _problems((*EVERYWHERE, *operation.problems))
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": _body(operation.body)}}
    return described


def _answer(operation: Operation, status: int) -> dict[str, Any]:
    text, model = operation.answers[status]
    described: dict[str, Any] = {"description": text}
    if status == 201 and operation.name == "startRebooking":
        described["headers"] = {"Location": {"description": "The rebooking's address.", "schema": {"type": "string"}}}
    if model is None:
        return described
    schema: dict[str, Any] = {"$ref": REF.format(model=model.__name__)}
    content: dict[str, Any] = {"schema": {"type": "array", "items": schema} if operation.array else schema}
    if model is schemas.Snapshot:
        content["examples"] = {"begun": {"value": examples.snapshot()}}
    return {**described, "content": {"application/json": content}}


def _problems(kinds: tuple[ProblemType, ...]) -> dict[str, Any]:
    by_status: dict[int, list[ProblemType]] = {}
    for kind in kinds:
        by_status.setdefault(WORDS[kind].status, []).append(kind)
    return {str(status): _problem(same) for status, same in sorted(by_status.items())}


def _problem(kinds: list[ProblemType]) -> dict[str, Any]:
    content = {
        "schema": {"$ref": REF.format(model="ProblemDetails")},
        "examples": {kind.value: {"value": examples.problem(kind)} for kind in kinds},
    }
    names = ", ".join(f"`{kind.value}`" for kind in kinds)
    return {"description": f"Problem: {names}.", "content": {"application/problem+json": content}}


def _body(name: str) -> dict[str, Any]:
    shown = {"begin": {"value": {"facility": examples.FACILITY, "booking_id": "1HZ5-0100001", "language": "sv"}}}
    if name == "ClientCommand":
        shown = {one: {"value": examples.command(one)} for one in examples.COMMANDS}
    return {"schema": {"$ref": REF.format(model=name)}, "examples": shown}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": False,
        "description": parameter.text,
        "schema": parameter.schema,
    }
