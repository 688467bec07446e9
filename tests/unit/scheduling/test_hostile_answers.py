"""Answers that mean harm: refused before they cost anything, however they are disguised."""

from __future__ import annotations

import pytest

from shared.contracts.model import Interaction
from shared.scheduling.answers import MOST_ELEMENTS, read_answer
from shared.scheduling.failures import ProducerFault, SchedulingFailure, Unreadable
from shared.scheduling.interactions import get_booking_details
from tests.builders.soap import a_fault, an_answer, an_envelope

ANSWER = an_envelope(an_answer(Interaction.GET_BOOKING_DETAILS, ""))
PURPOSE = (
    "<r:timeslotDetail><c:purpose><![CDATA[<!DOCTYPE article><article>Hej</article>]]></c:purpose></r:timeslotDetail>"
)


def read(body: bytes) -> SchedulingFailure | None:
    """The failure that an answer ends in, if it does."""
    try:
        read_answer(Interaction.GET_BOOKING_DETAILS, 200, body)
    except SchedulingFailure as failure:
        return failure
    return None


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE s:Envelope>" + ANSWER,
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + ANSWER,
        b"\xef\xbb\xbf \n<!DOCTYPE a>" + ANSWER,
        b'<?xml version="1.0"?><!-- > --><?x y?>' + b" " * 100_000 + b"<!DOCTYPE a>" + ANSWER,
        b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-' + ANSWER,
        (b"<!DOCTYPE a>" + ANSWER).decode().encode("utf-16"),
        (b"<!DOCTYPE a>" + ANSWER).decode().encode("utf-16-le"),
        b"<!-- " * 2000 + b"<!DOCTYPE a>" + ANSWER,
        b"<!---->" * 50_000 + b"<!DOCTYPE a>" + ANSWER,
    ],
    ids=["plain", "external", "after blanks", "far away", "UTF-7", "UTF-16", "without its mark", "open", "many"],
)
def test_a_document_type_is_refused_wherever_it_hides(body: bytes) -> None:
    """No DTD is ever parsed: entities, and files and addresses behind them, have no way in."""
    assert isinstance(read(body), Unreadable)


def holding(content: bytes) -> bytes:
    """A right answer with something more in it."""
    return an_envelope(an_answer(Interaction.GET_BOOKING_DETAILS, "<r:x/>")).replace(b"<r:x/>", content)


@pytest.mark.parametrize(
    "body",
    [
        holding(b"<b/>" * (2 * MOST_ELEMENTS)),
        b'<?xml version="1.0" encoding="UTF-7"?>' + holding(b"+ADw-b/+AD4-"),
        holding(b"<a>" * 1000 + b"</a>" * 1000),
    ],
    ids=["many", "disguised", "deep"],
)
def test_a_flood_of_elements_is_refused(body: bytes) -> None:
    """A few megabytes of empty elements would take hundreds of megabytes of memory."""
    assert isinstance(read(body), Unreadable)


@pytest.mark.parametrize(
    "body",
    [
        ANSWER,
        b"\xef\xbb\xbf\r\n" + ANSWER,
        b"<?xml version='1.0' encoding='utf-8'?><!-- made by -->" + ANSWER,
        b'<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>' + ANSWER,
    ],
    ids=["bare", "a mark", "a comment", "Latin"],
)
def test_harmless_forms_are_read(body: bytes) -> None:
    """What booking systems do put before the envelope costs nothing."""
    assert read(body) is None


def test_a_document_type_within_a_text_is_only_text() -> None:
    """A purpose in DocBook may come whole, with its own document type, as character data."""
    body = an_envelope(an_answer(Interaction.GET_BOOKING_DETAILS, PURPOSE))

    booking = get_booking_details.from_wire(read_answer(Interaction.GET_BOOKING_DETAILS, 200, body))

    assert booking is not None
    assert booking.purpose == "<!DOCTYPE article><article>Hej</article>"


@pytest.mark.parametrize(
    "body",
    [b"<x>191212121212", b"<x>&hemligt191212121212;</x>", a_fault("191212121212 Larsson")],
    ids=["cut off", "an entity", "a fault"],
)
def test_nothing_of_an_answer_is_carried_along(body: bytes) -> None:
    """Neither in the failure's text nor in what it came from: only a SHA-256."""
    failure = read(body)

    assert isinstance(failure, Unreadable | ProducerFault)
    assert failure.body_sha256 is not None
    assert "1912" not in str(failure)
    assert failure.__context__ is None
    assert failure.__cause__ is None
