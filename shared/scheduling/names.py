"""The names that follow from an interaction's own (source: contract description 1.1 and 1.4)."""

from __future__ import annotations

from shared.contracts.model import Interaction

_DOMAINS = {
    Interaction.PING_FOR_CONFIGURATION: "urn:riv:itintegration:monitoring",
    Interaction.GET_SUPPORTED_SERVICE_CONTRACTS: "urn:riv:itintegration:registry",
}
SCHEDULING = "urn:riv:crm:scheduling"


def namespace(interaction: Interaction) -> str:
    """The namespace of the request and response elements."""
    return f"{_DOMAINS.get(interaction, SCHEDULING)}:{interaction.value}Responder:1"


def soap_action(interaction: Interaction) -> str:
    """The soapAction, unquoted."""
    return f"{namespace(interaction)}:{interaction.value}"


def response_element(interaction: Interaction) -> str:
    """The qualified name that an answer's Body must hold."""
    return f"{{{namespace(interaction)}}}{interaction.value}Response"


def has_actor(interaction: Interaction) -> bool:
    """Whether the Actor header goes along: on crm:scheduling alone."""
    return interaction not in _DOMAINS
