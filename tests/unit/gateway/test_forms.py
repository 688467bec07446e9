"""Forms that can't be read: refused, never an error of ours."""

from __future__ import annotations

import pytest

from tests.builders.gateway import a_gateway

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
