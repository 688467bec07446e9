"""The envelope: reading a request and finding its faults, and writing answers and SOAP faults."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from services.simulator.contracts import (
    CONTRACTS,
    HEADERS,
    PING,
    REGISTRY,
    SOAP,
    SUPPORTED,
    UPDATE,
    Contract,
    schema_faults,
)

TIME = "%Y%m%d%H%M%S"
DAY = "%Y%m%d"
LONGEST_WINDOW = 62
"""The most days that a search may span: two whole months (source: the flow rules, longest window)."""

_NOT_IN_UPDATE = ("cancel_booking_allowed", "rebooking_allowed", "message_allowed", "isInvitation")


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it was read. `faults` says what is wrong with it; `body` is None when there is none to speak of."""

    contract: Contract | None
    logical_address: str | None
    actor_id: str | None
    facility: str | None
    body: etree._Element | None
    faults: tuple[str, ...] = ()

    def text(self, name: str) -> str | None:
        """Give the text of the first element of that local name in the body, None when absent or empty."""
        return next(iter(self.texts(name)), None)

    def texts(self, name: str) -> tuple[str, ...]:
        """Give the texts of all elements of that local name in the body that aren't empty."""
        if self.body is None:
            return ()
        found = (element.text for element in self.body.iter(f"{{*}}{name}"))
        return tuple(text for text in found if text)

    def day(self, name: str) -> dt.date:
        """Give a day of the body; ValueError when it is no day."""
        return dt.datetime.strptime(self.text(name) or "", DAY).date()

    def time(self, name: str) -> dt.datetime:
        """Give a time of the body; ValueError when it is no time."""
        return dt.datetime.strptime(self.text(name) or "", TIME)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: HTTP status and body."""

    status: int
    body: bytes
    content_type: str = "text/xml"


def read_call(text: bytes, contract_name: str, http_headers: Mapping[str, str]) -> Call:
    """Read a request to an interaction, and find every fault in it; never raises."""
    contract = CONTRACTS.get(contract_name)
    if contract is None:
        return Call(None, None, None, None, None, (f"there is no contract {contract_name}",))
    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        root = etree.fromstring(text, parser)
    except etree.XMLSyntaxError as error:
        return Call(contract, None, None, None, None, (f"not XML: {error.msg}",))
    faults = _transport_faults(contract, root, http_headers)
    bodies = root.findall(f"{{{SOAP}}}Body/*")
    body = bodies[0] if len(bodies) == 1 else None
    if body is None or body.tag != f"{{{contract.namespace}}}{contract.name}":
        return Call(contract, None, None, None, None, (*faults, f"soap:Body must hold one {contract.name}"))
    faults += schema_faults(body)
    address, address_faults = _header(root, REGISTRY, "LogicalAddress", wanted=True)
    _, actor_faults = _header(root, HEADERS, "Actor", wanted=contract.has_actor)
    actor_id = root.findtext(f"{{{SOAP}}}Header/{{{HEADERS}}}Actor/{{{HEADERS}}}actorId")
    call = Call(contract, address, actor_id, None, body)
    facility = _facility(call)
    faults += address_faults + actor_faults
    if not faults:
        faults += _rule_faults(call, facility)
    return Call(contract, address, actor_id, facility, body, tuple(faults))


def envelope(content: etree._Element) -> bytes:
    """Put an element into a SOAP 1.1 envelope."""
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soapenv": SOAP})
    etree.SubElement(root, f"{{{SOAP}}}Body").append(content)
    etree.cleanup_namespaces(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def fault(text: str, *, side: str = "Server", detail: str | None = None, status: int = 500) -> Answer:
    """Make a SOAP 1.1 fault; `detail` becomes detail/detailString (source: contract description 4.2)."""
    root = etree.Element(f"{{{SOAP}}}Fault", nsmap={"soapenv": SOAP})
    etree.SubElement(root, "faultcode").text = f"soapenv:{side}"
    etree.SubElement(root, "faultstring").text = text
    if detail is not None:
        etree.SubElement(etree.SubElement(root, "detail"), "detailString").text = detail
    return Answer(status, envelope(root))


def _transport_faults(contract: Contract, root: etree._Element, headers: Mapping[str, str]) -> list[str]:
    faults = []
    if root.getroottree().docinfo.internalDTD is not None:
        faults.append("a SOAP message must not have a DOCTYPE")
    if root.tag != f"{{{SOAP}}}Envelope":
        faults.append("the root must be a SOAP 1.1 Envelope")
    if not headers.get("Content-Type", "").lower().startswith("text/xml"):
        faults.append("Content-Type must be text/xml")
    if headers.get("SOAPAction", "").strip('"') != contract.soap_action:
        faults.append(f"SOAPAction must be {contract.soap_action}")
    return faults


def _header(root: etree._Element, namespace: str, name: str, *, wanted: bool) -> tuple[str | None, list[str]]:
    found = root.findall(f"{{{SOAP}}}Header/{{{namespace}}}{name}")
    if len(found) != 1:
        return None, [f"the header must hold one {name}"] if wanted or found else []
    text = found[0].text
    faults = schema_faults(found[0])
    if text and not len(found[0]) and text != text.strip():
        faults.append(f"{name} must not have blanks around it")
    return text, faults


def _facility(call: Call) -> str | None:
    names = {SUPPORTED: "logicalAdress", PING: "logicalAddress"}
    name = names.get(call.contract.name if call.contract else "", "healthcare_facility")
    return call.text(name)


def _rule_faults(call: Call, facility: str | None) -> list[str]:
    assert call.contract is not None
    assert call.body is not None
    faults = [
        f"{etree.QName(element).localname}: an element without a value must be left out"
        for element in call.body.iter(etree.Element)
        if not len(element) and not (element.text or "").strip()
    ]
    if not call.contract.has_actor:
        return faults
    if (call.logical_address or "").upper() != (facility or "").upper():
        faults.append("LogicalAddress and healthcare_facility must be the same")
    if not call.actor_id:
        faults.append("actorId must have a value")
    if call.text("startDateInclusive"):
        faults += _window_faults(call)
    if call.contract.name == UPDATE:
        faults += _update_faults(call)
    return faults


def _window_faults(call: Call) -> list[str]:
    try:
        days = (call.day("endDateInclusive") - call.day("startDateInclusive")).days + 1
    except ValueError:
        return ["startDateInclusive and endDateInclusive must be days"]
    if days < 1:
        return ["endDateInclusive must not be before startDateInclusive"]
    return [f"a search must not span more than {LONGEST_WINDOW} days"] if days > LONGEST_WINDOW else []


def _update_faults(call: Call) -> list[str]:
    wanted = ("startTimeInclusive", "endTimeExclusive", "bookingId", "subject_of_care")
    faults = [f"{name}: must be in requestedTimeslot" for name in wanted if not call.text(name)]
    faults += [f"{name}: must be left out of UpdateBooking" for name in _NOT_IN_UPDATE if call.texts(name)]
    try:
        call.time("startTimeInclusive"), call.time("endTimeExclusive")
    except ValueError:
        faults.append("startTimeInclusive and endTimeExclusive must be times")
    return faults
