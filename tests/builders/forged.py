"""Messages as somebody writes them who got hold of a broker's user, and has read how Celery takes its own."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kombu import Connection, Producer

EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


@dataclass(frozen=True)
class Forged:
    """A message's body, how it calls itself, and its headers."""

    body: bytes
    headers: dict[str, Any] = field(default_factory=dict)
    content_type: str | None = "application/json"
    content_encoding: str | None = "utf-8"


@dataclass(frozen=True)
class _Runs:
    """An object that makes a folder when it is unpickled."""

    folder: str

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.folder,)


def well_formed(task: str, message: Any, **headers: Any) -> Forged:
    """A message of the publisher's own form."""
    return Forged(json.dumps([[], {"message": message}, EMBED]).encode(), {"task": task, "id": "forged", **headers})


def forged(task: str, marker: Path) -> dict[str, Forged]:
    """Messages that must be rejected; of those that are code, each would make the folder `marker`."""
    row = {"v": 1, "row_id": "0" * 32}
    good = well_formed(task, row)
    named = good.headers
    pickled = Forged(pickle.dumps(_Runs(str(marker))), named, "application/x-python-serialize", "binary")

    def body(content: Any) -> Forged:
        return Forged(json.dumps(content).encode(), named)

    def older(content: Any) -> Forged:
        """In the form of Celery's first protocol, whose body says everything."""
        return Forged(json.dumps(content).encode())

    def embed(**then: Any) -> Forged:
        return body([[], {"message": row}, {**EMBED, **then}])

    return {
        "pickled": pickled,
        "pickled, of the first protocol": replace(pickled, headers={}),
        "pickled, by another name": replace(pickled, content_type="application/x-pickle"),
        "pickled, called JSON": replace(pickled, content_type="application/json", content_encoding="utf-8"),
        "yaml": Forged(f"!!python/object/apply:os.mkdir ['{marker}']".encode(), named, "application/x-yaml"),
        "an unknown type": replace(good, content_type="a/b"),
        "no type": replace(good, content_type=None),
        "packed, it says": replace(good, headers={**named, "compression": "application/x-gzip"}),
        "packed in an unknown way": replace(good, headers={**named, "compression": "zzz"}),
        "an unknown task": replace(good, headers={**named, "task": "os.system"}),
        "an unknown task without an id": replace(good, headers={"task": "os.system"}),
        "an unknown task of the first protocol": older({"task": "os.system", "id": "x", "args": [], "kwargs": {}}),
        "an unknown task of the first protocol without an id": older({"task": "os.system"}),
        "the task of the first protocol": older({"task": task, "id": "x", "args": [], "kwargs": {"message": row}}),
        "no headers": replace(good, headers={}),
        "no id": replace(good, headers={"task": task}),
        "an id that is a table": replace(good, headers={**named, "id": {"a": 1}}),
        "a task that is a list": replace(good, headers={**named, "task": [task]}),
        "for another day": replace(good, headers={**named, "eta": "2099-01-01T00:00:00+00:00"}),
        "an end that is none": replace(good, headers={**named, "expires": "then"}),
        "nothing": Forged(b"", named),
        "no JSON": Forged(b"{", named),
        "JSON without an end": Forged(b"[" * 100_000, named),
        "no text": Forged(b"\xff\xfe\x00", named),
        "null": body(None),
        "a number": body(1),
        "a text": body("args"),
        "an object": body({}),
        "an object with arguments": body({"args": 1}),
        "too few parts": body([[], {"message": row}]),
        "too many parts": body([[], {"message": row}, {}, {}]),
        "parts that are numbers": body([1, 2, 3]),
        "arguments by place": body([[row], {}, EMBED]),
        "another argument": body([[], {"message": row, "other": 1}, EMBED]),
        "no argument": body([[], {}, EMBED]),
        "an argument that is a text": body([[], {"message": "x"}, EMBED]),
        "what comes after is null": body([[], {"message": row}, None]),
        "what comes after is a number": body([[], {"message": row}, 7]),
        "another task after it": embed(chain=[{"task": task, "args": [], "kwargs": {}, "options": {}}]),
        "a task when it has worked": embed(callbacks=["x"]),
        "a task when it has failed": embed(errbacks=["x"]),
    }


def publish(connection: Connection, queue: str, *messages: Forged) -> None:
    """Write messages to a queue's exchange; a broker that confirms has them when this returns."""
    producer = Producer(connection)
    for one in messages:
        producer.publish(
            one.body,
            exchange=queue,
            routing_key=queue,
            headers=dict(one.headers),
            content_type=one.content_type,
            content_encoding=one.content_encoding,
        )
