"""HTTP: bad input, other people's rebookings, long-poll, events, health; each answer as the interface has it."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.gateway import rebookings, refusals
from services.gateway.deps import RELAY
from services.gateway.rebooking_ids import new_id
from shared.contracts.commands import CLIENT_COMMAND, LookUpBooking
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Language
from shared.contracts.sections import OutcomeState
from tests.builders.gateway import ANOTHER_SUBJECT, OWN, SUBJECT, a_gateway, a_token

START = {"facility": OWN, "booking_id": "B1"}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", ["body"]),
        (b"{", ["body"]),
        (b"[]", ["body"]),
        (b"[" * 60_000, ["body"]),
        (b'"\\ud800"', ["body"]),
        (b"\xff\xfe", ["body"]),
        (b"{}", ["facility", "booking_id"]),
        (b'{"facility": "SE1", "booking_id": ""}', ["booking_id"]),
        (b'{"facility": "SE1", "booking_id": "a\\u0000b"}', ["booking_id"]),
        (b'{"facility": "SE1", "booking_id": 7}', ["booking_id"]),
        (b'{"facility": "no id!", "booking_id": "B1"}', ["facility"]),
        (b'{"facility": "SE1", "booking_id": "B1", "language": "de"}', ["language"]),
        (b'{"facility": "SE1", "booking_id": "B1", "subject": "191212121212"}', ["subject"]),
    ],
)
async def test_bodies_that_are_refused(body: bytes, fields: list[str]) -> None:
    """Each fault by its field, and nothing of what was sent."""
    async with a_gateway() as gateway:
        answer = await gateway.client.post("/v1/rebookings", data=body, headers=gateway.headers())
        problem = await answer.json()
        assert (answer.status, answer.content_type) == (422, "application/problem+json")
        assert [error["field"] for error in problem["errors"]] == fields
        assert "191212121212" not in str(problem)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"name": "search_further"}, "id"),
        ({"id": "c1"}, "name"),
        ({"id": "c1", "name": "dance"}, "name"),
        ({"id": "c 1", "name": "search_further"}, "id"),
        ({"id": "c" * 65, "name": "search_further"}, "id"),
        ({"id": "c1", "name": "search_further", "x": 1}, "x"),
        ({"id": "c1", "name": "choose_facilities", "facilities": []}, "facilities"),
        ({"id": "c1", "name": "choose_facilities", "facilities": ["SE1", 2]}, "facilities.1"),
        ({"id": "c1", "name": "choose_day", "date": "31/1"}, "date"),
        ({"id": "c1", "name": "choose_day", "date": 5}, "date"),
        ({"id": "c1", "name": "choose_timeslot", "timeslot_id": "short"}, "timeslot_id"),
        ({"id": "c1", "name": "give_details", "comment": "x" * 4001}, "comment"),
        ({"id": "c1", "name": "confirm", "seq": "7"}, "seq"),
        ({"id": "c1", "name": "confirm", "seq": -1}, "seq"),
        ({"id": "c1", "name": "retry", "section": "all"}, "section"),
    ],
)
async def test_commands_that_are_no_commands(content: dict[str, Any], field: str) -> None:
    """The field that is wrong is named, in the rebooking's language."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start(language="en")
        answer = await gateway.post(f"/v1/rebookings/{rebooking_id}/commands", content)
        problem = await answer.json()
        assert (answer.status, problem["title"]) == (422, "The information can't be accepted")
        assert [error["field"] for error in problem["errors"]] == [field]


async def test_a_body_over_64_kib():
    """It is refused before it is looked at."""
    async with a_gateway() as gateway:
        answer = await gateway.client.post("/v1/rebookings", data=b"x" * 70_000, headers=gateway.headers())
        assert (answer.status, (await answer.json())["errors"][0]["field"]) == (422, "body")


@pytest.mark.parametrize("path", ["", "/events", "/ticket", "/commands"])
async def test_somebody_elses_rebooking_is_not_there(path: str) -> None:
    """The same status and the same body for another patient's as for one that never was."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        another = a_token(ANOTHER_SUBJECT)
        told = []
        for one in (rebooking_id, "0" * 32, new_id(gateway.deps.sealer, gateway.deps.sealer.owner(subject()))):
            url = f"/v1/rebookings/{one}{path}"
            content = {"id": "c1", "name": "search_further"}
            reading = path in ("", "/events")
            answer = await (gateway.get(url, token=another) if reading else gateway.post(url, content, token=another))
            told.append((answer.status, await answer.text()))
        assert told[0] == told[1] == told[2]
        assert told[0][0] == 404


def subject() -> Any:
    """The usual patient's number."""
    return SubjectOfCareId(SUBJECT)


