"""Our own WSDL and XSD documents say what the contract description says, and load anywhere."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import zeep
from lxml import etree

from tests.contract.schemas import documents, wire_facts
from tests.contract.schemas.samples import REQUESTS, VALUES, an_update_answer, an_update_with, headers_of

OWN = documents.own_documents()
INTERACTIONS = sorted(documents.DOMAINS)


class NoNetwork(zeep.Transport):
    """A transport that may read files and nothing else."""

    def load(self, url: str) -> Any:
        """Refuse everything that isn't a file."""
        assert not url.startswith(("http:", "https:", "ftp:")), url
        return super().load(url)


@cache
def own_client(interaction: str) -> zeep.Client:
    """A client of our own document, without a network."""
    return zeep.Client(str(OWN.wsdls[interaction]), transport=NoNetwork())


def request(client: zeep.Client, interaction: str) -> etree._Element:
    """The envelope that zeep makes of the sample."""
    made: etree._Element = client.create_message(
        client.service, interaction, _soapheaders=headers_of(interaction), **REQUESTS[interaction]
    )
    return made


def parts(envelope: etree._Element) -> list[etree._Element]:
    """What the envelope's Header and Body hold."""
    return [part for place in envelope for part in place]


@pytest.mark.parametrize("interaction", INTERACTIONS)
@pytest.mark.parametrize("response", [False, True])
def test_a_message_is_what_the_contract_description_says(interaction: str, response: bool) -> None:
    """Names, namespaces, order, cardinality and values of request and response."""
    expected = wire_facts.message(interaction, response=response)
    assert documents.shape(OWN.wsdls[interaction], expected[0]) == expected


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_a_wsdl_follows_the_naming_rules(interaction: str) -> None:
    """Names, parts, soapAction and the headers in their order."""
    assert documents.interface(OWN.wsdls[interaction]) == wire_facts.interface(interaction)


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_the_headers_are_what_the_contract_description_says(interaction: str) -> None:
    """LogicalAddress everywhere; Actor where it is declared, with its two types."""
    wsdl = OWN.wsdls[interaction]
    assert documents.shape(wsdl, wire_facts.LOGICAL_ADDRESS[0]) == wire_facts.LOGICAL_ADDRESS
    if interaction in documents.SCHEDULING:
        assert documents.shape(wsdl, wire_facts.ACTOR[0]) == wire_facts.ACTOR


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_zeep_makes_a_valid_envelope_offline(interaction: str) -> None:
    """Each document loads without network and warnings; every part of the sample's envelope is valid."""
    # Given, When
    envelope = request(own_client(interaction), interaction)
    # Then
    schema = documents.schema(OWN.wsdls[interaction])
    assert len(parts(envelope)) == 1 + len(headers_of(interaction))
    for part in parts(envelope):
        assert schema.validate(part), list(schema.error_log)  # type: ignore[call-overload]


def test_no_document_leads_out_of_its_folder() -> None:
    """Every import is a file of ours."""
    for wsdl in OWN.wsdls.values():
        assert all(file.is_file() and documents.OWN in file.parents for file in documents.xsd_files(wsdl))


def test_every_file_is_led_to() -> None:
    """No XSD file lies there unused."""
    used = {file for wsdl in OWN.wsdls.values() for file in documents.xsd_files(wsdl)}
    assert used == set((documents.OWN / "xsd").glob("*.xsd"))


@pytest.mark.parametrize("field", sorted(VALUES))
def test_a_value_is_valid_or_not_as_the_contract_description_says(field: str) -> None:
    """At their edges: times, personal identity numbers (whose pattern has no literal ^ and $), booleans, identities."""
    good, bad = VALUES[field]
    schema = documents.schema(OWN.wsdls["UpdateBooking"])
    found = {
        value: schema.validate(an_update_with(request(own_client("UpdateBooking"), "UpdateBooking"), field, value))
        for value in good + bad
    }
    assert found == {**dict.fromkeys(good, True), **dict.fromkeys(bad, False)}


@pytest.mark.parametrize(("code", "valid"), [("OK", True), ("INFO", True), ("ERROR", True), ("ok", False), ("", False)])
def test_a_result_code_is_one_of_three(code: str, valid: bool) -> None:
    """OK, INFO and ERROR in capitals, nothing else."""
    assert documents.schema(OWN.wsdls["UpdateBooking"]).validate(an_update_answer(code)) is valid
