"""The whole reader of booking systems' answers, as a fuzzer calls it: any bytes in, a foreseen end out.

What the reader believes is judged by another parser. tests/security/test_fuzz_answers.py calls it with thousands of
changed answers, tests/security/atheris_answers.py has atheris look for more.
"""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from pydantic import BaseModel

from services.booking.classify import Proves, classify
from shared.contracts.civil_time import CivilTime
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Interaction, UpdateResult
from shared.scheduling.answers import read_answer, read_update_result
from shared.scheduling.failures import SchedulingFailure
from shared.scheduling.interactions import (
    get_all_healthcare_facilities,
    get_all_performers,
    get_available_dates,
    get_available_timeslots,
    get_booking_details,
    get_subject_of_care_schedule,
    get_supported_service_contracts,
    ping_for_configuration,
)
from shared.scheduling.names import response_element
from tests.security.answer_corpus import hostile_answers, right_answers

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
STATUSES = (200, 500, 503, 404, 302, 413)
READ: dict[Interaction, Callable[[Any], Any]] = {
    Interaction.GET_BOOKING_DETAILS: get_booking_details.from_wire,
    Interaction.GET_SUBJECT_OF_CARE_SCHEDULE: get_subject_of_care_schedule.from_wire,
    Interaction.GET_AVAILABLE_TIMESLOTS: get_available_timeslots.from_wire,
    Interaction.GET_AVAILABLE_DATES: get_available_dates.from_wire,
    Interaction.GET_ALL_PERFORMERS: get_all_performers.from_wire,
    Interaction.GET_ALL_HEALTHCARE_FACILITIES: get_all_healthcare_facilities.from_wire,
    Interaction.GET_SUPPORTED_SERVICE_CONTRACTS: get_supported_service_contracts.from_wire,
    Interaction.PING_FOR_CONFIGURATION: ping_for_configuration.from_wire,
}
INTERACTIONS = (Interaction.UPDATE_BOOKING, *READ)


class WrongOutcome(AssertionError):
    """Raised when the reader believes what an answer doesn't say."""


def read_whole(interaction: Interaction, status: int, body: bytes) -> object:
    """Read an answer as the client does and judge what came of it; gives the value or the failure.

    Raises WrongOutcome, or whatever the reader should have caught.
    """
    try:
        if interaction is Interaction.UPDATE_BOOKING:
            found: object = read_update_result(status, body)
        else:
            found = READ[interaction](read_answer(interaction, status, body))
    except SchedulingFailure as failure:
        if len(str(failure)) > 200 or failure.__context__ is not None:
            raise WrongOutcome("a failure carries something of the answer along") from failure
        found = failure
    if interaction is Interaction.UPDATE_BOOKING:
        _judge_update(status, body, found)
    elif not isinstance(found, SchedulingFailure):
        _judge_look_up(interaction, status, body, found)
    return found


def _judge_update(status: int, body: bytes, found: object) -> None:
    """Another parser, and the contract word by word: only a plain OK, INFO or ERROR may be believed."""
    assert isinstance(found, UpdateResult | SchedulingFailure)
    proven = classify(found)
    if proven in (Proves.CLAIMS_CONFIRMED, Proves.CLAIMS_REJECTED):
        said = _said(status, body)
        told = "ERROR" if proven is Proves.CLAIMS_REJECTED else "OK or INFO"
        if said not in (("ERROR",) if proven is Proves.CLAIMS_REJECTED else ("OK", "INFO")):
            raise WrongOutcome(f"read as {told}, and the answer says {said}")
    elif proven is Proves.CLAIMS_NEVER_WILL_BE and status not in (401, 403, 404, 413):
        raise WrongOutcome(f"read as {proven}, which its status doesn't say")
    elif proven in (Proves.NOT_SENT, Proves.NEVER_WILL_BE) and (b"Fault" not in body or b"VP0" not in body):
        raise WrongOutcome(f"read as {proven}, which nothing in the answer proves")


def _said(status: int, body: bytes) -> str | None:
    """The result code that an answer states beyond doubt, by Python's own parser; None when there is a doubt."""
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    bodies = [one for one in root if one.tag.rpartition("}")[2] == "Body"]
    if status != 200 or root.tag != f"{SOAP}Envelope" or len(bodies) != 1 or len(bodies[0]) != 1:
        return None
    answer = bodies[0][0]
    if answer.tag != response_element(Interaction.UPDATE_BOOKING):
        return None
    codes = [one for one in answer if one.tag.rpartition("}")[2] == "resultCode"]
    texts = [one for one in answer if one.tag.rpartition("}")[2] == "resultText"]
    if len(codes) != 1 or len(texts) > 1 or len(codes[0]):
        return None
    return codes[0].text


def _judge_look_up(interaction: Interaction, status: int, body: bytes, found: object) -> None:
    """Each text of what was read stands in the answer, and the answer is one to what was asked."""
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError):
        return  # lxml reads a little more than expat does: encodings of which the latter knows nothing
    if status != 200 or response_element(interaction) not in {one.tag for one in root.iter()}:
        raise WrongOutcome(f"something was read of an answer that isn't one to {interaction.value}")
    if interaction is Interaction.GET_SUPPORTED_SERVICE_CONTRACTS:
        return  # its values are our own names
    said = {"".join((one.text or "").split()) for one in root.iter()}
    for text in _texts(found):
        if not any("".join(text.split()) in one for one in said) and text != "unknown version":
            raise WrongOutcome(f"a value was read that the answer to {interaction.value} doesn't hold")


def _texts(found: object) -> Iterator[str]:
    match found:
        case None | bool() | CivilTime() | dt.date() | Enum():
            return
        case SubjectOfCareId():
            yield found.reveal()
        case str():
            yield found
        case BaseModel():
            for name in type(found).model_fields:
                yield from _texts(getattr(found, name))
        case tuple() | list() | frozenset():
            for one in found:
                yield from _texts(one)
        case _:
            raise TypeError(f"a value of an unforeseen kind: {type(found).__name__}")


def one_input(data: bytes) -> None:
    """What atheris calls: the first byte chooses what was asked, the second the status, the rest is the body."""
    if len(data) >= 2:
        read_whole(INTERACTIONS[data[0] % len(INTERACTIONS)], STATUSES[data[1] % len(STATUSES)], data[2:])


def corpus() -> dict[str, bytes]:
    """The corpus as such inputs, by name."""
    right = {f"right {one.value}": bytes([INTERACTIONS.index(one), 0]) + body for one, body in right_answers().items()}
    hostile = {
        f"{name} {n}": bytes([n, STATUSES.index(status)]) + body
        for name, (status, body) in hostile_answers().items()
        for n in (0, 1)
    }
    return right | hostile