async def test_what_is_over_is_expired_for_its_owner():
    """An hour after the last event: 410 for whoever it was; with an outcome the ledger still tells it."""
    async with a_gateway() as gateway:
        unconfirmed = await gateway.start(booking_id="B2")
        rebooking_id = await gateway.to_summary()
        await gateway.command(rebooking_id, "confirm")
        await gateway.tell_outcome(rebooking_id, OutcomeState.CONFIRMED, n=2)
        gateway.clock.move(25 * 3600)
        answer = await gateway.get(f"/v1/rebookings/{unconfirmed}")
        assert (answer.status, (await answer.json())["type"]) == (410, "urn:omboka:problem:expired")
        kept = await gateway.snapshot(rebooking_id)
        assert (kept["sections"], kept["outcome"]["state"]) == ({}, "confirmed")
        body = await gateway.command(rebooking_id, "choose_day", status=410, date="2026-02-02")
        assert body["type"].endswith("expired")


@pytest.mark.parametrize(("kept", "expected"), [("en", "en"), (None, "sv")])
async def test_what_is_over_is_told_in_its_own_language(kept: Any, expected: str) -> None:
    """The ledger knows which; for a row from before it did, the reader's own language is said."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.to_summary()
        await gateway.command(rebooking_id, "confirm")
        await gateway.tell_outcome(rebooking_id, OutcomeState.CONFIRMED, n=2)
        ledger = gateway.ledger
        ledger.told[rebooking_id] = replace(ledger.told[rebooking_id], language=kept)
        gateway.clock.move(25 * 3600)
        assert (await gateway.snapshot(rebooking_id))["language"] == expected


async def test_a_long_poll_answers_as_soon_as_there_is_something():
    """With `wait` and the last seq it waits; an event ends it, and so does the time."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        waiting = asyncio.create_task(gateway.snapshot(rebooking_id, wait="25", after="1"))
        while not gateway.client.app[RELAY]._followed:  # noqa: ASYNC110 - nobody is told when a rebooking is followed
            await asyncio.sleep(0)
        await gateway.tell_booking()
        snapshot = await waiting
        assert (snapshot["seq"], snapshot["sections"]["booking"]["state"]) == (2, "ready")
        assert (await gateway.snapshot(rebooking_id, wait="25", after="1"))["seq"] == 2
        assert (await gateway.snapshot(rebooking_id, wait="0.01", after="2"))["seq"] == 2


@pytest.mark.parametrize("query", [{"wait": "x"}, {"wait": "-1"}, {"wait": "nan"}, {"after": "-1"}, {"after": "1e3"}])
async def test_queries_that_are_refused(query: dict[str, str]) -> None:
    """Numbers are numbers."""
    async with a_gateway() as gateway:
        answer = await gateway.get(f"/v1/rebookings/{await gateway.start()}", **query)
        assert (answer.status, (await answer.json())["errors"][0]["field"]) == (422, next(iter(query)))


async def test_the_events_after_a_seq():
    """A JSON array of the frames, each with its seq."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        await gateway.tell_booking()
        events = await (await gateway.get(f"/v1/rebookings/{rebooking_id}/events", after="1")).json()
        assert [(one["seq"], one["name"], one["command_id"]) for one in events] == [(2, "booking.ready", "start")]


async def test_the_trace_is_carried_to_the_workers():
    """A W3C traceparent goes along in the message; a malformed one is replaced by a new trace."""
    async with a_gateway() as gateway:
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        await gateway.post("/v1/rebookings", START, traceparent=trace)
        await gateway.post("/v1/rebookings", {**START, "booking_id": "B2"}, traceparent="00-zz-yy-01")
        first, second = (one.traceparent for one in gateway.publisher.messages if isinstance(one, LookUpBooking))
        assert first == trace
        assert second is not None
        assert second != trace
        assert len(second) == len(trace)


async def test_too_many_commands_and_too_many_rebookings():
    """Commands are bounded in ten seconds, rebookings in an hour, each for a subject; others aren't touched."""
    async with a_gateway() as gateway:
        statuses = []
        for n in range(55):
            answer = await gateway.post("/v1/rebookings", {**START, "booking_id": f"B{n}"})
            statuses.append(answer.status)
            gateway.clock.move(1)
        assert statuses == [201] * 50 + [429] * 5
        other = await gateway.post("/v1/rebookings", START, token=a_token(ANOTHER_SUBJECT, now=gateway.clock.now()))
        assert other.status == 201
        gateway.clock.move(10)
        answers = [await gateway.post(f"/v1/rebookings/{'0' * 32}/ticket") for _ in range(31)]
        assert [one.status for one in answers] == [404] * 30 + [429]
        assert answers[-1].headers["Retry-After"] == "11"


