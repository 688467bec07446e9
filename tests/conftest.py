"""What every test may ask for."""

from __future__ import annotations

from hypothesis import settings

from tests.canary import nobody_is_named
from tests.servers.fixtures import (
    broker_url,
    cache_url,
    database_url,
    events_url,
    fresh_broker_url,
    fresh_cache_url,
    fresh_database_url,
    fresh_events_url,
    started,
)

__all__ = [
    "broker_url",
    "cache_url",
    "database_url",
    "events_url",
    "fresh_broker_url",
    "fresh_cache_url",
    "fresh_database_url",
    "fresh_events_url",
    "nobody_is_named",
    "started",
]

# Examples take what they take on a noisy machine; nothing here is a timed test.
settings.register_profile("omboka", deadline=None, print_blob=True)
settings.load_profile("omboka")
