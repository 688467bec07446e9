"""The transport: one POST over aiohttp, bounded in time and size, every foreign exception turned into a failure.

No redirect is followed, no proxy of the environment is used, nothing is decompressed. The deadline is the wall clock's
over the whole call, so an answer that drips is cut off as well. The Content-Type isn't judged: booking systems state
many, and only whether the body is the envelope asked for counts. Source: the reliability rules 0.8 and 4.2.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import aiohttp

from shared.configuration import Tls
from shared.contracts.model import Interaction
from shared.scheduling.failures import (
    ConnectionBroken,
    NotReached,
    NotTrusted,
    SchedulingFailure,
    TimedOut,
    TrustRefused,
    Unreadable,
)
from shared.scheduling.names import soap_action

_TRUST = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "HANDSHAKE_FAILURE")
"""What OpenSSL's reasons for a refused certificate hold; the last is what TLS 1.2 says to whoever shows none."""

LOOK_UP_LIMIT = 5 * 1024 * 1024
UPDATE_LIMIT = 1024 * 1024

_FAILURES: tuple[tuple[type[BaseException], type[SchedulingFailure], str], ...] = (
    (aiohttp.ClientConnectorError, NotReached, "could not connect"),
    (aiohttp.ConnectionTimeoutError, NotReached, "could not connect"),
    (aiohttp.InvalidURL, NotReached, "could not connect"),
    (TimeoutError, TimedOut, "no whole answer in time"),
    (aiohttp.ClientPayloadError, Unreadable, "the HTTP answer was cut off or can't be read"),
    (aiohttp.ClientResponseError, Unreadable, "the HTTP answer can't be read"),
)
"""The first row that fits decides; whatever fits none is a broken connection, which proves nothing."""


class Answer(NamedTuple):
    """An answer as it came."""

    status: int
    body: bytes
    retry_after: float | None


@dataclass
class Way:
    """How a call went to its booking system: by what was `kept` from before, a connection or an address, or not."""

    kept: bool = False


def noting_ways() -> aiohttp.TraceConfig:
    """What makes a session note the way of each call."""

    async def kept(_: object, context: SimpleNamespace, __: object) -> None:
        if isinstance(context.trace_request_ctx, Way):
            context.trace_request_ctx.kept = True

    config = aiohttp.TraceConfig()
    config.on_connection_reuseconn.append(kept)
    config.on_dns_cache_hit.append(kept)
    return config


def http_headers(interaction: Interaction, consumer: str, correlation_id: str | None) -> dict[str, str]:
    """The HTTP headers of a call: the profile's and the platform's (source: contract description 4.1)."""
    headers = {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": f'"{soap_action(interaction)}"',
        "Accept": "text/xml",
        "Accept-Encoding": "identity",
        "User-Agent": "omboka",
        "x-rivta-original-serviceconsumer-hsaid": consumer,
    }
    if correlation_id:
        headers["x-skltp-correlation-id"] = correlation_id
    return headers


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    limit: int,
    connect: float,
    deadline: float,
    silence: float | None = None,
    way: Way | None = None,
) -> Answer:
    """POST a request and take its whole answer; all times in seconds. Raises SchedulingFailure.

    `silence` bounds the wait for the next bytes, `deadline` everything together; in `way` is noted how it went there.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=silence)
    try:
        async with asyncio.timeout(deadline):
            async with session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False, trace_request_ctx=way
            ) as response:
                return Answer(response.status, await _bounded(response, limit), _retry_after(response))
    except SchedulingFailure:
        raise
    except Exception as error:
        failure = failure_of(error)
    # Outside the handler, so that the foreign exception, which may quote the answer, isn't carried along.
    raise failure


def failure_of(error: BaseException) -> SchedulingFailure:
    """Turn an exception of asyncio, ssl or aiohttp into ours; whatever isn't known is a broken connection."""
    if isinstance(error, aiohttp.ClientSSLError):
        return tls_failure(error)
    if _is_about_trust(error):
        return TrustRefused(f"the connection broke: {_in_words(error)}")
    for foreign, ours, text in _FAILURES:
        if isinstance(error, foreign):
            return ours(f"{text}: {_in_words(error)}")
    return ConnectionBroken(f"the connection broke: {_in_words(error)}")


def tls_failure(error: BaseException) -> NotReached:
    """What a TLS handshake that failed is: a matter of trust, or a connection that couldn't be made."""
    kind = NotTrusted if _is_about_trust(error) else NotReached
    return kind(f"no TLS connection: {_in_words(error)}")


def _is_about_trust(error: BaseException) -> bool:
    """Whether TLS ended over a certificate, ours or theirs, by OpenSSL's words."""
    cause = _of_ssl(error)
    return isinstance(cause, ssl.SSLCertVerificationError) or (
        cause is not None and any(word in (cause.reason or "") for word in _TRUST)
    )


def _in_words(error: BaseException) -> str:
    """What to say of a foreign exception: OpenSSL's words, else its kind alone, for a text may quote the answer."""
    match _of_ssl(error):
        case ssl.SSLCertVerificationError(verify_message=str(words)):
            return words
        case ssl.SSLError(reason=str(words)):
            return words
        case _:
            return type(error).__name__


def _of_ssl(error: BaseException) -> ssl.SSLError | None:
    """OpenSSL's own exception, where there is one behind aiohttp's."""
    behind = (getattr(error, name, None) for name in ("certificate_error", "os_error", "__cause__"))
    return next((one for one in (*behind, error) if isinstance(one, ssl.SSLError)), None)


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > limit:
            response.close()
            digest = hashlib.sha256(b"".join(parts)).hexdigest()
            raise Unreadable(
                f"the answer is larger than {limit} bytes", http_status=response.status, body_sha256=digest
            )
        parts.append(part)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unreadable("the answer is compressed, which nobody asked for", http_status=response.status)
    return b"".join(parts)


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() and len(text) < 6 else None


def ssl_context(tls: Tls | None) -> ssl.SSLContext:
    """The TLS settings towards a producer: its own trust and our certificate, at least TLS 1.2, names checked.

    Raises OSError when a file can't be read.
    """
    context = ssl.create_default_context(cafile=str(tls.ca) if tls and tls.ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls and tls.certificate:
        context.load_cert_chain(str(tls.certificate), str(tls.key) if tls.key else None)
    return context
