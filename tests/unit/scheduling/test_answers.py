"""Answers that aren't what was asked for: each ends as one of our failures, with nothing of the body in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.model import Interaction, ResultCode
from shared.scheduling.answers import read_answer, read_update_result
from shared.scheduling.failures import (
    HttpFailure,
    PlatformFault,
    ProducerFault,
    SchedulingFailure,
    Sent,
    Unreadable,
)
from tests.builders.soap import a_fault, an_answer, an_envelope, an_update_answer

SECRET = "191212121212"
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + an_update_answer()
OTHER = an_envelope(an_answer(Interaction.GET_BOOKING_DETAILS, "<r:resultCode>OK</r:resultCode>"))
TWO = an_envelope(
    b"".join([b'<r:UpdateBookingResponse xmlns:r="urn:riv:crm:scheduling:UpdateBookingResponder:1"/>'] * 2)
)

BROKEN: list[tuple[str, int, bytes, type[SchedulingFailure]]] = [
    ("not XML", 200, b"OK", Unreadable),
    ("empty", 200, b"", Unreadable),
    ("HTML", 200, b"<html><body>OK</body></html>", Unreadable),
    ("truncated", 200, an_update_answer()[:-20], Unreadable),
    ("an empty Body", 200, an_envelope(b""), Unreadable),
    ("another element", 200, OTHER, Unreadable),
    ("two answers", 200, TWO, Unreadable),
    ("a DTD", 200, BOMB, Unreadable),
    ("UTF-16, which hides a DTD", 200, BOMB.decode().encode("utf-16"), Unreadable),
    ("too deep", 200, an_envelope(b"<a>" * 5000 + b"</a>" * 5000), Unreadable),
    ("too many elements", 200, an_envelope(b"<a>" + b"<b/>" * 120_000 + b"</a>"), Unreadable),
    ("OK with HTTP 500", 500, an_update_answer(), Unreadable),
    ("no result code", 200, an_envelope(an_answer(Interaction.UPDATE_BOOKING, "")), Unreadable),
    ("an unknown result code", 200, an_update_answer("YES"), Unreadable),
    ("a result code in lower case", 200, an_update_answer("ok"), Unreadable),
    ("HTTP 503 with HTML", 503, b"<html/>", HttpFailure),
    ("HTTP 404 with nothing", 404, b"", HttpFailure),
    ("a fault", 500, a_fault(f"fel {SECRET}"), ProducerFault),
    ("a fault with HTTP 200", 200, a_fault("fel"), ProducerFault),
    ("a platform fault", 500, a_fault("VP009 [NTJP] Fel"), PlatformFault),
]


@pytest.mark.parametrize(("status", "body", "failure"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_answer_is_a_failure_without_its_body(
    status: int, body: bytes, failure: type[SchedulingFailure]
) -> None:
    """Each row of the table; the text is ours, and a SHA-256 is all that is kept."""
    with pytest.raises(failure) as caught:
        read_update_result(status, body)
    assert type(caught.value) is failure
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("code", "text", "kept"),
    [("OK", None, None), ("OK", "", None), ("INFO", "Kom fastande.", "Kom fastande."), ("ERROR", " \n", None)],
)
def test_a_right_answer_is_read(code: str, text: str | None, kept: str | None) -> None:
    """The three codes; an empty text is none."""
    result = read_update_result(200, an_update_answer(code, text))
    assert (result.code, result.text) == (ResultCode(code), kept)


@pytest.mark.parametrize(
    ("text", "code", "sent"),
    [
        ("VP004 [NTJP] Ingen mottagare", "VP004", Sent.NO),
        ("VP007 Not authorised", "VP007", Sent.NO),
        ("VP009 Exception", "VP009", Sent.UNKNOWN),
        (" VP012 x", "VP012", Sent.NO),
    ],
)
def test_the_platforms_code_says_whether_it_was_sent_on(text: str, code: str, sent: Sent) -> None:
    """Only VP009 comes after the platform has turned to the booking system."""
    with pytest.raises(PlatformFault) as caught:
        read_answer(Interaction.GET_BOOKING_DETAILS, 500, a_fault(text))
    assert (caught.value.vp_code, caught.value.sent) == (code, sent)


@given(st.binary(max_size=400))
def test_no_bytes_whatever_raise_anything_else(body: bytes) -> None:
    """An answer is read, or it is a SchedulingFailure."""
    with pytest.raises(SchedulingFailure):
        read_update_result(200, body)


@given(st.data())
def test_no_mutation_of_a_right_answer_raises_anything_else(data: st.DataObject) -> None:
    """Bytes changed, cut and inserted: read as one of the three codes, or a failure."""
    body = bytearray(an_update_answer("INFO", "Kom fastande."))
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(body) - 1))
        body[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        if not body:
            return
    try:
        assert read_update_result(200, bytes(body)).code in ResultCode
    except SchedulingFailure:
        return
