"""omboka-client.js by itself, in the browser that runs it, with a socket, a fetch and a clock that the test holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.builders.pages import a_visit

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

KIT = """async () => {
  const { OmbokaClient, backoff } = await import("/static/omboka-client.js");
  const answer = (status, body) => ({ ok: status < 300, status, json: async () => body });
  window.backoff = backoff;
  window.kit = (options = {}) => {
    const seen = { sockets: [], fetched: [], waits: [], told: [], next: [] };
    class Socket {
      constructor(address, protocol) { Object.assign(this, { address, protocol, sent: [] }); seen.sockets.push(this); }
      send(text) { this.sent.push(JSON.parse(text)); }
      close() { this.closed = true; }
      says(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
    }
    seen.client = new OmbokaClient({
      rebooking: "r1",
      socket: Socket,
      headers: () => ({ "X-CSRF-Token": "t" }),
      later: (seconds, again) => { seen.waits.push(seconds); seen.again = again; },
      fetch: async (path, init = {}) => {
        seen.fetched.push({ path, method: init.method ?? "GET", headers: init.headers, body: init.body });
        const [status, body] = seen.next.shift() ?? [200, { ticket: "k" + seen.fetched.length }];
        if (status === 0) throw new TypeError("no connection");
        return answer(status, body);
      },
      ...options,
    });
    for (const name of ["event", "resync", "problem", "state"]) {
      seen.client.addEventListener(name, ({ detail }) => seen.told.push([name, detail.seq ?? detail]));
    }
    return seen;
  };
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(chromium: Any) -> AsyncIterator[Page]:
    """A page of the gateway's with the client in it, and nothing that follows anything."""
    async with a_visit(signed_in=False) as visit:
        browsing = await chromium.new_context(base_url=str(visit.gateway.client.make_url("")).rstrip("/"))
        page = await browsing.new_page()
        await page.goto("/sign-in")
        await page.evaluate(KIT)
        yield page
        await browsing.close()


async def test_it_says_hello_with_a_ticket_and_resumes_after_the_last_event(page: Page) -> None:
    """After a broken connection a new ticket is taken, and the hello asks for what came after the last seq."""
    found = await page.evaluate("""async () => {
      const seen = kit();
      await seen.client.connect();
      seen.sockets[0].onopen();
      seen.sockets[0].says({ type: "event", seq: 1, name: "booking.ready", data: {} });
      seen.sockets[0].says({ type: "event", seq: 2, name: "terms.ready", data: {} });
      seen.sockets[0].onclose({ code: 1006 });
      await seen.again();
      seen.sockets[1].onopen();
      const { address, protocol } = seen.sockets[0];
      const hellos = seen.sockets.map((one) => one.sent[0]);
      return { hellos, fetched: seen.fetched, address, protocol, told: seen.told };
    }""")
    assert found["hellos"] == [
        {"type": "hello", "after": 0, "ticket": "k1"},
        {"type": "hello", "after": 2, "ticket": "k2"},
    ]
    assert found["address"].startswith("ws://")
    assert found["address"].endswith("/v1/rebookings/r1/stream")
    assert found["protocol"] == "omboka.v1"
    assert [one["path"] for one in found["fetched"]] == ["/v1/rebookings/r1/ticket"] * 2
    assert found["fetched"][0]["method"] == "POST"
    assert found["fetched"][0]["headers"] == {"X-CSRF-Token": "t"}
    assert found["told"] == [["state", "live"], ["event", 1], ["event", 2], ["state", "waiting"], ["state", "live"]]


async def test_an_event_is_told_once_and_in_order(page: Page) -> None:
    """An event that comes a second time isn't told again; resync and problems are passed on."""
    told = await page.evaluate("""async () => {
      const seen = kit({ after: 4 });
      await seen.client.connect();
      const [socket] = seen.sockets;
      socket.onopen();
      for (const seq of [4, 5, 5, 3, 6]) socket.says({ type: "event", seq, name: "days.ready", data: {} });
      socket.says({ type: "resync" });
      socket.says({ type: "problem", id: "c", problem: { status: 409 } });
      socket.says({ type: "pong" });
      return seen.told.map(([name, detail]) => (name === "event" ? detail : name));
    }""")
    assert told == ["state", 5, 6, "resync", "problem"]


@pytest.mark.parametrize(("code", "ends"), [(4403, True), (4404, True), (4410, True), (4401, False), (1012, False)])
async def test_which_close_codes_end_it(page: Page, code: int, ends: bool) -> None:
    """Where trying again is of no use it ends; an expired ticket and a restart are tried again."""
    found = await page.evaluate(
        """async (code) => {
      const seen = kit();
      await seen.client.connect();
      seen.sockets[0].onopen();
      seen.sockets[0].onclose({ code });
      return { state: seen.told.at(-1), waits: seen.waits.length };
    }""",
        code,
    )
    assert found == ({"state": ["state", "ended"], "waits": 0} if ends else {"state": ["state", "waiting"], "waits": 1})


@pytest.mark.parametrize(
    ("status", "state"),
    [(401, "ended"), (403, "ended"), (404, "ended"), (410, "ended"), (503, "waiting"), (0, "waiting")],
)
async def test_a_ticket_that_is_refused(page: Page, status: int, state: str) -> None:
    """Signed out, not ours or gone: it ends; out of order or without connection: it tries again."""
    found = await page.evaluate(
        """async (status) => {
      const seen = kit();
      seen.next.push([status, {}]);
      await seen.client.connect();
      return { told: seen.told.at(-1), sockets: seen.sockets.length };
    }""",
        status,
    )
    assert found == {"told": ["state", state], "sockets": 0}


async def test_waits_double_with_chance_up_to_half_a_minute(page: Page) -> None:
    """The first wait is under half a second; none is over 30 s; an event makes the next one short again."""
    found = await page.evaluate("""async () => {
      const seen = kit();
      for (let times = 0; times < 8; times++) {
        seen.next.push([503, {}]);
        await (seen.again ?? (() => seen.client.connect()))();
      }
      await seen.again();
      seen.sockets[0].onopen();
      seen.sockets[0].says({ type: "event", seq: 1, name: "days.ready", data: {} });
      seen.sockets[0].onclose({ code: 1006 });
      const [least, most] = [0, 1].map((chance) => [0, 3, 20].map((tries) => backoff(tries, chance)));
      return { waits: seen.waits, least, most };
    }""")
    assert found["least"] == [0.25, 2, 15]
    assert found["most"] == [0.5, 4, 30]
    for tries, wait in enumerate(found["waits"][:8]):
        longest = min(30, 0.5 * 2**tries)
        assert longest / 2 <= wait <= longest
    assert found["waits"][8] <= 0.5


async def test_where_sockets_never_open_it_asks_with_long_polls(page: Page) -> None:
    """After three sockets that never opened it polls, and tells to fetch the snapshot when something happened."""
    found = await page.evaluate("""async () => {
      const seen = kit();
      await seen.client.connect();
      for (const _ of [1, 2, 3]) {
        seen.sockets.at(-1).onclose({ code: 1006 });
        if (seen.sockets.length < 3) await seen.again();
      }
      seen.next.push([200, { seq: 7 }]);
      await seen.again();
      const last = seen.fetched.at(-1).path;
      return { sockets: seen.sockets.length, last, told: seen.told.slice(-2), seq: seen.client.seq };
    }""")
    assert found["sockets"] == 3
    assert found["last"] == "/v1/rebookings/r1?wait=25&after=0"
    assert found["told"] == [["state", "polling"], ["resync", {}]]
    assert found["seq"] == 7


async def test_commands_go_over_http_and_reject_with_the_problem(page: Page) -> None:
    """The id is the caller's when given, else a new one; a refusal rejects with its problem."""
    found = await page.evaluate("""async () => {
      const seen = kit();
      seen.next.push([202, { command_id: "c", seq: 3 }], [202, {}], [409, { status: 409, type: "t" }]);
      const first = await seen.client.command("choose_day", { date: "2026-02-02" }, "c");
      await seen.client.command("search_further");
      const refused = await seen.client.command("confirm").catch((problem) => problem);
      return { first, refused, sent: seen.fetched.map((one) => [one.method, one.path, JSON.parse(one.body)]) };
    }""")
    assert found["first"] == {"command_id": "c", "seq": 3}
    assert found["refused"] == {"status": 409, "type": "t"}
    method, path, body = found["sent"][0]
    assert (method, path) == ("POST", "/v1/rebookings/r1/commands")
    assert body == {"id": "c", "name": "choose_day", "date": "2026-02-02"}
    assert len(found["sent"][1][2]["id"]) == 36


async def test_close_stops_for_good(page: Page) -> None:
    """Nothing is tried again after it, whatever the socket says."""
    found = await page.evaluate("""async () => {
      const seen = kit();
      await seen.client.connect();
      const [socket] = seen.sockets;
      socket.onopen();
      seen.client.close();
      socket.onclose({ code: 1006 });
      await seen.client.connect();
      return { closed: socket.closed, waits: seen.waits, sockets: seen.sockets.length, told: seen.told.at(-1) };
    }""")
    assert found == {"closed": True, "waits": [], "sockets": 1, "told": ["state", "ended"]}
