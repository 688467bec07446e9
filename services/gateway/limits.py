"""How much one subject and one address may ask of this gateway.

Source: the interface, `limits`; the reliability rules 4.1, "Flood, slowloris".
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from shared.clock import Clock
from shared.configuration import ClientLimits
from shared.contracts.problems import Problem, ProblemType, Refusal

BODY_BYTES = 64 * 1024
FRAME_BYTES = 64 * 1024
WINDOW_SECONDS = 10.0
SUBJECTS_KEPT = 50_000
IPV6_NETWORK = 64
"""How many bits of an IPv6 address are one client's network."""


@dataclass
class _Window:
    ends: float
    asked: int = 0


class Limits:
    """Counts commands and sockets. Raises Refusal (too-many-requests) for what is too much."""

    def __init__(self, limits: ClientLimits, clock: Clock, *, trusted_proxies: int) -> None:
        self._limits = limits
        self._clock = clock
        self._trusted_proxies = trusted_proxies
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()
        self._asked_from: OrderedDict[str, _Window] = OrderedDict()
        self._sockets: Counter[str] = Counter()

    def address(self, request: web.BaseRequest) -> str:
        """The client's address: the one that the outermost trusted proxy saw, else the connection's own.

        Of an IPv6 address the network, whose other addresses are the same client's to choose.
        """
        hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", []) for hop in line.split(",")]
        if self._trusted_proxies and len(hops) >= self._trusted_proxies:
            return _network(hops[-self._trusted_proxies])
        return _network(request.remote or "unknown")

    def count_command(self, request: web.BaseRequest, owner: str) -> None:
        """Count a command, or anything else that makes work, of this subject and of the address that it comes from.

        Raises Refusal (too-many-requests) above `commands_per_10s` and `commands_per_10s_per_address`.
        """
        now = self._clock.monotonic()
        self._count_of_subject(owner, now)
        self._count_of_address(self.address(request), now)

    def _count_of_subject(self, owner: str, now: float) -> None:
        asked = self._asked.setdefault(owner, deque())
        self._asked.move_to_end(owner)
        while asked and asked[0] <= now - WINDOW_SECONDS:
            asked.popleft()
        if len(asked) >= self._limits.commands_per_10s:
            wait = int(asked[0] + WINDOW_SECONDS - now) + 1
            raise Refusal(Problem(type=ProblemType.TOO_MANY_REQUESTS, retry_after=wait))
        asked.append(now)
        while len(self._asked) > SUBJECTS_KEPT:
            self._asked.popitem(last=False)

    def _count_of_address(self, address: str, now: float) -> None:
        # An address may stand for a whole hospital: a number in each window, not a time of each command.
        window = self._asked_from.get(address)
        if window is None or now >= window.ends:
            window = self._asked_from[address] = _Window(now + WINDOW_SECONDS)
            self._asked_from.move_to_end(address)
        if window.asked >= self._limits.commands_per_10s_per_address:
            raise Refusal(Problem(type=ProblemType.TOO_MANY_REQUESTS, retry_after=int(window.ends - now) + 1))
        window.asked += 1
        while len(self._asked_from) > SUBJECTS_KEPT:
            self._asked_from.popitem(last=False)

    @contextmanager
    def socket_of_address(self, address: str) -> Iterator[None]:
        """Hold a socket of this address."""
        with self._held(f"address:{address}", self._limits.sockets_per_address):
            yield

    @contextmanager
    def socket_of_subject(self, owner: str) -> Iterator[None]:
        """Hold a socket of this subject."""
        with self._held(f"subject:{owner}", self._limits.sockets_per_subject):
            yield

    @contextmanager
    def _held(self, key: str, most: int) -> Iterator[None]:
        if self._sockets[key] >= most:
            raise Refusal(Problem(type=ProblemType.TOO_MANY_REQUESTS, retry_after=10))
        self._sockets[key] += 1
        try:
            yield
        finally:
            self._sockets[key] -= 1
            if not self._sockets[key]:
                del self._sockets[key]


def _network(text: str) -> str:
    """An IPv6 address's network; anything else as it is."""
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return text
    return str(address.ipv4_mapped or ipaddress.IPv6Network((int(address), IPV6_NETWORK), strict=False))
