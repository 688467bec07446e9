"""Answers: from bytes to the one element that was asked for, or to one of our failures.

Bounded before it is parsed and while it is; no DTD, no entity, no network. Nothing of a body gets into a failure but
its SHA-256. Source: the reliability rules 4.2; contract description 4.2.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

from lxml import etree

from shared.contracts.model import Interaction, ResultCode, UpdateResult
from shared.scheduling.failures import HttpFailure, PlatformFault, ProducerFault, SchedulingFailure, Unreadable
from shared.scheduling.names import response_element
from shared.scheduling.reading import children, local_name

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SCHEMAS = Path(__file__).parent / "wsdl" / "xsd"
MOST_ELEMENTS = 100_000
_VP_CODE = re.compile(r"\s*(VP\d{3})\b")
_DOCTYPE = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


def read_answer(interaction: Interaction, status: int, body: bytes) -> etree._Element:
    """Give the response element of an answer. Raises SchedulingFailure."""
    digest = hashlib.sha256(body).hexdigest()
    envelope = _envelope(status, body, digest)
    content = _content(envelope, status, digest)
    if local_name(content) == "Fault":
        raise _fault(content, status, digest)
    if status != 200:
        raise Unreadable(f"an answer with HTTP status {status}", http_status=status, body_sha256=digest)
    if content.tag != response_element(interaction):
        raise Unreadable("the answer holds another element than the one asked for", body_sha256=digest)
    return content


def read_update_result(status: int, body: bytes) -> UpdateResult:
    """Read UpdateBooking's answer strictly: valid against the schema, exactly one known result code."""
    content = read_answer(Interaction.UPDATE_BOOKING, status, body)
    if not _update_schema().validate(content):
        raise Unreadable(
            "the answer to UpdateBooking breaks its schema",
            http_status=status,
            body_sha256=hashlib.sha256(body).hexdigest(),
        )
    code = next(children(content, "resultCode")).text or ""
    text = next((child.text for child in children(content, "resultText")), None)
    return UpdateResult(code=ResultCode(code), text=text if text and text.strip() else None)


def _envelope(status: int, body: bytes, digest: str) -> etree._Element:
    failure: SchedulingFailure
    if status == 200:
        failure = Unreadable("the answer isn't a SOAP envelope", http_status=status, body_sha256=digest)
    else:
        failure = HttpFailure(f"HTTP status {status}", http_status=status, body_sha256=digest)
    if not body.strip() or _refers_to_a_dtd(body):
        raise failure
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise failure from None
    if root.tag != f"{{{SOAP}}}Envelope":
        raise failure
    if sum(1 for _ in zip(root.iter(), range(MOST_ELEMENTS + 1), strict=False)) > MOST_ELEMENTS:
        raise failure
    return root


def _refers_to_a_dtd(body: bytes) -> bool:
    start = body[:65_536]
    if _DOCTYPE.search(start):
        return True
    # UTF-16 hides the words from a search of bytes; nobody in this field sends it.
    return start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in start[:64]


def _content(envelope: etree._Element, status: int, digest: str) -> etree._Element:
    bodies = list(children(envelope, "Body"))
    contents = [child for body in bodies for child in body if local_name(child)]
    if len(bodies) != 1 or len(contents) != 1:
        raise Unreadable(
            f"the answer's Body holds {len(contents)} elements instead of one", http_status=status, body_sha256=digest
        )
    return contents[0]


def _fault(fault: etree._Element, status: int, digest: str) -> SchedulingFailure:
    # Only the platform's code is taken out: a fault's text may hold anything, a patient's data too.
    texts = (element.text or "" for element in fault.iter() if local_name(element) in ("faultstring", "Text"))
    for text in texts:
        if found := _VP_CODE.match(text):
            code = found.group(1)
            return PlatformFault(f"platform fault {code}", vp_code=code, http_status=status, body_sha256=digest)
    return ProducerFault("SOAP fault", http_status=status, body_sha256=digest)


@cache
def _update_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMAS / "UpdateBooking.xsd")))
