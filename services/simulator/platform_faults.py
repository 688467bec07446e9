"""The national platform's own faults, word for word in its form (source: contract description 4.2)."""

from __future__ import annotations

from typing import Literal

from services.simulator.wire import Answer, fault

PLATFORM = "Ombokas testplattform"

_FAULTS: dict[str, tuple[Literal["Client", "Server"], str, str]] = {
    "VP001": ("Client", "RIV-TA-version saknas i anropet eller stöds inte", "No or unknown RIV-TA version."),
    "VP002": ("Client", "Klientcertifikat saknas eller är felaktigt", "The client certificate is missing or wrong."),
    "VP003": ("Client", "Logisk adress saknas i anropet", "The logical address is missing."),
    "VP004": ("Client", "Det finns ingen vägvalsinformation för den logiska adressen", "No route for the address."),
    "VP005": ("Client", "Producenten stöder inte RIV-TA-versionen", "The producer lacks the RIV-TA version."),
    "VP006": ("Server", "Mer än en producent är aktuell för adressen", "More than one producer for the address."),
    "VP007": ("Client", "Konsumenten saknar behörighet", "The consumer is not authorised."),
    "VP008": ("Server", "Tjänsteadresseringskatalogen kan inte nås", "The service catalogue can't be reached."),
    "VP009": ("Server", "Fel vid kontakt med tjänsteproducenten", "Timeout when waiting on response from producer."),
    "VP010": ("Server", "Producentens adress saknas", "The producer's address is missing."),
    "VP011": ("Client", "Anropet kom inte över en säker förbindelse", "The call didn't come over TLS."),
    "VP012": ("Server", "Plattformen saknar resurser", "The platform lacks resources."),
    "VP013": ("Client", "Avsändaren får inte ange ursprunglig konsument", "The original consumer can't be set."),
    "VP014": ("Server", "Anropet går runt mellan plattformar", "The call goes round between platforms."),
    "VP015": ("Client", "Anropet kan inte läsas", "The request can't be read."),
}


def platform_fault(code: str) -> Answer:
    """Make the platform's fault of a code, VP001 to VP015; always HTTP 500."""
    side, swedish, english = _FAULTS[code]
    return fault(f"{code} [{PLATFORM}] {swedish}", side=side, detail=f"{code} {english}")
