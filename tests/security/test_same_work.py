"""What isn't yours takes as long as what isn't there: by the work that is done for it, not by a clock.

Source: the interface, "another's = 404, same body, same time class".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.gateway.routes import ROUTES
from tests.builders.gateway import Gateway, a_gateway, a_token
from tests.security.test_two_patients import NOBODYS, filled

ANOTHER = "198706229286"
ASKED = {"events": ("read_each", "append", "open", "last_seqs"), "ledger": ("read", "of_bookings", "accept")}
OF_A_REBOOKING = [route for route in ROUTES if "{id" in route.path and not route.path.endswith("/stream")]


def watched(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every asking of the event log and of the ledger."""
    noted: list[str] = []

    def noting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            noted.append(name)
            return method(*arguments, **named)

        return call

    for part, methods in ASKED.items():
        of = getattr(gateway, part)
        for method in methods:
            monkeypatch.setattr(of, method, noting(f"{part} {method}", getattr(of, method)))
    return noted


async def work_for(gateway: Gateway, noted: list[str], method: str, path: str) -> tuple[int, list[str]]:
    """The status that somebody else's request gets, and what was asked for it."""
    noted.clear()
    headers = gateway.headers(a_token(ANOTHER, now=gateway.clock.now()))
    content = {"id": "c1", "name": "search_further"} if method == "POST" else None
    async with gateway.client.request(method, path, headers=headers, json=content) as answer:
        await answer.read()
    await gateway.settle()
    return answer.status, list(noted)


@pytest.mark.parametrize("route", OF_A_REBOOKING, ids=lambda route: f"{route.method} {route.path}")
async def test_as_much_is_asked_for_anothers_as_for_one_that_is_not_there(
    route: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same order: neither the answer nor the time says whether there is such a rebooking."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        noted = watched(gateway, monkeypatch)
        (theirs,), (nobodys,) = filled(route.path, rebooking_id), filled(route.path, NOBODYS)
        found = await work_for(gateway, noted, route.method, theirs)
        assert found == await work_for(gateway, noted, route.method, nobodys)
        assert found[0] == 404
        assert found[1], "nothing was looked for"
