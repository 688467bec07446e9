"""UpdateBooking's connection, in two halves: open it and write nothing; then write once and read.

Between the halves the ledger commits that the request is being sent. The connection is always a fresh one, because a
reset on a reused one proves nothing. Source: the reliability rules 3.4.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.client_proto import ResponseHandler

from shared.contracts.model import UpdateResult
from shared.scheduling.answers import read_update_result
from shared.scheduling.failures import ConnectionBroken, NotReached, SchedulingFailure
from shared.scheduling.transport import UPDATE_LIMIT, post, tls_failure


class _OneConnection(aiohttp.BaseConnector):
    """Hands out the one connection that was opened before, once."""

    def __init__(self, protocol: ResponseHandler) -> None:
        super().__init__(force_close=True, limit=1)
        self._protocol: ResponseHandler | None = protocol

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:  # noqa: ASYNC109 - aiohttp's own
        protocol, self._protocol = self._protocol, None
        if protocol is None:
            raise aiohttp.ClientConnectionError("the connection has been used")
        return protocol


class UpdateConnection:
    """An open connection on which one UpdateBooking may be written, once."""

    def __init__(
        self,
        protocol: ResponseHandler,
        transport: asyncio.Transport,
        *,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        silence: float,
        deadline: float,
        told: Callable[[float, str, str | None], None],
    ) -> None:
        self._protocol = protocol
        self._transport = transport
        self._url = url
        self._body = body
        self._headers = headers
        self._silence = silence
        self._deadline = deadline
        self._told = told
        self._used = False

    async def send(self) -> UpdateResult:
        """Write the request, once, and read its answer strictly. Raises SchedulingFailure.

        NotReached means that the connection was gone before a byte was written.
        """
        if self._used:
            raise RuntimeError("an UpdateBooking is written once")
        self._used = True
        started, outcome = time.monotonic(), "unforeseen"
        why: str | None = None
        try:
            result = await self._send()
            outcome = "ok"
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except SchedulingFailure as failure:
            outcome, why = failure.vp_code or failure.kind, str(failure)
            raise
        finally:
            self._told(time.monotonic() - started, outcome, why)
        return result

    async def _send(self) -> UpdateResult:
        if self._transport.is_closing() or not self._protocol.is_connected() or self._protocol.should_close:
            # `should_close` also tells of bytes that came before anything was asked: no answer to us.
            raise NotReached("the connection was gone before anything was written")
        session = aiohttp.ClientSession(
            connector=_OneConnection(self._protocol), trust_env=False, auto_decompress=False
        )
        async with session:
            try:
                answer = await post(
                    session,
                    self._url,
                    self._body,
                    self._headers,
                    limit=UPDATE_LIMIT,
                    connect=self._deadline,
                    deadline=self._deadline,
                    silence=self._silence,
                )
            except NotReached as failure:
                # From here on bytes may have been written, whatever the client library calls it.
                raise ConnectionBroken(str(failure)) from None
        return read_update_result(answer.status, answer.body, retry_after=answer.retry_after)

    async def close(self) -> None:
        """Give the connection up; safe to call again."""
        self._transport.abort()


async def open_connection(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    context: ssl.SSLContext | None,
    connect: float,
    silence: float,
    deadline: float,
    told: Callable[[float, str, str | None], None],
) -> UpdateConnection:
    """Open TCP and TLS to an address within `connect` seconds and write nothing. Raises NotReached.

    `told` hears once, when the sending ends: how many seconds it took, its outcome (`ok` or the kind of failure), and a
    failure's text.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(connect):
            transport, protocol = await loop.create_connection(
                lambda: ResponseHandler(loop),
                parts.hostname or "",
                parts.port or (443 if secure else 80),
                ssl=context if secure else None,
                server_hostname=parts.hostname if secure else None,
            )
    except ssl.SSLError as error:
        raise tls_failure(error) from None
    except (OSError, TimeoutError, UnicodeError) as error:
        raise NotReached(f"could not connect: {type(error).__name__}") from None
    return UpdateConnection(
        protocol, transport, url=url, body=body, headers=headers, silence=silence, deadline=deadline, told=told
    )
