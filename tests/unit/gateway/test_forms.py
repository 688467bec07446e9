"""Forms and bodies that can't be read: refused, never an error of ours."""

from __future__ import annotations

import asyncio
import logging

import pytest

from services.gateway.app import make_app
from services.gateway.serving import serving
from tests.builders.access_log import access_log_to
from tests.builders.gateway import a_gateway, a_token

PLAIN = "application/x-www-form-urlencoded"
PATHS = ("/session", "/signout", "/demo/session", "/rebookings/" + "0" * 32 + "/terms")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"a"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--"),
        ("multipart/form-data; boundary=x", b"no boundary"),
        (f"{PLAIN}; charset=no-such-thing", b"a=b"),
        (PLAIN, b"\xff\xfe=\xff"),
        (PLAIN, b"&".join(b"a=b" for _ in range(10_000))),
    ],
    ids=["no boundary said", "no name", "no boundary", "charset", "no text", "many fields"],
)
async def test_a_form_that_cannot_be_read_is_refused(path: str, kind: str, body: bytes) -> None:
    """The same refusal at every address that takes a form; nothing of the form is repeated."""
    async with a_gateway() as gateway:
        headers = {"Content-Type": kind, "Origin": "https://portal.example"}
        async with gateway.client.post(path, data=body, headers=headers) as answer:
            assert 400 <= answer.status < 500, await answer.text()


@pytest.mark.parametrize("path", ["/session", "/v1/rebookings"])
async def test_who_goes_away_in_the_middle_of_a_body_is_no_error_of_ours(path: str) -> None:
    """Half a body and a reset: the request ends as one that can't be read."""
    async with a_gateway() as gateway, serving(make_app(gateway.deps), host="127.0.0.1", port=0) as served:
        port = int(served.base_url.rpartition(":")[2])
        ended = _Ended()
        with access_log_to(ended):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {a_token()}\r\nContent-Length: 100\r\n"
            writer.write(f"{head}Content-Type: {PLAIN}\r\nExpect: 100-continue\r\n\r\nhalf".encode())
            await asyncio.wait_for(reader.readuntil(b"100 Continue\r\n\r\n"), 10)
            writer.transport.abort()
            async with asyncio.timeout(10):
                said = await ended.told.get()
        assert 400 <= int(said.split()[2]) < 500, said


class _Ended(logging.Handler):
    """Hands on what the access log tells."""

    def __init__(self) -> None:
        super().__init__()
        self.told: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it on."""
        self.told.put_nowait(record.getMessage())
