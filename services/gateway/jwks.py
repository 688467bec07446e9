"""The issuer's public keys: fetched from its JWKS address, kept, fetched again when a token names an unknown one.

An issuer that doesn't answer is no reason to refuse tokens whose key is known (stale while error).
Source: the reliability rules 4.1, "Forged/replayed token".
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import jwt

from services.gateway.auth import VerificationKey
from shared.clock import Clock
from shared.contracts.problems import Problem, ProblemType, Refusal

log = logging.getLogger(__name__)

FRESH_SECONDS = 300.0
"""For how long fetched keys are used without asking again."""

AGAIN_SECONDS = 10.0
"""The shortest time between two fetches, so that made-up key names can't make us ask the issuer all the time."""

STALE_SECONDS = 24 * 3600.0
"""For how long keys are believed while the issuer doesn't answer."""

LARGEST_SET = 256 * 1024
FETCH_SECONDS = 5.0
SMALLEST_RSA = 2048

ALGORITHMS: dict[tuple[Any, Any], str] = {("RSA", None): "RS256", ("EC", "P-256"): "ES256"}
"""The one algorithm for each kind of key and curve: nothing else is believed."""

Fetch = Callable[[], Awaitable[bytes]]


class FetchFailed(Exception):
    """Raised when the issuer's keys can't be fetched."""


class JwksKeys:
    """The keys of one issuer, by their `kid`. Durations go by the clock port."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str | None, VerificationKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, header: dict[str, Any]) -> VerificationKey | None:
        """The key that a token's header names by `kid`, without it the only one. Raises Refusal (overloaded)."""
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            return None
        if not self._fresh() or self._lookup(kid) is None:
            await self._refresh()
        if not self._usable():
            raise Refusal(Problem(type=ProblemType.OVERLOADED, retry_after=5))
        return self._lookup(kid)

    async def ready(self) -> bool:
        """Whether there are keys that may be believed, asking the issuer if need be."""
        if not self._fresh():
            await self._refresh()
        return self._usable()

    def _lookup(self, kid: str | None) -> VerificationKey | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _age(self) -> float:
        return self._clock.monotonic() - self._fetched_at if self._fetched_at is not None else float("inf")

    def _fresh(self) -> bool:
        return self._age() < FRESH_SECONDS

    def _usable(self) -> bool:
        return bool(self._keys) and self._age() < STALE_SECONDS

    async def _refresh(self) -> None:
        async with self._lock:
            now = self._clock.monotonic()
            if self._tried_at is not None and now - self._tried_at < AGAIN_SECONDS:
                return
            self._tried_at = now
            try:
                self._keys = read_keys(await self._fetch())
                self._fetched_at = now
            except FetchFailed as error:
                log.warning("the issuer's keys can't be fetched: %s", error)


def read_keys(body: bytes) -> dict[str | None, VerificationKey]:
    """Read a key set: RSA keys of at least 2048 bits for RS256, P-256 keys for ES256; others are left out.

    Raises FetchFailed when it isn't a key set or holds no such key.
    """
    try:
        listed = json.loads(body)["keys"]
        found = [(one.get("kid"), key) for one in listed if (key := _key(one)) is not None]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FetchFailed("not a key set") from error
    if not found:
        raise FetchFailed("no usable key")
    return dict(found)


def _key(member: dict[str, Any]) -> VerificationKey | None:
    if member.get("use", "sig") != "sig":
        return None
    algorithm = ALGORITHMS.get((member.get("kty"), member.get("crv")))
    if algorithm is None or member.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK(member, algorithm=algorithm).key
    except jwt.PyJWTError:
        return None
    if algorithm == "RS256" and key.key_size < SMALLEST_RSA:
        return None
    return VerificationKey(key, algorithm)


def fetch_from(url: str, session: aiohttp.ClientSession) -> Fetch:
    """A fetch of that address: 5 seconds, 256 KiB, no redirects. It raises FetchFailed."""

    async def fetch() -> bytes:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        try:
            async with session.get(url, timeout=timeout, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise FetchFailed(f"status {answer.status}")
                body = await answer.content.read(LARGEST_SET + 1)
                while len(body) <= LARGEST_SET and (more := await answer.content.read(LARGEST_SET + 1 - len(body))):
                    body += more
        except (aiohttp.ClientError, TimeoutError) as error:
            raise FetchFailed(type(error).__name__) from error
        if len(body) > LARGEST_SET:
            raise FetchFailed("too large")
        return body

    return fetch
