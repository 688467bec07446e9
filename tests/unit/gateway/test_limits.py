"""How much one address may ask, and whose word counts for an address. Source: the interface, `limits`."""

from __future__ import annotations

import pytest

from services.gateway.limits import WINDOW_SECONDS
from tests.builders.gateway import OWN, Gateway, a_configuration, a_gateway, a_token

FIRST, SECOND = "191212121212", "198706229286"


def few(**limits: int) -> dict[str, object]:
    """A gateway's settings with these limits."""
    changed = a_configuration().limits.model_copy(update=limits)
    return {"configuration": a_configuration(limits=changed)}


async def ask(gateway: Gateway, subject: str, *hops: str) -> int:
    """Ask something that is counted, said to come over these hops; gives the status."""
    headers = {"X-Forwarded-For": ", ".join(hops)} if hops else {}
    wanted = {"facility": OWN, "booking_id": f"B{subject}"}
    answer = await gateway.post("/v1/rebookings", wanted, token=a_token(subject, now=gateway.clock.now()), **headers)
    return answer.status


async def test_an_address_has_a_limit_of_its_own() -> None:
    """Whoever it is, however little each of them asks; after ten seconds there is room again."""
    async with a_gateway(**few(commands_per_10s_per_address=3)) as gateway:
        asked = [await ask(gateway, subject) for subject in (FIRST, SECOND, FIRST, SECOND)]
        assert asked == [201, 201, 200, 429]
        gateway.clock.move(WINDOW_SECONDS)
        assert await ask(gateway, SECOND) == 200


async def test_what_one_patient_asks_too_much_is_not_counted_against_the_others_of_the_address() -> None:
    """A patient over the own limit is refused before the address is looked at."""
    async with a_gateway(**few(commands_per_10s=1, commands_per_10s_per_address=2)) as gateway:
        asked = [await ask(gateway, subject) for subject in (FIRST, FIRST, FIRST, SECOND)]
        assert asked == [201, 429, 429, 201]


@pytest.mark.parametrize(
    ("proxies", "hops", "statuses"),
    [
        (0, ("10.0.0.1",), [201, 429]),
        (1, ("10.0.0.1",), [201, 201]),
        (1, ("forged", "10.0.0.1"), [201, 201]),
        (2, ("10.0.0.1", "10.9.9.9"), [201, 201]),
        (2, ("10.9.9.9",), [201, 429]),
    ],
    ids=["nobody is trusted", "one proxy", "a client's own word before the proxy's", "two", "fewer hops than proxies"],
)
async def test_an_address_is_what_a_trusted_proxy_has_seen(
    proxies: int, hops: tuple[str, ...], statuses: list[int]
) -> None:
    """The header counts as far as our own proxies have written it: nobody gets a new limit by a word of their own."""
    async with a_gateway(trusted_proxies=proxies, **few(commands_per_10s_per_address=1)) as gateway:
        first = await ask(gateway, FIRST, *hops)
        other = tuple("10.0.0.2" if hop == "10.0.0.1" else hop for hop in hops)
        assert [first, await ask(gateway, SECOND, *other)] == statuses


async def test_the_addresses_of_an_ipv6_network_are_one_clients() -> None:
    """Whoever has one has 2⁶⁴ of them; another network is somebody else's, and a mapped IPv4 address is that one."""
    async with a_gateway(trusted_proxies=1, **few(commands_per_10s_per_address=1)) as gateway:
        hops = ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1", "::ffff:10.0.0.1", "10.0.0.1")
        asked = [await ask(gateway, (FIRST, SECOND)[n % 2], hop) for n, hop in enumerate(hops)]
        assert [status == 429 for status in asked] == [False, True, False, False, True]


async def test_a_client_that_forges_an_address_before_a_trusted_proxy_keeps_its_own() -> None:
    """The proxy appends what it has seen; whatever stood before it says nothing."""
    async with a_gateway(trusted_proxies=1, **few(commands_per_10s_per_address=1)) as gateway:
        assert await ask(gateway, FIRST, "10.1.1.1", "10.0.0.1") == 201
        assert await ask(gateway, SECOND, "10.2.2.2", "10.0.0.1") == 429
