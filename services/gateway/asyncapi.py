"""The AsyncAPI 3.0 document of a rebooking's WebSocket, generated from the same models as the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.gateway import examples, schemas
from services.gateway.openapi import REF, command_schema
from services.gateway.websocket import SUBPROTOCOL, Hello, Ping
from shared.contracts.events import EventName
from shared.contracts.problems import ProblemType

SECTION_OF: dict[str, type[BaseModel]] = {
    "booking": schemas.BookingSection,
    "contracts": schemas.ContractsSection,
    "facilities": schemas.FacilitiesSection,
    "terms": schemas.TermsSection,
    "performers": schemas.PerformersSection,
    "days": schemas.DaysSection,
    "timeslots": schemas.TimeslotsSection,
    "details": schemas.DetailsSection,
}
"""The value of `data.section`, and the shape of `data.value`."""

SHOWN = tuple(name for name in EventName if not name.value.startswith("bookings."))
"""The events of a rebooking; the list of bookings has a log that no client sees."""

CLOSE_CODES = {
    1009: "A frame was over 64 KiB.",
    1012: "The gateway restarts: connect again and resume with the last seq.",
    4401: "The token or ticket is missing or has expired, or there was no hello within 10 seconds.",
    4403: "The origin isn't allowed. It is refused before the upgrade, with HTTP 403.",
    4404: "There is no such rebooking.",
    4408: "The client reads too slowly: connect again and resume with the last seq.",
    4410: "The rebooking is gone.",
    4429: "Too many WebSockets of this patient.",
}


def document(*, version: str) -> dict[str, Any]:
    """The whole document as a JSON object."""
    sent, received = _from_client(), _from_server()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Omboka: the WebSocket of a rebooking",
            "version": version,
            "license": {"name": "Apache-2.0"},
            "description": "JSON text frames. The first frame is `hello`. A value in an event replaces what was "
            "there before: nothing is merged, and the events alone build the snapshot. Until `choice.made` says "
            "otherwise, the facility is the own one if listed, else the only one, and the day is `days.chosen`. "
            "After a broken connection `hello` with the last seq gives exactly what was missed.\n\nClose codes:\n\n"
            + "\n".join(f"- {code}: {text}" for code, text in CLOSE_CODES.items()),
        },
        "defaultContentType": "application/json",
        "channels": {
            "rebooking": {
                "address": "/v1/rebookings/{id}/stream",
                "parameters": {"id": {"description": "The rebooking's id, 32 hexadecimal characters."}},
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in (*sent, *received)},
                "bindings": {
                    "ws": {
                        "method": "GET",
                        "headers": {
                            "type": "object",
                            "properties": {"Sec-WebSocket-Protocol": {"type": "string", "const": SUBPROTOCOL}},
                        },
                    }
                },
            }
        },
        "operations": {
            "listen": _operation("receive", sent, "What a client sends."),
            "tell": _operation("send", received, "What the gateway sends."),
        },
        "components": {"messages": {**sent, **received}, "schemas": _schemas()},
    }


def _operation(action: str, messages: dict[str, Any], text: str) -> dict[str, Any]:
    return {
        "action": action,
        "summary": text,
        "channel": {"$ref": "#/channels/rebooking"},
        "messages": [{"$ref": f"#/channels/rebooking/messages/{name}"} for name in messages],
    }


def _from_client() -> dict[str, Any]:
    hello = [{"type": "hello", "after": 17}, {"type": "hello", "after": 0, "ticket": "kGm7yXkq1v0f3n0m2b9c8A"}]
    command = [{"type": "command", **examples.command(name)} for name in examples.COMMANDS]
    return {
        "hello": _message("Hello", hello),
        "command": _message("CommandFrame", command),
        "ping": _message("Ping", [{"type": "ping"}]),
    }


def _from_server() -> dict[str, Any]:
    events = {name.value: _message(event_schema_name(name), [examples.event(name)]) for name in SHOWN}
    refused = {"type": "problem", "id": examples.COMMAND_ID, "problem": examples.problem(ProblemType.TIMESLOT_UNKNOWN)}
    return {
        **events,
        "accepted": _message("AcceptedFrame", [{"type": "accepted", "id": examples.COMMAND_ID, "seq": 10}]),
        "problem": _message("ProblemFrame", [refused]),
        "pong": _message("PongFrame", [{"type": "pong"}]),
        "resync": _message("ResyncFrame", [{"type": "resync"}]),
    }


def _message(schema: str, shown: list[dict[str, Any]]) -> dict[str, Any]:
    return {"payload": {"$ref": REF.format(model=schema)}, "examples": [{"payload": one} for one in shown]}


def event_schema_name(name: EventName) -> str:
    """The name of an event's schema, such as `DaysReadyEvent`."""
    return "".join(part.capitalize() for part in name.value.replace("_", ".").split(".")) + "Event"


def _schemas() -> dict[str, Any]:
    wanted: list[tuple[type[BaseModel], Any]] = [(Hello, "validation"), (Ping, "validation")]
    frames = (schemas.AcceptedFrame, schemas.ProblemFrame, schemas.PongFrame, schemas.ResyncFrame, schemas.EventFrame)
    answered: list[type[BaseModel]] = [*frames, schemas.ChoiceData, schemas.OutcomeData, *SECTION_OF.values()]
    wanted += [(model, "serialization") for model in answered]
    _, described = models_json_schema(wanted, ref_template=REF)
    found: dict[str, Any] = dict(described["$defs"])
    command = command_schema()
    for name, schema in command.pop("$defs").items():
        found[name] = schema
        if "name" in schema.get("properties", {}):
            # over the WebSocket a command says that it is one
            schema["properties"]["type"] = {"const": "command", "type": "string"}
            schema["required"] = [*schema["required"], "type"]
    found["CommandFrame"] = command
    return {**found, **{event_schema_name(name): _event(name) for name in SHOWN}}


def _event(name: EventName) -> dict[str, Any]:
    part = name.value.partition(".")[0]
    if name is EventName.CHOICE_MADE:
        data: dict[str, Any] = {"$ref": REF.format(model="ChoiceData")}
    elif part == "rebooking":
        data = {"$ref": REF.format(model="OutcomeData")}
    elif part == "section":
        data = {"oneOf": [_section(section) for section in SECTION_OF if section != "contracts"]}
    else:
        data = _section(part)
    frame = {"$ref": REF.format(model="EventFrame")}
    return {"allOf": [frame, {"type": "object", "properties": {"name": {"const": name.value}, "data": data}}]}


def _section(section: str) -> dict[str, Any]:
    value = {"$ref": REF.format(model=SECTION_OF[section].__name__)}
    return {
        "type": "object",
        "properties": {"section": {"const": section}, "value": value},
        "required": ["section", "value"],
        "additionalProperties": False,
    }
