"""The gateway's access log, listened to for a while."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def access_log_to(handler: logging.Handler) -> Iterator[None]:
    """Hand every line of the access log to this handler too, until the block ends."""
    access = logging.getLogger("omboka.access")
    before = access.level
    access.addHandler(handler)
    access.setLevel(logging.INFO)
    try:
        yield
    finally:
        access.setLevel(before)
        access.removeHandler(handler)
