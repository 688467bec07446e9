"""A rebooking's id: half random, half a digest of it and its owner under the HMAC key; 128 bits that nobody can guess.

So a gateway tells without any store whether an id that has no log any more was once this patient's (expired) or never
(not found). Source: the interface, `expired` and `not-found`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from shared.sealing import Sealer

_HALF = 16


def new_id(sealer: Sealer, owner: str) -> str:
    """Make an id for a rebooking of this owner: 32 hexadecimal characters."""
    half = secrets.token_hex(_HALF // 2)
    return half + _proof(sealer, owner, half)


def was_given_to(sealer: Sealer, owner: str, rebooking_id: str) -> bool:
    """Whether this id was made for this owner, by any gateway with the same key."""
    half, proof = rebooking_id[:_HALF], rebooking_id[_HALF:]
    return hmac.compare_digest(proof, _proof(sealer, owner, half))


def _proof(sealer: Sealer, owner: str, half: str) -> str:
    return hashlib.sha256(sealer.digest("rebooking", owner, half).encode()).hexdigest()[:_HALF]
