"""Reads WSDL and XSD documents into plain values that can be compared, whoever wrote them.

What is compared is what can be seen on the wire: names, namespaces, order, cardinality, values, soapActions and
headers; not the names of types nor the words of a documentation. Where the official documents are to be found:
`OMBOKA_RIVTA`, or the folder `shared/rivta` beside the repository; they aren't part of this project.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import pathname2url

from lxml import etree

ROOT = Path(__file__).parents[3]
OWN = ROOT / "shared" / "scheduling" / "wsdl"
OFFICIAL = Path(os.environ.get("OMBOKA_RIVTA") or ROOT.parent / "shared" / "rivta")

XS = "http://www.w3.org/2001/XMLSchema"
WSDL = "http://schemas.xmlsoap.org/wsdl/"
SOAP = "http://schemas.xmlsoap.org/wsdl/soap/"

SCHEDULING = (
    "GetSubjectOfCareSchedule",
    "GetBookingDetails",
    "GetAllHealthcareFacilities",
    "GetAllPerformers",
    "GetAvailableDates",
    "GetAvailableTimeslots",
    "UpdateBooking",
)
DOMAINS = {
    **dict.fromkeys(SCHEDULING, "crm:scheduling"),
    "PingForConfiguration": "itintegration:monitoring",
    "GetSupportedServiceContracts": "itintegration:registry",
}
"""Every interaction and the domain that it belongs to."""


@dataclass(frozen=True)
class Documents:
    """A set of documents: the WSDL of each interaction."""

    wsdls: dict[str, Path]


def own_documents() -> Documents:
    """The project's own documents."""
    return Documents({name: OWN / f"{name}.wsdl" for name in DOMAINS})


def official_documents() -> Documents | None:
    """The official documents where they are to be found, None where they aren't."""
    folders = {
        "crm:scheduling": ("crm_scheduling_1.1", "1.1"),
        "itintegration:monitoring": ("itintegration_monitoring", "1.0"),
        "itintegration:registry": ("itintegration_registry", "1.0"),
    }
    wsdls = {}
    for name, domain in DOMAINS.items():
        folder, version = folders[domain]
        file = f"{name}Interaction_{version}_RIVTABP21.wsdl"
        wsdls[name] = OFFICIAL / folder / "interactions" / f"{name}Interaction" / file
    return Documents(wsdls) if all(path.is_file() for path in wsdls.values()) else None


def namespace_of(interaction: str) -> str:
    """The namespace of an interaction's request and response."""
    return f"urn:riv:{DOMAINS[interaction]}:{interaction}Responder:1"


def xsd_files(wsdl: Path) -> list[Path]:
    """Every XSD file that a WSDL leads to."""
    found: list[Path] = []
    waiting = [wsdl]
    while waiting:
        file = waiting.pop()
        for imported in etree.parse(file).iter(f"{{{XS}}}import"):
            target = (file.parent / imported.get("schemaLocation", "")).resolve()
            if target not in found:
                found.append(target)
                waiting.append(target)
    return found


def shape(wsdl: Path, element: str) -> Any:
    """What an element may hold, down to its values, as nested tuples: (name, cardinality, content)."""
    declared: dict[tuple[str, str], etree._Element] = {}
    for file in xsd_files(wsdl):
        root = etree.parse(file).getroot()
        for child in root.iterchildren(f"{{{XS}}}element", f"{{{XS}}}complexType", f"{{{XS}}}simpleType"):
            kind = "element" if child.tag == f"{{{XS}}}element" else "type"
            declared[kind, f"{{{root.get('targetNamespace')}}}{child.get('name')}"] = child
    return _element(declared["element", element], declared)


