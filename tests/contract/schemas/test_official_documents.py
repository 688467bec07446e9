"""Our own documents against the official ones, where these are to be found: nobody on the wire can tell them apart.

Without the official documents this module isn't collected: what `test_own_documents` holds ours to still is.
"""

from __future__ import annotations

import re

import pytest
import zeep
from lxml import etree

from tests.contract.schemas import documents, wire_facts
from tests.contract.schemas.samples import REQUESTS, VALUES, an_update_answer, an_update_with, headers_of

OWN = documents.own_documents()
INTERACTIONS = sorted(documents.DOMAINS)


FOUND = documents.official_documents()
assert FOUND is not None  # this module is collected only where they are
OFFICIAL = FOUND


def client(documents_: documents.Documents, interaction: str) -> zeep.Client:
    """A client of a document."""
    return zeep.Client(str(documents_.wsdls[interaction]))


def envelope(documents_: documents.Documents, interaction: str) -> etree._Element:
    """The envelope that zeep makes of the sample, from a document."""
    found = client(documents_, interaction)
    made: etree._Element = found.create_message(
        found.service, interaction, _soapheaders=headers_of(interaction), **REQUESTS[interaction]
    )
    return made


def signature(documents_: documents.Documents, interaction: str) -> str:
    """The keywords that zeep takes, without prefixes."""
    found = client(documents_, interaction)
    operation = next(iter(found.wsdl.bindings.values()))._operations[interaction]
    return re.sub(r"\b(ns\d+|xsd):", "", operation.input.signature())


@pytest.mark.parametrize("interaction", INTERACTIONS)
@pytest.mark.parametrize("response", [False, True], ids=["request", "response"])
def test_a_message_has_the_same_shape(interaction: str, response: bool) -> None:
    """Names, namespaces, order, cardinality and values are the same, down to the last element."""
    name = wire_facts.message(interaction, response=response)[0]
    assert documents.shape(OWN.wsdls[interaction], name) == documents.shape(OFFICIAL.wsdls[interaction], name)


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_the_interface_is_the_same(interaction: str) -> None:
    """Names, parts, soapAction, headers and their order are the same."""
    assert documents.interface(OWN.wsdls[interaction]) == documents.interface(OFFICIAL.wsdls[interaction])


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_zeep_takes_the_same_keywords(interaction: str) -> None:
    """A call that fits the one fits the other."""
    assert signature(OWN, interaction) == signature(OFFICIAL, interaction)


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_zeep_writes_the_same_envelope(interaction: str) -> None:
    """The sample's envelope is the same but for prefixes, and each part of it is valid to both."""
    ours, theirs = envelope(OWN, interaction), envelope(OFFICIAL, interaction)
    assert documents.infoset(ours) == documents.infoset(theirs)
    for documents_ in (OWN, OFFICIAL):
        schema = documents.schema(documents_.wsdls[interaction])
        assert all(schema.validate(part) for place in ours for part in place)


@pytest.mark.parametrize("field", sorted(VALUES))
def test_a_value_is_valid_to_both_or_to_neither(field: str) -> None:
    """Times, personal identity numbers, booleans and identities at their edges."""
    for value in [value for values in VALUES[field] for value in values]:
        update = an_update_with(envelope(OWN, "UpdateBooking"), field, value)
        assert valid(OWN, update) is valid(OFFICIAL, update), value


def valid(documents_: documents.Documents, body: etree._Element) -> bool:
    """Whether a set of documents takes an UpdateBooking's message."""
    return bool(documents.schema(documents_.wsdls["UpdateBooking"]).validate(body))


@pytest.mark.parametrize("code", ["OK", "INFO", "ERROR", "ok", "YES", ""])
def test_a_result_code_is_valid_to_both_or_to_neither(code: str) -> None:
    """OK, INFO and ERROR in capitals, nothing else."""
    answer = an_update_answer(code)
    assert valid(OWN, answer) is valid(OFFICIAL, answer) is (code in ("OK", "INFO", "ERROR"))
