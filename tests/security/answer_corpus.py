"""Hostile and odd answers of booking systems, by name: what the fuzzers start from, each a plain value.

Source: the reliability rules 4.2. A file for each in `tests/security/answers` is what a fuzzer found worth keeping.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from shared.contracts.model import Interaction
from tests.builders.soap import a_fault, an_answer, an_envelope, an_update_answer

FOLDER = Path(__file__).parent / "answers"

PATIENT = "191212121212"
TIMESLOT = (
    "<r:timeslotDetail><c:startTimeInclusive>20260121080000</c:startTimeInclusive>"
    "<c:endTimeExclusive>20260121082000</c:endTimeExclusive><c:healthcare_facility>SE2321000016-1HZ5"
    "</c:healthcare_facility><c:performer>SE2321000016-2ABC</c:performer><c:bookingId>b1</c:bookingId>"
    f"<c:subject_of_care>{PATIENT}</c:subject_of_care><c:purpose>Besök &amp; samtal</c:purpose><c:reason>Ont</c:reason>"
    "<c:resourceName>Rum 1</c:resourceName><c:performerName>Eva Ek</c:performerName><c:timeTypeName>Läkarbesök"
    "</c:timeTypeName><c:timeTypeID>t1</c:timeTypeID><c:rebooking_allowed>true</c:rebooking_allowed>"
    "<e:message_allowed>1</e:message_allowed><e:isInvitation>false</e:isInvitation></r:timeslotDetail>"
)
CONTENTS: dict[Interaction, str] = {
    Interaction.UPDATE_BOOKING: "<r:resultCode>OK</r:resultCode><r:resultText>Klart</r:resultText>",
    Interaction.GET_BOOKING_DETAILS: TIMESLOT,
    Interaction.GET_SUBJECT_OF_CARE_SCHEDULE: TIMESLOT * 2,
    Interaction.GET_AVAILABLE_TIMESLOTS: TIMESLOT * 3,
    Interaction.GET_AVAILABLE_DATES: (
        "<r:performerAvailabilityByDate><c:date>20260121</c:date><c:healthcare_facility>SE2321000016-1HZ5"
        "</c:healthcare_facility><c:performer>SE1</c:performer></r:performerAvailabilityByDate>"
    ),
    Interaction.GET_ALL_PERFORMERS: (
        "<r:performerInfos><c:perfomer>SE2321000016-2ABC</c:perfomer><c:firstName>Eva</c:firstName>"
        "<c:lastName>Ek</c:lastName><c:title>Läkare</c:title></r:performerInfos>"
    ),
    Interaction.GET_ALL_HEALTHCARE_FACILITIES: (
        "<r:healthcareFacilityInfos><c:healthcare_facility>SE2321000016-1HZ5</c:healthcare_facility>"
        "<c:healthcare_facility_name>Lindängen</c:healthcare_facility_name></r:healthcareFacilityInfos>"
    ),
    Interaction.GET_SUPPORTED_SERVICE_CONTRACTS: (
        "<r:serviceContractNamespace><r:serviceContractNamespace>"
        "urn:riv:crm:scheduling:GetBookingDetailsResponder:1</r:serviceContractNamespace></r:serviceContractNamespace>"
    ),
    Interaction.PING_FOR_CONFIGURATION: "<r:pingDateTime>20260115080000</r:pingDateTime><r:version>1.2</r:version>",
}
"""A right answer's content for each interaction."""


def right_answers() -> dict[Interaction, bytes]:
    """A right answer to each interaction."""
    return {one: an_envelope(an_answer(one, content)) for one, content in CONTENTS.items()}


@cache
def hostile_answers() -> dict[str, tuple[int, bytes]]:
    """Every case of the table that a whole body can show, for UpdateBooking: status and body."""
    right = an_update_answer("OK", "Klart")
    inner = right.partition(b"<s:Body>")[2].partition(b"</s:Body>")[0]
    another = an_envelope(an_answer(Interaction.GET_BOOKING_DETAILS, "<r:resultCode>OK</r:resultCode>"))

    def holding(content: bytes) -> bytes:
        return right.replace(b"</s:Body>", content + b"</s:Body>")

    return {
        "right": (200, right),
        "info": (200, an_update_answer("INFO", "Ring oss")),
        "rejected": (200, an_update_answer("ERROR", "Tiden är upptagen")),
        "xxe file": (200, b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + right.replace(b"Klart", b"&x;")),
        "xxe address": (200, b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x">%x;]>' + right),
        "doctype": (200, b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x">' + right),
        "billion laughs": (
            200,
            b'<!DOCTYPE a [<!ENTITY a "ha">'
            + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
            + b"]>"
            + right.replace(b"Klart", b"&j;"),
        ),
        "deep": (200, holding(b"<a>" * 200_000 + b"</a>" * 200_000)),
        "long text": (200, right.replace(b"Klart", b"x" * 900_000)),
        "many elements": (200, holding(b"<a/>" * 200_000)),
        "many attributes": (200, holding(b"<a " + b" ".join(b'a%d=""' % n for n in range(20_000)) + b"/>")),
        "compressed": (200, gzip.compress(right)),
        "latin 1 as utf-8": (200, right.replace(b"Klart", "Ändrad".encode("latin-1"))),
        "utf-16": (200, right.decode().encode("utf-16")),
        "html": (200, b"<html><body>Inloggning</body></html>"),
        "html 503": (503, b"<html><body>Service Unavailable</body></html>"),
        "empty": (200, b""),
        "empty 503": (503, b""),
        "not found": (404, b"not here"),
        "cut": (200, right[: len(right) // 2]),
        "other element": (200, another),
        "two answers": (200, right.replace(inner, inner * 2)),
        "two bodies": (200, right.replace(b"</s:Body>", b"</s:Body><s:Body>" + inner + b"</s:Body>")),
        "no code": (200, an_envelope(an_answer(Interaction.UPDATE_BOOKING, ""))),
        "wrong code": (200, an_update_answer("YES")),
        "code with blanks": (200, an_update_answer(" OK ")),
        "small code": (200, an_update_answer("ok")),
        "two codes": (200, right.replace(b"OK</r:resultCode>", b"OK</r:resultCode><r:resultCode>ERROR</r:resultCode>")),
        "code in a comment": (200, right.replace(b">OK<", b"><!--OK-->ERROR<")),
        "wrong namespace": (200, right.replace(b"UpdateBookingResponder:1", b"UpdateBookingResponder:2")),
        "wrong envelope": (
            200,
            right.replace(b"schemas.xmlsoap.org/soap/envelope/", b"www.w3.org/2003/05/soap-envelope"),
        ),
        "empty body": (200, an_envelope(b"")),
        "ok with 500": (500, right),
        "fault": (500, a_fault("Något gick fel")),
        "fault with 200": (200, a_fault("Något gick fel")),
        "not routed": (500, a_fault("VP004 No logical address")),
        "platform": (500, a_fault("VP009 Connection reset")),
        "platform in a text": (500, a_fault("Fel: VP004")),
        "fault and answer": (200, holding(a_fault("VP004").partition(b"<s:Body>")[2].partition(b"</s:Body>")[0])),
        "null": (200, right.replace(b"Klart", b"&#0;")),
        "surrogate": (200, right.replace(b"Klart", b"\xed\xa0\x80")),
        "processing instruction": (200, b"<?xml-stylesheet href='x'?>" + right),
        "binary": (200, bytes(range(256)) * 4),
    }
