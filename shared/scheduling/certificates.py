"""The TLS context of each booking system, made anew when one of its files has changed: no restart for a certificate."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from contextlib import suppress

from shared.configuration import Producer, Tls
from shared.scheduling.failures import NotReached
from shared.scheduling.transport import ssl_context

log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int], ...]


class Certificates:
    """Gives each producer's current TLS context; those with the same files share one, for making it takes long."""

    def __init__(self) -> None:
        self._kept: dict[Tls | None, tuple[Stamp, ssl.SSLContext]] = {}

    def prepare(self, producers: Mapping[str, Producer]) -> None:
        """Make every context now, not during the first call of each; what can't be made is told in the log."""
        for name, producer in producers.items():
            with suppress(NotReached):
                self.context(name, producer)

    def context(self, name: str, producer: Producer) -> ssl.SSLContext:
        """The context by the files as they are now; the last good one while they can't be read. Raises NotReached."""
        stamp = _stamp(producer.tls)
        kept = self._kept.get(producer.tls)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        try:
            context = ssl_context(producer.tls)
        except OSError as error:
            if kept is None:
                log.exception("the certificate files of %s can't be read", name)
                raise NotReached("the certificate files can't be read") from error
            log.exception("the certificate files of %s can't be read; the last good ones stay in use", name)
            return kept[1]
        self._kept[producer.tls] = (stamp, context)
        return context


def _stamp(tls: Tls | None) -> Stamp:
    if tls is None:
        return ()
    stamps = []
    for path in (tls.certificate, tls.key, tls.ca):
        try:
            state = path.stat() if path else None
        except OSError:
            state = None
        stamps.append((state.st_mtime_ns, state.st_size) if state else (0, 0))
    return tuple(stamps)
