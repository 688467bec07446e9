"""Bytes that are no right HTTP request, straight to the port: refused, without a 5xx and without an exception.

Source: the reliability rules N10.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.security.marked import Marked, advance, marked_system
from tests.security.results import keep
from tests.security.sizes import chance, size
from tests.security.watching import DEADLINE_SECONDS, Slowest, bounded_memory, nothing_unforeseen

AT_ONCE = 40
SILENCE = 0.3
"""Seconds after which a request that isn't answered counts as one that the server waits for more of."""

STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3})", re.MULTILINE)

BODIES = (
    b"{}",
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


async def send(host: str, port: int, content: bytes) -> list[int]:
    """The statuses that a request is answered with; none when the server hangs up or waits for more."""
    reader, writer = await asyncio.open_connection(host, port)
    got = b""
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(content)
            await writer.drain()
            while part := await _read(reader):
                got += part
    finally:
        writer.transport.abort()
    return [int(status) for status in STATUS.findall(got)]


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(65536), SILENCE)
    except TimeoutError:
        return b""


@pytest.mark.timeout(900)
async def test_malformed_requests_are_refused(tmp_path: Path) -> None:
    """Each gets a refusal, an answer or a closed connection; after all of them the gateway answers as before."""
    random_ = chance("tcp")
    async with marked_system(tmp_path, "saga") as (_, (patient,)):
        await advance(patient)
        address = urlsplit(patient.portal.base_url)
        assert address.hostname is not None
        assert address.port is not None
        statuses: Counter[int] = Counter()
        most, slowest = asyncio.Semaphore(AT_ONCE), Slowest()

        async def one(content: bytes) -> None:
            async with most, asyncio.timeout(DEADLINE_SECONDS):
                with slowest.measured():
                    found = await send(str(address.hostname), int(address.port or 0), content)
            assert all(status < 500 for status in found), (found, content[:2000])
            statuses.update(found)

        tried = size(400, 10_000)
        with nothing_unforeseen(), bounded_memory() as memory:
            for _ in range(0, tried, AT_ONCE * 5):
                await asyncio.gather(*(one(a_request(random_, patient)) for _ in range(AT_ONCE * 5)))
        assert (await patient.ask("GET", "/v1/me"))[0] == 200
    assert statuses[400] > 20
    assert len(statuses) >= 4, statuses
    ends = {str(status): count for status, count in statuses.items()}
    keep("tcp", tried=tried, slowest=slowest.seconds, grown=memory.grown, ends=ends)
