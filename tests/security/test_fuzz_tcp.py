"""Bytes that are no right HTTP request, straight to the port: refused, without a 5xx and without an exception.

Source: the reliability rules N10.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.gateway.serving import IDLE_SECONDS
from tests.security.marked import Marked, advance, marked_system
from tests.security.results import keep
from tests.security.sizes import chance, size
from tests.security.watching import DEADLINE_SECONDS, Slowest, bounded_memory, nothing_unforeseen

AT_ONCE = 40

PROMPT_SECONDS = IDLE_SECONDS - 2
"""How long a whole request may go unanswered. Less than the gateway waits for one that never ends: else its hanging up
on whoever it hasn't understood would pass for an answer.
"""

SILENCE = 0.3
"""Seconds in which an answer may come to a request that isn't whole, and another one after the first."""

STATUS = re.compile(rb"^HTTP/\d\.\d (\d{3})", re.MULTILINE)
CHUNK = re.compile(rb"([0-9a-fA-F]{1,16})(?:;[^\r\n]*)?\r\n")

BODIES = (
    b"{}",
    b"2\r\n{}\r\n0\r\n\r\n",
    b'5;x=y\r\n{"a":\r\n2\r\n1}\r\n0\r\nX-Trailer: y\r\n\r\n',
    b"[" * 5000,
    b'{"a":' * 3000,
    b'{"id":"a","name":"confirm","seq":1e999}',
    b'{"id":"a","name":"confirm","seq":' + b"9" * 5000 + b"}",
    b'{"id":"\\ud800","name":"search_further"}',
    b'{"id":"a","id":"b","name":"search_further","name":"confirm"}',
    b'{"id":"a","name":"give_details","comment":"\\u0000\\u202e"}',
    b'{"facility":"SE2321000016-1HZ5","booking_id":"' + b"x" * 70_000 + b'"}',
    b'{"facility":"SE2321000016-1HZ5","booking_id":NaN}',
    b"\xff\xfe{\x00}\x00",
    b"\xc3\x28",
    b"id=a&do=confirm&seq=%FF&csrf=%00",
)
LINES = (
    b"Content-Length: -1",
    b"Content-Length: 5, 6",
    b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: gzip",
    b"Content-Encoding: gzip",
    b"Content-Encoding: br",
    b"Content-Encoding: deflate",
    b"Content-Type: multipart/form-data; boundary=x",
    b"Content-Type: multipart/form-data",
    b"Content-Type: application/x-www-form-urlencoded; charset=utf-7",
    b"Content-Type: text/plain; charset=no-such-thing",
    b"Origin: https://portal.example\r\nContent-Type: application/x-www-form-urlencoded",
    b"Origin: https://portal.example\r\nContent-Type: multipart/form-data; boundary=x",
    b"X-CSRF-Token: \xff",
    b"Host: ",
    b"Host: [::1",
    b"Host: a b",
    b"Expect: 100-continue",
    b"Expect: the unexpected",
    b"Upgrade: websocket\r\nConnection: Upgrade",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    b"Authorization: Bearer \xff\xfe",
    b"Authorization: Bearer " + b"a." * 4000,
    b"Authorization: Basic OjpA",
    b"Cookie: omboka_session=gAAAAA" + b"A" * 500,
    b"Cookie: " + b"a=b; " * 900,
    b"Cookie: omboka_session=\xff; =; ;;",
    b"Accept-Language: " + b"sv;q=" * 400,
    b"Accept-Language: sv;q=nan, en;q=-1e999",
    b"Origin: \x01",
    b"X-Forwarded-For: \xff, " + b"," * 500,
    b"traceparent: 00-" + b"z" * 200,
    b"If-None-Match: \xff",
    b"Range: bytes=9999999999999999999-0,-",
    b"X" * 9000 + b": y",
    b"\x00: y",
    b": y",
    b" folded",
    b"a\tb: c",
)
TARGETS = (
    b"/v1/me",
    b"/v1/bookings?wait=nan&facility=%00",
    b"/v1/bookings?wait=0&facility=SE2321000016-1HZ5",
    b"/v1/rebookings",
    b"/v1/rebookings/REBOOKING",
    b"/v1/rebookings/REBOOKING?after=%D9%A1&wait=-1",
    b"/v1/rebookings/REBOOKING/commands",
    b"/v1/rebookings/REBOOKING/events?after=99999999999999999999",
    b"/v1/rebookings/REBOOKING/ticket",
    b"/v1/rebookings/REBOOKING/stream",
    b"/rebookings/REBOOKING/terms",
    b"/rebookings/REBOOKING/time?month=%FF&facility=%C3%28",
    b"/rebookings/REBOOKING/time?month=0000-13",
    b"/rebook?facility=%FF&booking=%00",
    b"/session",
    b"/signout",
    b"/demo/session",
    b"/static/../../../../etc/passwd",
    b"/static/%2e%2e/%2e%2e/app.py",
    b"/static/%00",
    b"/healthz",
    b"/openapi.json",
    b"//evil.example/",
    b"http://evil.example/v1/me",
    b"http://[::1/v1/me",
    b"*",
    b"/%",
    b"/%ff%fe",
    b"/" + b"a/" * 4000,
    b"?",
    b"",
)
METHODS = (
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"PATCH",
    b"g\xffT",
    b"PRI",
    b"",
)
VERSIONS = (b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/1.", b"")


def a_request(random_: random.Random, patient: Marked) -> bytes:
    """A request with something wrong in it: put together of wrong parts, then often changed or cut."""
    target = random_.choice(TARGETS).replace(b"REBOOKING", patient.rebooking_id.encode())
    body = random_.choice(BODIES) if random_.random() < 0.5 else b""
    lines = [
        b" ".join(
            (random_.choice(METHODS[:3] if random_.random() < 0.7 else METHODS), target, random_.choice(VERSIONS))
        )
    ]
    lines += [b"Host: omboka.example", b"Connection: close"]
    if random_.random() < 0.7:
        lines.append(f"Authorization: {patient.portal.headers['Authorization']}".encode())
    if random_.random() < 0.3:
        cookies = patient.browser.cookie_jar.filter_cookies(patient.portal.session._base_url or "")  # type: ignore[arg-type]
        lines.append(b"Cookie: " + "; ".join(f"{one.key}={one.value}" for one in cookies.values()).encode())
    lines += random_.sample(LINES, random_.choice((0, 1, 1, 2, 3)))
    if random_.random() < 0.8:
        lines.append(b"Content-Length: %d" % len(body))
    lines[1:] = random_.sample(lines[1:], len(lines) - 1)
    content = random_.choice((b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r")).join((*lines, b"", b"")) + body
    return changed(random_, content) if random_.random() < 0.6 else content


def changed(random_: random.Random, content: bytes) -> bytes:
    """Change a few bytes: other ones, more, fewer, twice, or nothing after some point."""
    mutable = bytearray(content)
    for _ in range(random_.randint(1, 6)):
        place = random_.randrange(len(mutable) + 1)
        match random_.randrange(5):
            case 0:
                mutable[place : place + 1] = bytes([random_.randrange(256)])
            case 1:
                mutable[place:place] = random_.randbytes(random_.randint(1, 8))
            case 2:
                del mutable[place : place + random_.randint(1, 40)]
            case 3:
                mutable[place:place] = mutable[max(0, place - 60) : place]
            case _:
                if random_.random() < 0.2:
                    del mutable[place:]
    return bytes(mutable)


def is_whole(request: bytes) -> bool:
    """Whether a request is at its end, so that it must be answered or hung up on: nothing more can be waited for.

    So is one whose framing contradicts itself (RFC 9112, 6.3), for where it would end nobody can say.
    """
    head, blank, body = request.lstrip(b"\r\n").partition(b"\r\n\r\n")
    return bool(blank) and _is_body_whole(head, body, unframed=True)


def is_answered(received: bytes, request: bytes) -> bool:
    """Whether a final answer is at its end, or the protocol another one. Without a length, closing is its end."""
    head, blank, body = received.partition(b"\r\n\r\n")
    if not blank:
        return False
    status = int(head[9:12])
    if 100 <= status < 200 and status != 101:
        return is_answered(body, request)
    if status in (101, 204, 304) or request.lstrip(b"\r\n").startswith(b"HEAD "):
        return True
    return _is_body_whole(head, body, unframed=False)


def _is_body_whole(head: bytes, body: bytes, *, unframed: bool) -> bool:
    lengths, codings = _values(head, b"content-length"), _values(head, b"transfer-encoding")
    if codings == [b"chunked"] and not lengths:
        return _are_chunks_whole(body)
    if len(lengths) == 1 and lengths[0].isdigit() and not codings:
        return len(body) >= int(lengths[0])
    return unframed


def _values(head: bytes, name: bytes) -> list[bytes]:
    fields = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    return [value.strip(b" \t").lower() for found, _, value in fields if found.lower() == name]


def _are_chunks_whole(body: bytes) -> bool:
    while line := CHUNK.match(body):
        length, rest = int(line[1], 16), body[line.end() :]
        if not length:
            return rest.startswith(b"\r\n") or b"\r\n\r\n" in rest
        body = rest[length + 2 :]
    return False


async def send(host: str, port: int, request: bytes, slowest: Slowest) -> list[int]:
    """The statuses that a request is answered with; none when the server hangs up.

    Raises TimeoutError when one that is whole hears nothing to the end, or when the server keeps a connection of which
    it knows that nothing more comes.
    """
    reader, writer = await asyncio.open_connection(host, port)
    received = bytearray()

    async def hear(seconds: float, *, to_the_end: bool = False) -> None:
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(seconds):
                while to_the_end or not is_answered(received, request):
                    part = await reader.read(65536)
                    if not part:
                        return
                    received.extend(part)

    try:
        writer.write(request)
        if is_whole(request):
            with slowest.measured():
                await hear(PROMPT_SECONDS)
        with contextlib.suppress(TimeoutError):
            await hear(SILENCE, to_the_end=True)
        with contextlib.suppress(OSError):  # it may be closed already
            writer.write_eof()
        with slowest.measured():
            await hear(DEADLINE_SECONDS, to_the_end=True)
    finally:
        writer.transport.abort()
    return [int(status) for status in STATUS.findall(received)]


WHOLE = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\n: y\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nX: y\r\n\r\n",
)


@asynccontextmanager
async def hanging(beginning: bytes) -> AsyncIterator[tuple[str, int]]:
    """A server that answers so much and no more, until it hears that nothing more comes; gives where."""

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield host, port


@pytest.mark.parametrize("request_", WHOLE)
async def test_a_server_that_hangs_is_seen(request_: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is whole and isn't answered to the end fails; what lacks a byte is waited for."""
    monkeypatch.setattr("tests.security.test_fuzz_tcp.PROMPT_SECONDS", 0.05)
    monkeypatch.setattr("tests.security.test_fuzz_tcp.SILENCE", 0.01)
    for beginning in (b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"):
        async with hanging(beginning) as (host, port):
            with pytest.raises(TimeoutError):
                await send(host, port, request_, Slowest())
            await send(host, port, request_[:-1], Slowest())
    async with hanging(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n") as (host, port):
        assert await send(host, port, request_, Slowest()) == [200]


@pytest.mark.timeout(900)
async def test_malformed_requests_are_refused(tmp_path: Path) -> None:
    """Each gets a refusal, an answer or a closed connection, in time; a right one is answered after each batch."""
    random_ = chance("tcp")
    async with marked_system(tmp_path, "saga") as (_, (patient,)):
        await advance(patient)
        address = urlsplit(patient.portal.base_url)
        assert address.hostname is not None
        assert address.port is not None
        host, port = address.hostname, address.port
        ends: Counter[str] = Counter()
        most, slowest = asyncio.Semaphore(AT_ONCE), Slowest()
        right = f"GET /v1/me HTTP/1.1\r\nHost: a\r\nAuthorization: {patient.portal.headers['Authorization']}\r\n\r\n"

        async def one(request: bytes) -> None:
            async with most:
                try:
                    found = await send(host, port, request, slowest)
                except TimeoutError:
                    raise AssertionError(f"neither answered nor hung up on in time: {request[:2000]!r}") from None
            assert all(status < 500 for status in found), (found, request[:2000])
            ends.update(map(str, found or ["hung up on"]))

        tried = size(400, 10_000)
        with nothing_unforeseen(), bounded_memory() as memory:
            for _ in range(0, tried, AT_ONCE * 5):
                await asyncio.gather(*(one(a_request(random_, patient)) for _ in range(AT_ONCE * 5)))
                assert await send(host, port, right.encode(), slowest) == [200]
    assert ends["400"] > 20
    assert len(ends) >= 5, ends
    keep("tcp", tried=tried, slowest=slowest.seconds, grown=memory.grown, ends=ends)