def interface(wsdl: Path) -> dict[str, Any]:
    """What a WSDL says beside its types: names, parts, soapAction, style, headers and their order."""
    root = etree.parse(wsdl).getroot()
    binding, service = root.find(f"{{{WSDL}}}binding"), root.find(f"{{{WSDL}}}service")
    port_type = root.find(f"{{{WSDL}}}portType")
    assert binding is not None
    assert service is not None
    assert port_type is not None
    port, operation = service[0], binding.find(f"{{{WSDL}}}operation")
    assert operation is not None
    parts = {
        message.get("name"): {part.get("name"): _qname(part, "element") for part in message.iter(f"{{{WSDL}}}part")}
        for message in root.iter(f"{{{WSDL}}}message")
    }
    soap_operation = operation.find(f"{{{SOAP}}}operation")
    assert soap_operation is not None
    return {
        "definitions": root.get("name"),
        "namespace": root.get("targetNamespace"),
        "messages": parts,
        "port_type": (port_type.get("name"), [found.get("name") for found in port_type.iter(f"{{{WSDL}}}operation")]),
        "binding": (binding.get("name"), _qname(binding, "type")),
        "service": service.get("name"),
        "port": (port.get("name"), _qname(port, "binding")),
        "operation": operation.get("name"),
        "soap_action": soap_operation.get("soapAction"),
        "soap": [dict(found.attrib) for found in binding.iter(f"{{{SOAP}}}binding")],
        "headers": [
            (_qname(found, "message"), found.get("part"), found.get("use")) for found in root.iter(f"{{{SOAP}}}header")
        ],
        "bodies": [dict(found.attrib) for found in root.iter(f"{{{SOAP}}}body")],
        "address": [found.get("location") for found in root.iter(f"{{{SOAP}}}address")],
    }


@cache
def schema(wsdl: Path) -> etree.XMLSchema:
    """One schema with everything that a WSDL leads to; the literal ^ and $ of SubjectOfCareIdType are left out.

    They aren't anchors in XML Schema: with them no personal identity number is valid (contract description 0.3).
    """
    with tempfile.TemporaryDirectory() as folder:
        master = etree.Element(f"{{{XS}}}schema")
        copies = {}
        for number, file in enumerate(xsd_files(wsdl)):
            copies[file] = shutil.copy(file, Path(folder) / f"{number}.xsd")
        for file, copy in copies.items():
            tree = etree.parse(file)
            for imported in tree.iter(f"{{{XS}}}import"):
                target = copies[(file.parent / imported.get("schemaLocation", "")).resolve()]
                imported.set("schemaLocation", Path(target).name)
            for pattern in tree.iter(f"{{{XS}}}pattern"):
                pattern.set("value", pattern.get("value", "").removeprefix("^").removesuffix("$"))
            tree.write(copy)
            declared = etree.SubElement(master, f"{{{XS}}}import")
            declared.set("namespace", tree.getroot().get("targetNamespace", ""))
            declared.set("schemaLocation", f"file://{pathname2url(str(copy))}")
        return etree.XMLSchema(etree.ElementTree(master))


def infoset(element: etree._Element) -> Any:
    """An element without what means nothing: prefixes and the blanks between elements."""
    text = element.text if element.text and (element.text.strip() or not len(element)) else None
    return element.tag, dict(element.attrib.items()), text, [infoset(child) for child in element]


def _element(node: etree._Element, declared: dict[tuple[str, str], etree._Element]) -> Any:
    cardinality = (node.get("minOccurs", "1"), node.get("maxOccurs", "1"))
    if node.get("ref") is not None:
        name = _qname(node, "ref")
        return (name, cardinality, _content(declared["element", name], declared))
    return (f"{{{_target(node)}}}{node.get('name')}", cardinality, _content(node, declared))


def _content(node: etree._Element, declared: dict[tuple[str, str], etree._Element]) -> Any:
    name = _qname(node, "type")
    if name.startswith(f"{{{XS}}}"):
        return etree.QName(name).localname
    found = declared["type", name]
    if found.tag == f"{{{XS}}}simpleType":
        restriction = found.find(f"{{{XS}}}restriction")
        assert restriction is not None
        values = sorted(value.get("value", "") for value in restriction.iter(f"{{{XS}}}enumeration"))
        return (etree.QName(_qname(restriction, "base")).localname, *values) if values else "string"
    particles = found.findall(f"{{{XS}}}sequence/*")
    return [
        _element(one, declared) if one.tag == f"{{{XS}}}element" else ("any", *sorted(one.attrib.items()))
        for one in particles
    ]


def _qname(node: etree._Element, attribute: str) -> str:
    prefix, colon, name = node.get(attribute, "").rpartition(":")
    return f"{{{node.nsmap[prefix if colon else None]}}}{name}"


def _target(node: etree._Element) -> str:
    target = node.getroottree().getroot()
    schema_node = next((one for one in node.iterancestors(f"{{{XS}}}schema")), target)
    return str(schema_node.get("targetNamespace"))
