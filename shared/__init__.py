"""Omboka: what the services share: contracts, the SOAP rim, ledger, messaging."""
