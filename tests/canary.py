"""Every patient of the tests is a canary: whatever a test does, none of their numbers may stay anywhere in clear.

After each test they are looked for in what was logged, in the log files and audit logs that its processes wrote, and
after a test with servers in all of Redis and in every row of its database. What passes through the broker and what is
traced has a test of its own. Source: the reliability rules 4.1, "Logs", and N12.
"""

from __future__ import annotations

import base64
import io
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
import redis
from sqlalchemy import create_engine, inspect

from services.simulator.people import DEMO_PATIENTS
from shared.ledger.tables import metadata
from shared.observability.logs import JsonFormatter
from tests.builders.gateway import ANOTHER_SUBJECT, SUBJECT

NUMBERS = sorted({SUBJECT, ANOTHER_SUBJECT, *(patient.subject for patient in DEMO_PATIENTS)})


def forms(number: str) -> list[bytes]:
    """A personal number as it may be written: with and without century and hyphen, and in base64."""
    short = number[2:]
    written = [number, short, f"{number[:8]}-{number[8:]}", f"{short[:6]}-{short[6:]}"]
    # In the middle of something longer base64 has one of three forms; letters that its neighbours share are left out.
    encoded = [
        base64.b64encode(b" " * pad + number.encode())[start : (pad + len(number)) * 8 // 6]
        for pad, start in ((0, 0), (1, 2), (2, 3))
    ]
    return [form.encode() for form in written] + encoded


def hits(places: Mapping[str, bytes], looked_for: Iterable[bytes]) -> list[str]:
    """Where any of these is found, by place and form."""
    pattern = re.compile(b"|".join(map(re.escape, looked_for)))
    return [f"{place}: {found.group()!r}" for place, content in places.items() if (found := pattern.search(content))]


def named(places: Mapping[str, bytes]) -> list[str]:
    """Where any of the tests' patients is found."""
    return hits(places, ANYBODY)


ANYBODY = [form for number in NUMBERS for form in forms(number)]


def files_in(folder: Path, *patterns: str) -> dict[str, bytes]:
    """Every file below a folder that a pattern fits, by name; all of them without any."""
    files = (file for pattern in patterns or ("*",) for file in folder.rglob(pattern) if file.is_file())
    return {file.name: file.read_bytes() for file in files}


def in_redis(url: str) -> dict[str, bytes]:
    """Every key with its value, whatever its kind."""
    read = {
        b"string": lambda one, key: one.get(key),
        b"hash": lambda one, key: one.hgetall(key),
        b"stream": lambda one, key: one.xrange(key),
        b"zset": lambda one, key: one.zrange(key, 0, -1, withscores=True),
        b"set": lambda one, key: one.smembers(key),
        b"list": lambda one, key: one.lrange(key, 0, -1),
    }
    with redis.Redis.from_url(url) as one:
        # repr of bytes would hide letters over 127, not the number
        kinds = {key: one.type(key) for key in one.scan_iter()}
        return {
            f"redis {key!r}": key + repr(read[kind](one, key)).encode() for key, kind in kinds.items() if kind in read
        }


def in_the_ledger(url: str) -> dict[str, bytes]:
    """Every row of every table that is there."""
    engine = create_engine(url)
    there = set(inspect(engine).get_table_names())
    with engine.connect() as connection:
        rows = {
            f"ledger {table.name} {n}": repr([bytes(v) if isinstance(v, memoryview) else v for v in row]).encode()
            for table in metadata.sorted_tables
            if table.name in there
            for n, row in enumerate(connection.execute(table.select()))
        }
    engine.dispose()
    return rows


@pytest.fixture(autouse=True)
def nobody_is_named(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a patient's number in a log, as our formatter writes it, or in a log file."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(min(level, logging.INFO))
    yield
    root.removeHandler(handler)
    root.setLevel(level)
    places = {"logs": written.getvalue().encode()}
    if folder is not None:
        places |= files_in(folder, "*.log", "*.jsonl")
    assert not named(places)
