"""Sealing: personal data is encrypted wherever it rests or travels, and found again by HMAC alone.

Keys: `data_keys` are Fernet keys, newest first (older ones still open what they sealed); `hmac_key` makes index and
cache keys. Source: architecture, "Look-ups never wait for each other".
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Sequence
from typing import TypeVar

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Frozen, Identity

Value = TypeVar("Value", bound=Frozen)


class SealBroken(Exception):
    """Raised when a sealed token can't be opened: it was changed, or sealed under a key that isn't here."""


def keyed_digest(hmac_key: str) -> Callable[..., str]:
    """A function that gives a keyed digest of its parts, 43 URL-safe characters; parts can't run into one another."""
    key = hmac_key.encode()

    def digest(*parts: str) -> str:
        encoded = [part.encode() for part in parts]
        message = b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
        return base64.urlsafe_b64encode(hmac.digest(key, message, "sha256")).decode().rstrip("=")

    return digest


class Sealer:
    """Seals and opens bytes, and makes keyed digests. Raises ValueError for keys of the wrong form."""

    def __init__(self, data_keys: Sequence[str], hmac_key: str) -> None:
        if not data_keys or len(hmac_key) < 32:
            raise ValueError("sealing needs a data key and an HMAC key of at least 32 characters: run `omboka keys`")
        self._fernet = MultiFernet([Fernet(key) for key in data_keys])
        self._digest = keyed_digest(hmac_key)

    def seal(self, clear: bytes) -> bytes:
        """Encrypt and sign."""
        return self._fernet.encrypt(clear)

    def open(self, sealed: bytes | str) -> bytes:
        """Check and decrypt; raises SealBroken."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise SealBroken("a sealed value can't be opened with these keys") from None

    def seal_model(self, value: Frozen, *, sparse: bool = False) -> bytes:
        """Seal a value of the model, with personal numbers in clear inside the seal.

        A `sparse` one leaves out what is None: only for models in which that is every such field's default.
        """
        return self.seal(value.model_dump_json(exclude_none=sparse, context={"reveal": True}).encode())

    def open_model(self, kind: type[Value], sealed: bytes | str) -> Value:
        """Open what `seal_model` sealed; raises SealBroken."""
        return kind.model_validate_json(self.open(sealed))

    def digest(self, *parts: str) -> str:
        """A keyed digest of the parts, 43 URL-safe characters; parts can't run into one another."""
        return self._digest(*parts)

    def owner(self, subject: SubjectOfCareId) -> str:
        """The digest under which everything of a subject of care is found."""
        return self.digest("subject", subject.reveal().upper())

    def seal_identity(self, identity: Identity) -> str:
        """An identity as the token that travels in a message."""
        return self.seal_model(identity).decode()

    def open_identity(self, sealed: str) -> Identity:
        """The identity in a message's token; raises SealBroken."""
        return self.open_model(Identity, sealed)