async def test_a_rebooking_takes_so_many_commands_and_can_be_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody fills the event log; what is confirmed meanwhile is confirmed, and beginning again begins anew."""
    monkeypatch.setattr(rebookings, "COMMANDS_PER_REBOOKING", 4)
    async with a_gateway() as gateway:
        full = await gateway.to_summary()
        refused = await gateway.command(full, "choose_day", status=410, date="2026-02-03")
        assert refused["type"] == "urn:omboka:problem:expired"
        anew = await gateway.start()
        assert anew != full
        await gateway.command(full, "confirm")
        assert [row.rebooking_id for row in gateway.ledger.rows] == [full]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("GET", "/v1/rebookings/short", 404), ("DELETE", "/v1/me", 405)],
)
async def test_addresses_that_are_not_there(method: str, path: str, status: int) -> None:
    """Problems there too."""
    async with a_gateway() as gateway:
        answer = await gateway.client.request(method, path, headers=gateway.headers())
        assert (answer.status, answer.content_type) == (status, "application/problem+json")


async def test_me():
    """Who the token says you are, masked."""
    async with a_gateway() as gateway:
        body = await (await gateway.get("/v1/me")).json()
        assert body == {
            "name": "Tolvan Tolvansson",
            "masked_subject": "19121212-****",
            "acting_for": None,
            "expires_at": "2026-01-15T08:05:00.000Z",
        }


async def test_health_readiness_and_numbers():
    """Alive whatever is missing; ready only when nothing is, and each thing missing is named."""
    async with a_gateway() as gateway:
        ready = await gateway.client.get("/readyz")
        assert (ready.status, await ready.json()) == (200, {"status": "ready", "missing": []})
        gateway.publisher.broken = gateway.ledger.broken = gateway.events.broken = True
        ready = await gateway.client.get("/readyz")
        assert (ready.status, (await ready.json())["missing"]) == (503, ["event_log", "broker", "ledger"])
        assert (await gateway.client.get("/healthz")).status == 200
        numbers = await (await gateway.client.get("/metrics")).text()
        assert 'omboka_gateway_request_seconds_count{route="/readyz",status="503"}' in numbers


async def test_nothing_of_a_patient_is_in_the_access_log(caplog: pytest.LogCaptureFixture):
    """Neither token nor number nor query nor id: the route's pattern, status and time are all."""
    async with a_gateway() as gateway:
        with caplog.at_level(logging.DEBUG):
            rebooking_id = await gateway.start(booking_id="SECRET-BOOKING")
            await gateway.get(f"/v1/rebookings/{rebooking_id}", wait="0", after="0", token=a_token(phone="0701112233"))
        mine = "\n".join(one.getMessage() for one in caplog.records if one.name.startswith(("omboka", "services")))
        assert "GET /v1/rebookings/{id} 200" in mine
        for secret in (rebooking_id, SUBJECT, "SECRET", "0701112233", "eyJ", "after="):
            assert secret not in mine


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize(("language", "words"), [("sv", "Välj mottagning först."), ("en", "Choose a facility first.")])
async def test_no_facility_at_all_is_said_in_words(language: Language, words: str) -> None:
    """A choice that was forgotten, which a patient can mend, in the rebooking's own language: not a wrong form."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start(language=language)
        body = await gateway.command(rebooking_id, "choose_facilities", status=422, facilities=[])
        assert body["errors"] == [{"field": "facilities", "message": words}]


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(["choose_day", "give_details", "confirm", "retry", "choose_facilities"]), content=JSON)
def test_whatever_is_sent_as_a_command_is_checked(name: str, content: Any) -> None:
    """Any JSON at all is a command or a refusal that names its fields: never another exception."""
    value = {"id": "c1", "name": name, **content} if isinstance(content, dict) else content
    try:
        command = CLIENT_COMMAND.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        problem = refusals.of_validation(error, "sv").problem
        assert problem.status == 422
        assert problem.errors
    else:
        assert command.name == name


async def test_hostile_bodies_never_break_the_gateway():
    """Three hundred mutated commands: each is answered as a problem, none as an unforeseen one."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        await gateway.tell_booking()
        dice = random.Random(7)
        good = b'{"id": "c1", "name": "give_details", "comment": "hej", "phone": "070"}'
        for n in range(300):
            gateway.clock.move(1)
            body = bytearray(good)
            for _ in range(dice.randint(1, 6)):
                body[dice.randrange(len(body))] = dice.randrange(256)
            token = a_token(now=gateway.clock.now())
            answer = await gateway.client.post(
                f"/v1/rebookings/{rebooking_id}/commands",
                data=bytes(body),
                headers={"Authorization": f"Bearer {token}"},
            )
            assert answer.status == 422, (n, bytes(body), await answer.text())
