"""Envelopes: zeep builds each request from our own WSDL, strictly valid, with the headers that the profile demands.

zeep sends nothing here and fetches nothing: the documents lie beside this module, and its transport refuses every
address. Source: contract description 1.1 and 6.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import zeep
from lxml import etree
from zeep.transports import Transport

from shared.contracts.model import Actor, Interaction
from shared.scheduling.names import has_actor

DOCUMENTS = Path(__file__).parent / "wsdl"


class _NoNetwork(Transport):
    def __init__(self) -> None:
        super().__init__()
        self.session.close()

    def _load_remote_data(self, url: str) -> bytes:
        raise ValueError(f"a contract document refers to {url}: documents are never fetched")


@cache
def _service(interaction: Interaction) -> tuple[Any, Any]:
    settings = zeep.Settings(strict=True, forbid_dtd=True, forbid_external=True)
    client = zeep.Client(str(DOCUMENTS / f"{interaction.value}.wsdl"), transport=_NoNetwork(), settings=settings)
    return client, client.service


def load() -> None:
    """Read every document now (some 30 ms) instead of at the first call."""
    for interaction in Interaction:
        if interaction is not Interaction.GET_ALL_CARE_TYPES:
            _service(interaction)


def build(interaction: Interaction, fields: dict[str, Any], *, logical_address: str, actor: Actor | None) -> bytes:
    """Build a request's envelope; fields that are None are left out. Raises ValueError for what XML can't hold."""
    headers: dict[str, Any] = {"LogicalAddress": logical_address.strip()}
    if has_actor(interaction):
        if actor is None:
            raise ValueError(f"{interaction.value} needs an actor")
        headers["actor"] = {"actorId": actor.wire_id, "actorType": actor.type.value}
    client, service = _service(interaction)
    try:
        envelope = client.create_message(service, interaction.value, **fields, _soapheaders=headers)
        return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")
    except (zeep.exceptions.Error, ValueError) as error:
        reason = type(error).__name__
    # Outside the handler: the foreign exception may quote a field, and fields are personal.
    raise ValueError(f"{interaction.value} can't be built: {reason}")
