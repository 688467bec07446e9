"""Who may do what on the broker: a user for each role, with the rights that it needs and no other.

The gateway writes and neither reads nor declares; a worker reads its own queue; only `omboka deploy` declares. In the
broker's own words a right is a regular expression on names of queues and exchanges.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.routes import BOOKING_QUEUE, DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE, LOOK_UP_QUEUE

VHOST = "/"


def _only(*names: str) -> str:
    return f"^({'|'.join(re.escape(name) for name in names)})$"


NOTHING = "^$"
EVERYTHING = _only(LOOK_UP_QUEUE, BOOKING_QUEUE, DEAD_LETTER_QUEUE, DEAD_LETTER_EXCHANGE)


@dataclass(frozen=True)
class Rights:
    """What a user may declare, write to and read from."""

    configure: str = NOTHING
    write: str = NOTHING
    read: str = NOTHING


RIGHTS: dict[str, Rights] = {
    "gateway": Rights(write=_only(LOOK_UP_QUEUE, BOOKING_QUEUE)),
    "availability": Rights(read=_only(LOOK_UP_QUEUE)),
    "booking": Rights(read=_only(BOOKING_QUEUE)),
    # To bind a queue is to write to it and to read from its exchange.
    "deploy": Rights(configure=EVERYTHING, write=EVERYTHING, read=EVERYTHING),
}
"""Each role's user, by the name that it has on the broker."""


def definitions(passwords: Mapping[str, str]) -> str:
    """What RabbitMQ reads at its start (`load_definitions`): the users by their passwords' hashes, and their rights."""
    return json.dumps(
        {
            "vhosts": [{"name": VHOST}],
            "users": [
                {
                    "name": user,
                    "password_hash": _hashed(passwords[user]),
                    "hashing_algorithm": "rabbit_password_hashing_sha256",
                    "tags": [],
                }
                for user in RIGHTS
            ],
            "permissions": [
                {"user": user, "vhost": VHOST, "configure": one.configure, "write": one.write, "read": one.read}
                for user, one in RIGHTS.items()
            ],
        },
        indent=1,
    )


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
