"""The documents: complete, valid, and true of what is really answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from services.gateway import asyncapi, examples, openapi
from services.gateway.documents import asyncapi_json, openapi_json
from services.gateway.routes import ROUTES
from shared.contracts.commands import CLIENT_COMMAND
from shared.contracts.events import EventName
from shared.contracts.problems import ProblemType
from shared.contracts.sections import OutcomeState
from tests.builders.gateway import OTHER, OWN, a_gateway, a_timeslot

DOCUMENTS = {"openapi": openapi_json(), "asyncapi": asyncapi_json()}


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of one of a document's schemas."""
    return Draft202012Validator({**schema, "components": document["components"]})


def check(document: str, name: str, value: Any) -> None:
    """The value must be as the document's schema of this name says."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    errors = [
        f"{error.json_path}: {error.message}" for error in validator(DOCUMENTS[document], schema).iter_errors(value)
    ]
    assert errors == [], (name, value)


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from walk(child)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_reference_leads_somewhere(name: str) -> None:
    """No $ref is broken, and each schema is a valid one."""
    document = DOCUMENTS[name]
    for node in walk(document):
        if isinstance(node.get("$ref"), str):
            found: Any = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_address_is_documented():
    """What /v1 has is in the document, and nothing else is."""
    beside = {"/metrics", "/openapi.json", "/asyncapi.json", "/docs", "/session", "/signout"}
    served = {(route.method.lower(), route.path.replace(":[0-9a-f]{32}", "")) for route in ROUTES}
    documented = {(method, path) for path, methods in openapi_json()["paths"].items() for method in methods}
    assert {one for one in served if one[1] not in beside} == documented


def test_every_problem_is_an_example_somewhere():
    """Each problem type can be met at some address, and its example is valid."""
    shown = set()
    for node in walk(openapi_json()["paths"]):
        content = node.get("application/problem+json")
        if content is not None:
            for name, example in content["examples"].items():
                check("openapi", "ProblemDetails", example["value"])
                shown.add(name)
    assert shown == {kind.value for kind in ProblemType}


def test_every_example_of_http_is_valid():
    """Commands, the beginning, the snapshot: by their schemas, and by the code itself."""
    for name in examples.COMMANDS:
        check("openapi", "ClientCommand", examples.command(name))
        assert CLIENT_COMMAND.validate_json(json.dumps(examples.command(name)), strict=True).name == name
    body = openapi_json()["paths"]["/v1/rebookings"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        check("openapi", "StartRebooking", example["value"])
    check("openapi", "Snapshot", examples.snapshot())


def test_every_example_of_the_socket_is_valid():
    """Every frame that may be sent or received has an example that fits its schema, and every event is there."""
    messages = asyncapi_json()["components"]["messages"]
    for name, message in messages.items():
        schema = message["payload"]["$ref"].rpartition("/")[2]
        assert message["examples"], name
        for example in message["examples"]:
            check("asyncapi", schema, example["payload"])
    assert {name.value for name in asyncapi.SHOWN} <= set(messages)
    assert set(EventName) - set(asyncapi.SHOWN) == {EventName.BOOKINGS_PARTIAL, EventName.BOOKINGS_READY}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "dance"},
        {"facilities": []},
        {"more": 1},
        {"id": "with space"},
    ],
)
def test_the_schema_refuses_what_the_gateway_refuses(change: dict[str, Any]) -> None:
    """A command that is none isn't valid by the document either."""
    command = {**examples.command("choose_facilities"), **change}
    schema = {"$ref": "#/components/schemas/ClientCommand"}
    assert not validator(openapi_json(), schema).is_valid(command)


async def test_what_is_really_answered_is_as_documented():
    """A whole rebooking: every snapshot and every event on the way fits its schema."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        check("openapi", "Snapshot", await gateway.snapshot(rebooking_id))
        await gateway.tell_booking()
        await gateway.tell_contracts("GetBookingDetails")
        await gateway.tell_facilities(OWN, OTHER)
        accepted = await gateway.command(rebooking_id, "choose_facilities", facilities=[OTHER])
        check("openapi", "CommandTaken", accepted)
        await gateway.tell_performers("SE-EVA", OTHER)
        await gateway.tell_days("2026-02-02")
        ids = await gateway.tell_timeslots(a_timeslot(), facility=OTHER)
        await gateway.command(rebooking_id, "choose_timeslot", timeslot_id=ids[0])
        await gateway.command(rebooking_id, "give_details", comment="Ja")
        check("openapi", "Snapshot", await gateway.snapshot(rebooking_id))
        await gateway.command(rebooking_id, "confirm")
        await gateway.tell_outcome(rebooking_id, OutcomeState.CONFIRMED, n=2, notice="Ta med remissen")
        check("openapi", "Snapshot", await gateway.snapshot(rebooking_id))
        for event in await (await gateway.get(f"/v1/rebookings/{rebooking_id}/events")).json():
            check("openapi", "EventFrame", event)
            check("asyncapi", asyncapi.event_schema_name(EventName(event["name"])), event)
        ticket = await gateway.post(f"/v1/rebookings/{rebooking_id}/ticket")
        check("openapi", "TicketGiven", await ticket.json())
        check("openapi", "Me", await (await gateway.get("/v1/me")).json())
        check("openapi", "Readiness", await (await gateway.get("/readyz")).json())
        check("openapi", "BookingsList", await (await gateway.get("/v1/bookings", wait="0")).json())


async def test_the_documents_are_served_with_a_page_to_read_them():
    """Both as JSON; the page has no script, nothing from elsewhere, and every address in it."""
    async with a_gateway() as gateway:
        assert await (await gateway.client.get("/openapi.json")).json() == openapi_json()
        assert await (await gateway.client.get("/asyncapi.json")).json() == asyncapi_json()
        page = await gateway.client.get("/docs")
        text = await page.text()
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "<script" not in text
        assert "src=" not in text
        for operation in openapi.OPERATIONS:
            assert f"<code>{operation.path}</code>" in text
