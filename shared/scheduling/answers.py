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
"""About as many as 5 MiB of timeslots hold; empty elements could be ten times as many, at 200 bytes of memory each."""

ENCODINGS = frozenset({b"utf-8", b"utf8", b"us-ascii", b"iso-8859-1", b"iso-8859-15", b"latin1", b"windows-1252"})
"""Encodings in which `<` is the byte `<`: in others a DTD or a flood of elements can hide from a search of bytes."""

_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?=<[^\0])")
_ENCODING = re.compile(rb"<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([A-Za-z0-9._\-]*)[\"']")
# Possessive, so that a prolog of many comments can't make the search slow.
_DOCTYPE = re.compile(rb"(?:\s|<\?(?>.*?\?>)|<!--(?>.*?-->))*+<!(?!--)", re.DOTALL)
# A code that isn't in the list proves nothing of what the platform did, so it counts as anybody's fault.
_VP_CODE = re.compile(r"\s*(VP0(?:0[1-9]|1[0-5]))\b")


def read_answer(
    interaction: Interaction, status: int, body: bytes, *, retry_after: float | None = None
) -> etree._Element:
    """Give the response element of an answer. Raises SchedulingFailure."""
    digest = hashlib.sha256(body).hexdigest()
    envelope = _envelope(status, body, digest, retry_after)
    content = _content(envelope, status, digest)
    if local_name(content) == "Fault":
        raise _fault(content, status, digest)
    if status != 200:
        raise Unreadable(f"an answer with HTTP status {status}", http_status=status, body_sha256=digest)
    if content.tag != response_element(interaction):
        raise Unreadable("the answer holds another element than the one asked for", body_sha256=digest)
    return content


def read_update_result(status: int, body: bytes, *, retry_after: float | None = None) -> UpdateResult:
    """Read UpdateBooking's answer strictly: valid against the schema, exactly one known result code.

    Raises SchedulingFailure: Unreadable for whatever can't be believed.
    """
    content = read_answer(Interaction.UPDATE_BOOKING, status, body, retry_after=retry_after)
    if not _update_schema().validate(content):
        raise Unreadable(
            "the answer to UpdateBooking breaks its schema",
            http_status=status,
            body_sha256=hashlib.sha256(body).hexdigest(),
        )
    code = next(children(content, "resultCode")).text or ""
    text = next((child.text for child in children(content, "resultText")), None)
    return UpdateResult(code=ResultCode(code), text=text if text and text.strip() else None)


def _envelope(status: int, body: bytes, digest: str, retry_after: float | None) -> etree._Element:
    root = _parse(body)
    if root is not None and root.tag == f"{{{SOAP}}}Envelope":
        return root
    if status == 200:
        raise Unreadable("the answer isn't a SOAP envelope", http_status=status, body_sha256=digest)
    raise HttpFailure(f"HTTP status {status}", http_status=status, body_sha256=digest, retry_after=retry_after)


def _parse(body: bytes) -> etree._Element | None:
    """The root element; None for what isn't XML, or not the harmless XML that this field sends."""
    if not _is_harmless(body):
        return None
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        # The parser's own words quote the body: they end here.
        return None
    return root if root.getroottree().docinfo.internalDTD is None else None


def _is_harmless(body: bytes) -> bool:
    start = _START.match(body)
    if start is None or body.count(b"<") > 2 * MOST_ELEMENTS:
        return False
    declared = _ENCODING.match(body, start.end())
    if declared and declared.group(1).lower() not in ENCODINGS:
        return False
    return _DOCTYPE.match(body, start.end()) is None


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
    # Nor does a code inside `detail` count: that is what somebody behind the booking system was told.
    for element in children(fault, "faultstring"):
        if found := _VP_CODE.match(element.text or ""):
            code = found.group(1)
            return PlatformFault(f"platform fault {code}", vp_code=code, http_status=status, body_sha256=digest)
    return ProducerFault("SOAP fault", http_status=status, body_sha256=digest)


@cache
def _update_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMAS / "UpdateBooking.xsd")))
