"""The contracts that the simulator answers: their namespaces, headers and schemas.

The XSD files are read as data, so that every request can be checked letter by letter against them.
Source: contract description 1.1 and 1.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from urllib.request import pathname2url

from lxml import etree

from services.simulator.building import REBOOKING_CONTRACTS

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
CORE = "urn:riv:crm:scheduling:1"
EXTENSION = "urn:riv:crm:scheduling:1.1"
REGISTRY = "urn:riv:itintegration:registry:1"
HEADERS = "urn:riv:interoperability:headers:1"
XSD = "http://www.w3.org/2001/XMLSchema"

PING = "PingForConfiguration"
SUPPORTED = "GetSupportedServiceContracts"
UPDATE = "UpdateBooking"


@dataclass(frozen=True, slots=True)
class Contract:
    """A service interaction: its name, its namespace and whether the Actor header goes with it."""

    name: str
    namespace: str
    has_actor: bool

    @property
    def soap_action(self) -> str:
        """What the SOAPAction header must be, without quotes."""
        return f"{self.namespace}:{self.name}"


CONTRACTS = {
    name: Contract(name, f"urn:riv:{domain}:{name}Responder:1", domain == "crm:scheduling")
    for domain, names in (
        ("crm:scheduling", REBOOKING_CONTRACTS),
        ("itintegration:monitoring", (PING,)),
        ("itintegration:registry", (SUPPORTED,)),
    )
    for name in names
}
"""Every interaction by its name."""


@cache
def schema() -> etree.XMLSchema:
    """Give one schema that knows every element of the contracts and of their headers."""
    folder = resources.files("shared") / "scheduling" / "wsdl" / "xsd"
    root = etree.Element(f"{{{XSD}}}schema")
    with resources.as_file(folder) as path:
        for file in sorted(path.glob("*.xsd")):
            imported = etree.SubElement(root, f"{{{XSD}}}import")
            imported.set("namespace", etree.parse(file).getroot().get("targetNamespace", ""))
            imported.set("schemaLocation", f"file://{pathname2url(str(file))}")
        return etree.XMLSchema(etree.ElementTree(root))


def schema_faults(element: etree._Element) -> list[str]:
    """Say what the schema has against an element; an empty list when it is valid."""
    checker = schema()
    if checker.validate(element):
        return []
    return [entry.message for entry in checker.error_log]  # type: ignore[attr-defined]  # it is a list of entries
