"""Builders for the SOAP rim: answers as booking systems write them, good and odd."""

from __future__ import annotations

from lxml import etree

from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Interaction
from shared.scheduling.names import namespace

CORE = "urn:riv:crm:scheduling:1"
EXTENSION = "urn:riv:crm:scheduling:1.1"
SUBJECT = SubjectOfCareId("191212121212")
ACTOR = Actor(id=SUBJECT, type=ActorType.SUBJECT_OF_CARE)


def an_answer(interaction: Interaction, content: str) -> etree._Element:
    """The response element of an interaction around some XML; `c` is the core namespace, `e` its extension."""
    name = f"{interaction.value}Response"
    return etree.fromstring(
        f'<r:{name} xmlns:r="{namespace(interaction)}" xmlns:c="{CORE}" xmlns:e="{EXTENSION}">{content}</r:{name}>'
    )


def an_envelope(content: bytes | etree._Element) -> bytes:
    """A SOAP envelope around a body's content."""
    inner = content if isinstance(content, bytes) else etree.tostring(content)
    return (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>' + inner + b"</s:Body></s:Envelope>"
    )


def a_fault(text: str) -> bytes:
    """A SOAP fault."""
    return an_envelope(
        f'<s:Fault xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><faultcode>s:Server</faultcode>'
        f"<faultstring>{text}</faultstring></s:Fault>".encode()
    )


def an_update_answer(code: str = "OK", text: str | None = None) -> bytes:
    """UpdateBooking's answer."""
    told = f"<r:resultText>{text}</r:resultText>" if text is not None else ""
    return an_envelope(an_answer(Interaction.UPDATE_BOOKING, f"<r:resultCode>{code}</r:resultCode>{told}"))
