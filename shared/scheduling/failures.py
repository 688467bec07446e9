"""How a call to a booking system can fail: a closed family, one class for each thing that it proves.

A look-up only asks "can the answer be used". A write asks more: whether the booking system can have received it. So
each failure says whether the request was certainly not sent on to the booking system (`sent`), and a caller that
writes treats everything else as unknown. No failure holds anything of an answer's body, only its SHA-256.
Source: contract description 4.2, the reliability rules 3.4.
"""

from __future__ import annotations

from enum import StrEnum


class Sent(StrEnum):
    """What a failure proves of whether the booking system has got the request."""

    NO = "no"
    """Certainly not: no byte of it was written, or the platform refused it before routing."""
    UNKNOWN = "unknown"
    """It may have been received, and acted on."""


BEFORE_ROUTING = frozenset(f"VP{n:03d}" for n in range(1, 16)) - {"VP009"}
"""The platform's codes that prove that the booking system wasn't turned to."""


class SchedulingFailure(Exception):
    """A call gave no usable answer. Its text is short, ours, and safe to log."""

    sent = Sent.UNKNOWN
    kind = "failure"

    def __init__(
        self,
        text: str,
        *,
        http_status: int | None = None,
        vp_code: str | None = None,
        body_sha256: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.http_status = http_status
        self.vp_code = vp_code
        self.body_sha256 = body_sha256
        self.retry_after = retry_after


class NotReached(SchedulingFailure):
    """Raised when the name, the connection or the TLS handshake failed: no byte of the request was written."""

    sent = Sent.NO
    kind = "not_reached"


class NotTrusted(NotReached):
    """Raised when TLS isn't agreed upon: a certificate has expired, isn't trusted or is another's, or ours is wanted.

    Its text has OpenSSL's own words for why, which hold nothing of a patient's: it is for whoever operates this.
    """

    kind = "not_trusted"


class TimedOut(SchedulingFailure):
    """Raised when the answer didn't come whole before the deadline."""

    kind = "timed_out"


class ConnectionBroken(SchedulingFailure):
    """Raised when the connection broke after the request had begun to be written."""

    kind = "connection_broken"


class TrustRefused(ConnectionBroken):
    """Raised when the other side ended TLS over our certificate, which it does after the handshake in TLS 1.3.

    It proves no more than any connection that broke.
    """

    kind = "not_trusted"


class HttpFailure(SchedulingFailure):
    """Raised for an HTTP status without a SOAP answer; `http_status` says which.

    401, 403, 404, 405 and 413 say that nothing took the request, which a proxy may say in error: what became of an
    update is for a look to prove. 429 and 503 don't even say it.
    """

    kind = "http"

    def __init__(
        self, text: str, *, http_status: int, body_sha256: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(text, http_status=http_status, body_sha256=body_sha256, retry_after=retry_after)
        self.sent = Sent.NO if http_status in (401, 403, 404, 405, 413) else Sent.UNKNOWN


class PlatformFault(SchedulingFailure):
    """Raised for a fault of the national platform (VP001–VP015); `vp_code` says which.

    Only VP009 comes after the platform has turned to the booking system; all others prove that it hasn't.
    """

    kind = "platform_fault"

    def __init__(
        self, text: str, *, vp_code: str, http_status: int | None = None, body_sha256: str | None = None
    ) -> None:
        super().__init__(text, vp_code=vp_code, http_status=http_status, body_sha256=body_sha256)
        self.sent = Sent.NO if vp_code in BEFORE_ROUTING else Sent.UNKNOWN


class ProducerFault(SchedulingFailure):
    """Raised for any other SOAP fault: a technical error at the booking system, whose text is never shown."""

    kind = "producer_fault"


class Unreadable(SchedulingFailure):
    """Raised for an answer that isn't what was asked for: not XML, the wrong element, two answers, too large."""

    kind = "unreadable"
