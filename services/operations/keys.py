"""The keys that the settings need, freshly made."""

from __future__ import annotations

import secrets

from cryptography.fernet import Fernet


def new_keys() -> dict[str, str]:
    """Make one key of each kind, by setting: data_keys, hmac_key, session_key, auth_key (development only)."""
    return {
        "data_keys": Fernet.generate_key().decode(),
        "hmac_key": secrets.token_urlsafe(32),
        "session_key": Fernet.generate_key().decode(),
        "auth_key": secrets.token_urlsafe(32),
    }
