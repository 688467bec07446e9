"""Nobody reads or changes anything unnoticed: one entry for each answer to a known caller, and for each frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shared.audit.audit_log import AuditUnavailable, MemoryAudit
from shared.audit.chain import Access
from tests.builders.gateway import ANOTHER_SUBJECT, Gateway, a_gateway, a_token
from tests.builders.pages import a_visit


class FullAudit(MemoryAudit):
    """An audit log that takes nothing more from some moment on: before an access is given, or only after."""

    full_before = full_after = False

    def check(self) -> None:
        """Whether there is room."""
        if self.full_before:
            raise AuditUnavailable

    def note(self, access: Access) -> None:
        """Note it where there is room."""
        if self.full_after:
            raise AuditUnavailable
        super().note(access)


def noted(gateway: Gateway) -> list[Access]:
    """What has been noted."""
    audit = gateway.deps.audit
    assert isinstance(audit, MemoryAudit)
    return audit.noted


@contextmanager
def noting(gateway: Gateway, *expected: tuple[str, str]) -> Iterator[list[Access]]:
    """Exactly these acts and outcomes are noted in the block."""
    before = len(noted(gateway))
    found: list[Access] = []
    yield found
    found += noted(gateway)[before:]
    assert [(one.act, one.outcome) for one in found] == list(expected)


async def test_each_answer_to_a_known_caller_is_noted_once() -> None:
    """Whose, what, which rebooking and command, and how it ended; also what isn't theirs and what was refused."""
    async with a_gateway() as gateway:
        with noting(gateway, ("POST /v1/rebookings", "201")):
            rebooking_id = await gateway.start()
        path = f"/v1/rebookings/{rebooking_id}"
        with noting(gateway, ("GET /v1/rebookings/{id}", "200")) as found:
            await gateway.get(path)
        assert found[0].of == rebooking_id
        assert found[0].actor == found[0].subject
        with noting(gateway, ("GET /v1/rebookings/{id}", "404")) as found:
            await gateway.get(path, token=a_token(ANOTHER_SUBJECT))
        assert found[0].subject != noted(gateway)[0].subject
        with noting(gateway, ("POST /v1/rebookings/{id}/commands search_further", "422")) as found:
            await gateway.post(f"{path}/commands", {"id": "c1", "name": "search_further"})
        assert found[0].command_id == "c1"
        with noting(gateway, ("GET /v1/me", "200")):
            await gateway.get("/v1/me")


async def test_who_is_not_known_and_what_is_nobodys_is_not_noted() -> None:
    """Health, documents and refused tokens name nobody."""
    async with a_gateway() as gateway:
        with noting(gateway):
            for path in ("/healthz", "/readyz", "/openapi.json", "/v1/me"):
                await gateway.client.get(path)


async def test_what_is_said_over_a_socket_is_noted() -> None:
    """That it follows, each command with how it ended, and that it was refused."""
    async with a_gateway() as gateway:
        rebooking_id = await gateway.start()
        with noting(gateway, ("follow", "opened"), ("search_further", "invalid")) as found:
            socket = await gateway.client.ws_connect(
                f"/v1/rebookings/{rebooking_id}/stream", protocols=["omboka.v1"], headers=gateway.headers()
            )
            await socket.send_json({"type": "hello", "after": 99})
            await socket.receive_json(timeout=10)
            await socket.send_json({"type": "command", "id": "c1", "name": "search_further"})
            await socket.receive_json(timeout=10)
            await socket.close()
        assert {one.of for one in found} == {rebooking_id}
        with noting(gateway, ("follow", "not-found")):
            headers = {"Authorization": f"Bearer {a_token(ANOTHER_SUBJECT)}"}
            socket = await gateway.client.ws_connect(f"/v1/rebookings/{rebooking_id}/stream", headers=headers)
            await socket.receive(timeout=10)
            await socket.close()


async def test_pages_are_noted_with_the_command_of_their_form() -> None:
    """A visitor's sign-in, what they open, and what they do."""
    async with a_visit() as visit:
        with noting(
            visit.gateway,
            ("GET /rebook", "303"),
            ("GET /rebookings/{id}/{step}", "200"),
        ):
            await visit.get("/rebook?facility=SE2321000016-1HZ5&booking=b1")
        assert noted(visit.gateway)[0].act == "POST /demo/session"


async def test_without_room_for_the_entry_nothing_is_given() -> None:
    """Before anything is done, and should the room be gone only then, before the answer goes out: 503."""
    audit = FullAudit()
    async with a_gateway(audit=audit) as gateway:
        rebooking_id = await gateway.start()
        before = len(gateway.publisher.messages)
        for name in ("full_before", "full_after"):
            setattr(audit, name, True)
            answer = await gateway.get(f"/v1/rebookings/{rebooking_id}")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert "sections" not in await answer.text()
            audit.full_before = audit.full_after = False
        audit.full_before = True
        assert (
            await gateway.post("/v1/rebookings", {"facility": "SE2321000016-1HZ5", "booking_id": "b9"})
        ).status == 503
        assert len(gateway.publisher.messages) == before
