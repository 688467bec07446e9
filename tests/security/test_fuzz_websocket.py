"""Whatever is sent over a WebSocket is answered with a frame that is documented, or closes it with a code that is.

Frames are written byte by byte, so that broken ones can be. Source: the reliability rules N10.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import create_autospec
from urllib.parse import urlsplit

import pytest

from services.gateway.asyncapi import CLOSE_CODES
from services.gateway.examples import COMMANDS
from services.gateway.limits import FRAME_BYTES
from tests.security.marked import Marked, advance, marked_system
from tests.security.results import keep
from tests.security.sizes import chance, size
from tests.security.test_fuzz_tcp import changed
from tests.security.watching import DEADLINE_SECONDS, Slowest, bounded_memory, nothing_unforeseen

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
EACH = 25
"""How many frames are sent over one socket, or until it is closed."""

AT_ONCE = 16
PATIENCE = 60.0
ANSWERS = {"event", "accepted", "problem", "pong", "resync"}
PROTOCOL_CODES = {1000, 1002, 1003, 1007, 1009}
"""What RFC 6455 closes broken frames with, as far as it isn't ours to choose; 1011 would be an error of ours."""

VALUES = (
    None,
    True,
    -1,
    2**63,
    1e308,
    "",
    "x" * 70,
    "x" * 5000,
    "\u0000",
    "\ud800",
    "\u202e\ufeff",
    "199001012385",  # no patient of these tests
    [],
    {},
    [[]],
    ["SE2321000016-1HZ5"] * 300,
    {"$ref": "#"},
    "2026-02-30",
    "A" * 22,
    "../../x",
)
TEXTS = (
    b"",
    b"null",
    b"[]",
    b"{",
    b'"hello"',
    b'{"type":"hello"}',
    b'{"type":"hello","after":-1}',
    b'{"type":"hello","ticket":"x"}',
    b'{"type":"event","seq":1}',
    b'{"type":["command"]}',
    b'{"type":"ping","type":"command"}',
    b'{"type":"ping","x":1}',
    b'{"type":"command","id":"a","name":"retry","section":"booking","section":"days"}',
    b'{"type":"command","id":"\\ud83d","name":"search_further"}',
    b'{"type":"command","id":"a","name":"confirm","seq":' + b"9" * 5000 + b"}",
    b'{"type":"command","id":"a","name":"confirm","seq":NaN}',
    b"[" * 20_000,
    b'{"a":' * 10_000,
    b" " * (FRAME_BYTES - 10),
    b"x" * (FRAME_BYTES + 10),
    b"\xff\xfe\x00",
    b"\xed\xa0\x80",
    b"\xc3",
)


