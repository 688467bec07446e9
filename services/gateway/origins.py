"""Where a browser's request comes from: an exact list of origins, decided before anything else is done.

Source: the interface, `ALLOWED_ORIGINS`; the reliability rules 4.1 (by itself the server asks no origin anything).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from shared.contracts.problems import Problem, ProblemType, Refusal


class Origins:
    """The origins that may use this gateway from a browser: those listed, and the gateway's own."""

    def __init__(self, allowed: tuple[str, ...], public_url: str | None) -> None:
        self._allowed = frozenset(one.rstrip("/").lower() for one in allowed)
        self._own = origin_of(public_url) if public_url else None

    def own(self, request: web.BaseRequest) -> str:
        """The gateway's own origin: by PUBLIC_URL, else by what the request was sent to."""
        return self._own or f"{request.scheme}://{request.host}".lower()

    def check_listed(self, request: web.BaseRequest, *, needed: bool) -> None:
        """Raises Refusal (not-allowed) for an origin that isn't listed; `needed` = also for a request without one."""
        origin = request.headers.get("Origin")
        if origin is None and not needed:
            return
        if origin is None or origin.lower() not in self._allowed | {self.own(request)}:
            raise Refusal(Problem(type=ProblemType.NOT_ALLOWED))

    def check_own(self, request: web.BaseRequest) -> None:
        """Raises Refusal (not-allowed) for what a page of another site sent."""
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if (origin is not None and origin.lower() != self.own(request)) or site not in ("same-origin", "none"):
            raise Refusal(Problem(type=ProblemType.NOT_ALLOWED))


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as a browser writes an origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
