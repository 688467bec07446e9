"""Nothing that lets anybody in is in a log: no token, ticket, cookie or token against forged forms.

Every record of every library is looked at from DEBUG on, as it is before anything masks it. The reverse proxy of the
compose file writes no request line, and so no query. Source: the reliability rules 4.1, "WS hijack" and "Logs".
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from services.gateway.session import COOKIE
from tests.builders.deploy import DEPLOY
from tests.security.marked import PORTAL, Marked, advance, marked_system
from tests.security.test_canary import everything_logged


async def by_ticket(patient: Marked, ticket: str, *, query: str = "") -> int | None:
    """A browser's WebSocket, with its ticket in the first frame; gives the type of what came first, or the code."""
    path = f"/v1/rebookings/{patient.rebooking_id}/stream{query}"
    async with patient.browser.ws_connect(path, protocols=["omboka.v1"], headers={"Origin": PORTAL}) as socket:
        await socket.send_json({"type": "hello", "after": 0, **({} if query else {"ticket": ticket})})
        frame = await socket.receive_json(timeout=10)
        if frame["type"] == "problem":
            await socket.receive(timeout=10)
    return socket.close_code if frame["type"] == "problem" else None


async def raw(patient: Marked, request: str) -> None:
    """Send a request that isn't right, byte by byte."""
    address = urlsplit(patient.portal.base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(request.encode())
    async with asyncio.timeout(30):
        await reader.read()
    writer.close()


async def test_no_log_holds_what_lets_anybody_in(tmp_path: Path) -> None:
    """Used rightly, used twice, put where it doesn't belong, and in requests that can't be read: 0 hits."""
    secrets: dict[str, str] = {}
    with everything_logged() as written:
        async with marked_system(tmp_path, "saga") as (_, (patient,)):
            await advance(patient)
            token = patient.portal.token
            secrets |= {f"part {n} of the token": part for n, part in enumerate(token.split("."))}
            secrets["csrf"] = patient.csrf
            (cookie,) = (one.value for one in patient.browser.cookie_jar if one.key == COOKIE)
            secrets["cookie"] = cookie
            for name in ("ticket", "second ticket"):
                given = await patient.ask("POST", f"/v1/rebookings/{patient.rebooking_id}/ticket")
                secrets[name] = json.loads(given[1])["ticket"]
            assert await by_ticket(patient, secrets["ticket"]) is None
            assert await by_ticket(patient, secrets["ticket"]) == 4401
            ticket = secrets["second ticket"]
            assert await by_ticket(patient, ticket, query=f"?ticket={ticket}") == 4401
            for path in ("/v1/me", "/bookings", f"/{token}", "/session"):
                query = {"token": token, "ticket": ticket, "csrf": patient.csrf}
                await patient.ask("GET", path, params=query)
                await patient.browse("POST", path, data=query, headers={"Origin": PORTAL})
            async with aiohttp.ClientSession(patient.portal.base_url) as stranger:
                headers = {"Authorization": f"Bearer {token}x", "Cookie": f"{COOKIE}={cookie}x"}
                async with stranger.get("/v1/me", headers=headers) as answer:
                    assert answer.status == 401
            for wrong in (f"GET /v1/me?ticket={ticket} HTTP/9.9.9", f"G\x01T /{token} HTTP/1.1"):
                await raw(patient, f"{wrong}\r\nAuthorization: Bearer {token}\r\nCookie: {COOKIE}={cookie}\r\n\r\n")
    logged = written.getvalue()
    assert len(logged) > 1000
    assert "/v1/rebookings/{id}/stream" in logged
    assert "omboka.calls" in logged
    assert "a malformed request" in logged
    header = secrets.pop("part 0 of the token")  # the same for everybody: it names the algorithm
    assert header not in logged
    assert len(secrets) == 6
    assert [name for name, secret in secrets.items() if secret in logged] == []


def test_the_reverse_proxy_writes_no_request_line() -> None:
    """Its log has neither path, query nor header; that of its errors, which quotes requests, tells next to nothing."""
    text = (DEPLOY / "nginx" / "gateway.conf").read_text(encoding="utf-8")
    (form,) = re.findall(r"log_format \w+ '([^']*)'", text)
    written = set(re.findall(r"\$(\w+)", form))
    assert written == {
        "time_iso8601",
        "request_method",
        "status",
        "upstream_addr",
        "upstream_status",
        "request_time",
    }
    assert re.findall(r"error_log (\S+) (\w+);", text) == [("stderr", "crit")]
    assert len(re.findall(r"access_log ", text)) == 1
