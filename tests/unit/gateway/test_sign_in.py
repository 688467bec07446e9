"""The browser's session: handed over by a portal, used by /v1 with a token against forged requests, and ended."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import ClientResponse

from services.gateway.deps import SESSIONS
from services.gateway.session import COOKIE, Session, check_csrf
from services.gateway.sign_in import local_path
from shared.contracts.problems import ProblemType, Refusal
from tests.builders.gateway import OWN, Gateway, a_gateway, a_token

PORTAL = {"Origin": "https://portal.example"}


async def hand_over(gateway: Gateway, *, headers: dict[str, str] = PORTAL, **form: str) -> ClientResponse:
    """A portal's form, as the browser sends it."""
    form = {"token": a_token(now=gateway.clock.now()), "next": "/bookings", **form}
    return await gateway.client.post("/session", data=form, headers=headers, allow_redirects=False)


def cookie_of(answer: ClientResponse) -> str:
    """The session's cookie as a request sends it."""
    return f"{COOKIE}={answer.cookies[COOKIE].value}"


def session_of(gateway: Gateway, answer: ClientResponse) -> Session:
    """The session that the cookie holds."""
    sealed = answer.cookies[COOKIE].value

    class Request:
        cookies = {COOKIE: sealed}  # noqa: RUF012 - a request as far as reading goes

    found = gateway.client.app[SESSIONS].read(Request(), now=gateway.clock.now().timestamp())  # type: ignore[arg-type]
    assert found is not None
    return found


async def test_a_portal_hands_a_patient_over():
    """303 to where the portal said, with a cookie that no script reads and that holds nothing in clear."""
    async with a_gateway() as gateway:
        answer = await hand_over(gateway)
        assert (answer.status, answer.headers["Location"]) == (303, "/bookings")
        header = answer.headers["Set-Cookie"]
        assert re.search(r"HttpOnly", header)
        assert re.search(r"SameSite=Lax", header)
        assert "191212" not in header


async def test_the_cookie_is_secure_where_the_address_is():
    """With an https address the cookie only travels over https."""
    async with a_gateway(public_url="https://omboka.example") as gateway:
        assert "Secure" in (await hand_over(gateway)).headers["Set-Cookie"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
async def test_only_listed_portals_may_hand_over(origin: str | None) -> None:
    """Another origin, or none: 403 and no cookie."""
    async with a_gateway() as gateway:
        answer = await hand_over(gateway, headers={"Origin": origin} if origin else {})
        assert (answer.status, COOKIE in answer.cookies) == (403, False)


@pytest.mark.parametrize("token", ["", "forged.token.here"])
async def test_a_token_that_proves_nothing(token: str) -> None:
    """401 and no cookie."""
    async with a_gateway() as gateway:
        answer = await hand_over(gateway, token=token)
        assert (answer.status, COOKIE in answer.cookies) == (401, False)


async def test_the_interface_takes_the_cookie_with_its_csrf_token():
    """Same origin and X-CSRF-Token: as good as a bearer token. Without either: 403."""
    async with a_gateway() as gateway:
        answer = await hand_over(gateway)
        session, cookie = session_of(gateway, answer), cookie_of(answer)
        own = str(gateway.client.make_url("/")).rstrip("/")
        good = {"Cookie": cookie, "X-CSRF-Token": session.csrf, "Origin": own}
        refused: list[dict[str, str]] = [
            {**good, "X-CSRF-Token": "guessed"},
            {"Cookie": cookie, "Origin": own},
            {**good, "Origin": "https://portal.example"},
            {**good, "Sec-Fetch-Site": "cross-site"},
        ]
        gateway.client.session.cookie_jar.clear()
        body: dict[str, Any] = {"facility": OWN, "booking_id": "B1"}
        assert (await gateway.client.post("/v1/rebookings", json=body, headers=good)).status == 201
        assert (await gateway.client.get("/v1/me", headers=good)).status == 200
        for headers in refused:
            assert (await gateway.client.post("/v1/rebookings", json=body, headers=headers)).status == 403
        tampered = {**good, "Cookie": cookie[:-4] + "AAAA"}
        assert (await gateway.client.get("/v1/me", headers=tampered)).status == 401
        gateway.clock.move(301)
        assert (await gateway.client.get("/v1/me", headers=good)).status == 401


@pytest.mark.parametrize("sent", ["\udcff", "gAAAAA\udcff", "ÅÄÖ", "gAAAA", "\x00"])
async def test_a_cookie_that_is_no_text_is_no_session(sent: str) -> None:
    """Bytes beyond ASCII in the cookie or in the token against forged requests: refused, not an error of ours."""

    class Request:
        cookies = {COOKIE: sent}  # noqa: RUF012 - a request as far as reading goes

    async with a_gateway() as gateway:
        session = session_of(gateway, await hand_over(gateway))
        assert gateway.client.app[SESSIONS].read(Request(), now=gateway.clock.now().timestamp()) is None  # type: ignore[arg-type]
        with pytest.raises(Refusal) as refused:
            check_csrf(session, sent)
        assert refused.value.problem.type is ProblemType.NOT_ALLOWED


async def test_the_socket_does_not_take_the_cookie():
    """A WebSocket wants a token or a ticket, whatever the browser sends by itself."""
    async with a_gateway() as gateway:
        answer = await hand_over(gateway)
        headers = {"Cookie": cookie_of(answer), **PORTAL}
        rebooking_id = await gateway.start()
        socket = await gateway.client.ws_connect(f"/v1/rebookings/{rebooking_id}/stream", headers=headers)
        await socket.send_json({"type": "hello"})
        while not socket.closed:
            await socket.receive(timeout=10)
        assert socket.close_code == 4401


async def test_signing_out():
    """The cookie goes, and one is led back to the portal; a forged request signs nobody out."""
    async with a_gateway(return_url="https://portal.example/back") as gateway:
        answer = await hand_over(gateway)
        session, cookie = session_of(gateway, answer), cookie_of(answer)
        gateway.client.session.cookie_jar.clear()

        async def sign_out(csrf: str, **headers: str) -> ClientResponse:
            sent = {"Cookie": cookie, **headers}
            form = {"csrf": csrf}
            return await gateway.client.post("/signout", data=form, headers=sent, allow_redirects=False)

        assert (await sign_out("guessed")).status == 403
        assert (await sign_out(session.csrf, Origin="https://evil.example")).status == 403
        gone = await sign_out(session.csrf)
        assert (gone.status, gone.headers["Location"]) == (303, "https://portal.example/back")
        assert gone.cookies[COOKIE]["max-age"] == "0"


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/bookings?facility=SE1", "/bookings?facility=SE1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_one_is_only_led_to_our_own_pages(asked: object, led: str) -> None:
    """`next` is a path of this gateway or nothing."""
    assert local_path(asked) == led