def a_frame(kind: int, content: bytes, *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """A frame as a client writes it."""
    head = bytes([(0x80 if fin else 0) | reserved << 4 | kind])
    size_ = len(content)
    mark = 0x80 if masked else 0
    if size_ < 126:
        head += bytes([mark | size_])
    elif size_ < 65536:
        head += bytes([mark | 126]) + size_.to_bytes(2, "big")
    else:
        head += bytes([mark | 127]) + size_.to_bytes(8, "big")
    return head + (b"\0\0\0\0" if masked else b"") + content  # a mask of zeros leaves the content as it is


def a_wrong_frame(random_: random.Random, patient: Marked) -> bytes:
    """A frame with something wrong: in its bytes, in its JSON, in its fields, or in nothing but its time."""
    match random_.randrange(10):
        case 0:
            return a_frame(random_.choice((BINARY, 0, 3, 7, CLOSE, PING, 10, 15)), random_.choice(TEXTS)[:100])
        case 1:
            return a_frame(
                TEXT, random_.choice(TEXTS)[:200], reserved=random_.randint(0, 7), fin=random_.random() < 0.7
            )
        case 2:
            return changed(random_, a_frame(TEXT, b'{"type":"ping"}'))
        case 3 | 4:
            return a_frame(TEXT, random_.choice(TEXTS))
        case 5:
            return a_frame(TEXT, changed(random_, json.dumps(a_command(random_, patient)).encode()))
        case _:
            return a_frame(TEXT, json.dumps(a_command(random_, patient)).encode())


def a_command(random_: random.Random, patient: Marked) -> dict[str, object]:
    """A command whose fields are often other ones, missing, too many, or of another kind."""
    name = random_.choice([one for one in COMMANDS if one != "confirm"])
    command: dict[str, object] = {
        "type": "command",
        **COMMANDS[name],
        "name": name,
        "id": f"f{random_.randrange(10**9)}",
    }
    if "timeslot_id" in command and random_.random() < 0.5:
        command["timeslot_id"] = patient.timeslot_id
    for _ in range(random_.choice((0, 1, 1, 2))):
        key = random_.choice([*command, "extra", "ticket", "basis"])
        if random_.random() < 0.2:
            command.pop(key, None)
        else:
            command[key] = random_.choice(VALUES)
    return command


def span_of(content: bytes, at: int) -> tuple[int, int]:
    """Where the content of the frame that begins here begins and ends, by its head; what that lacks counts as zeros."""
    head = content[at : at + 10].ljust(10, b"\0")
    length, wide = head[1] & 127, 0
    if length >= 126:
        wide = 2 if length == 126 else 8
        length = int.from_bytes(head[2 : 2 + wide], "big")
    start = at + 2 + wide + (4 if head[1] & 128 else 0)
    return start, start + length


def frames_of(received: bytes, at: int = 0) -> Iterator[tuple[int, bytes, int]]:
    """The server's frames in what was received from there on, whole ones only, each with where it ends."""
    while at + 2 <= len(received):
        start, end = span_of(received, at)
        if end > len(received):
            return
        yield received[at] & 15, received[start:end], end
        at = end


def ended(content: bytes) -> bytes:
    """The same with zeros for what its last frame lacks, so that nothing more of it is waited for.

    A frame that says that it is too long stays as it is: its head alone must close the socket.
    """
    end = 0
    while end < len(content):
        _, end = span_of(content, end)
    return content if end - len(content) > FRAME_BYTES else content.ljust(end, b"\0")


class Conversation:
    """A socket that is written to byte by byte, and keeps all that comes back until it is closed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received = bytearray()
        self.closed = False
        self._reader = reader
        self._writer = writer
        self._more = asyncio.Event()
        self._looked_at = 0
        self._asked = 0

    async def listen(self) -> None:
        """Take what comes, to the end; a reset is an end too."""
        with contextlib.suppress(ConnectionError):
            while part := await self._reader.read(65536):
                self.received += part
                self._more.set()
        self.closed = True
        self._more.set()

    async def say(self, content: bytes) -> None:
        """Write, and wait until it is dealt with: until a ping after it has its pong, or the socket is closed.

        Frames are taken one after the other. Raises TimeoutError when the server does neither in time.
        """
        self._asked += 1
        asked = self._asked.to_bytes(8, "big")
        # A ping may stand between the parts of a message, so whatever was begun stays begun.
        self._writer.write(ended(content) + a_frame(PING, asked))
        await self._until(lambda: self._has_pong(asked))

    async def leave(self) -> None:
        """Say goodbye, and wait until it is closed. Raises TimeoutError when it isn't in time."""
        self._writer.write(a_frame(CLOSE, (1000).to_bytes(2, "big")))
        await self._until(lambda: False)

    async def _until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not self.closed and not done():
                self._more.clear()
                await self._more.wait()

    def _has_pong(self, asked: bytes) -> bool:
        for kind, content, end in frames_of(self.received, self._looked_at):
            self._looked_at = end
            if kind == PONG and content == asked:
                return True
        return False


SURELY = (
    a_frame(TEXT, b'{"type":"ping"}'),
    a_frame(TEXT, b"x" * (FRAME_BYTES + 10)),
    a_frame(TEXT, b"{}", masked=False),
)
"""One frame each for a pong, for too long a frame (1009) and for a broken one (1002)."""


async def converse(
    random_: random.Random, patient: Marked, found: Counter[str], slowest: Slowest, *first: bytes
) -> int:
    """Open a socket, send these and wrong frames until it is closed or there are enough, and look at all that came."""
    address = urlsplit(patient.portal.base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    sent = 0
    try:
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            writer.write(
                f"GET /v1/rebookings/{patient.rebooking_id}/stream HTTP/1.1\r\nHost: {address.netloc}\r\n"
                f"Authorization: {patient.portal.headers['Authorization']}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: omboka.v1\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 "), head
            said = Conversation(reader, writer)
            tasks.create_task(said.listen())
            # Few want the whole log: of that this process holds more as the one that asks than as the gateway.
            after = 0 if random_.random() < 0.01 else 10**9
            await said.say(a_frame(TEXT, json.dumps({"type": "hello", "after": after}).encode()))
            while sent < EACH and not said.closed:
                frame = first[sent] if sent < len(first) else a_wrong_frame(random_, patient)
                sent += 1
                with slowest.measured():
                    await said.say(frame)
            with slowest.measured():
                await said.leave()
    finally:
        writer.transport.abort()
    for kind, content, _ in frames_of(bytes(said.received)):
        if kind == CLOSE:
            code = int.from_bytes(content[:2], "big")
            assert code in CLOSE_CODES or code in PROTOCOL_CODES, code
            found[str(code)] += 1
        elif kind == TEXT:
            patient.look_at(content)
            told = json.loads(content)
            assert told["type"] in ANSWERS
            slug = told["problem"]["type"].rpartition(":")[2] if told["type"] == "problem" else told["type"]
            assert slug != "overloaded", told
            found[slug] += 1
    return sent


async def test_a_server_that_hangs_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that has its own pong is dealt with; another's pong is none, and a goodbye isn't one before the close."""
    monkeypatch.setattr("tests.security.test_fuzz_websocket.DEADLINE_SECONDS", 0.05)
    said = Conversation(asyncio.StreamReader(), create_autospec(asyncio.StreamWriter, instance=True))
    said.received += a_frame(PONG, (1).to_bytes(8, "big"), masked=False)
    await said.say(a_frame(TEXT, b"{}"))
    with pytest.raises(TimeoutError):
        await said.say(a_frame(TEXT, b"{}"))
    with pytest.raises(TimeoutError):
        await said.leave()


@pytest.mark.parametrize(
    "content", [b"\x81", b"\x81\x85\0\0", b"\x81\xfe\x01", a_frame(TEXT, b"{}") + b"\x82\xff\0\0\0\0\0\0\x01"]
)
def test_what_a_frame_lacks_is_made_up_for(content: bytes) -> None:
    """What is sent has the end of its last frame at its own end: a ping after it is read as a ping."""
    made = ended(content)
    assert made.startswith(content)
    assert [kind for kind, _, _ in frames_of(made + a_frame(PING, b""))][-1] == PING
    assert ended(made) == made


@pytest.mark.timeout(1800)
async def test_wrong_frames_are_refused(tmp_path: Path) -> None:
    """Each gets a problem or closes its socket; nothing is unforeseen, and afterwards the rebooking goes on."""
    random_ = chance("websocket")
    async with marked_system(tmp_path, "saga") as (_, (patient,)):
        await advance(patient)
        found: Counter[str] = Counter()
        sent = 0
        slowest = Slowest()
        with nothing_unforeseen(), bounded_memory() as memory:
            for first in SURELY:  # chance alone may leave one of them out of a short run
                sent += await converse(random_, patient, found, slowest, first)
            while sent < size(600, 10_000):
                if found["expired"]:  # so many commands is all that a rebooking takes: the next ones go to another
                    found["full"] += found.pop("expired")
                    await advance(patient)
                sent += sum(await asyncio.gather(*(converse(random_, patient, found, slowest) for _ in range(AT_ONCE))))
        assert (await patient.ask("GET", f"/v1/rebookings/{patient.rebooking_id}"))[0] == 200
    assert not patient.foreign
    assert found["invalid"] > sent // 20, found
    assert found["accepted"] > 0, found
    assert {"1002", "1009", "pong"} <= found.keys(), found
    keep("websocket", tried=sent, slowest=slowest.seconds, grown=memory.grown, ends=found)
