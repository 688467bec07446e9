"""Collects the comparison with the official documents where these are to be found."""

from __future__ import annotations

from tests.contract.schemas.documents import official_documents

collect_ignore = [] if official_documents() else ["test_official_documents.py"]
