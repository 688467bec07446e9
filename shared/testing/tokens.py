"""Tokens of patients, signed with the development key of a stack that was started for tests."""

from __future__ import annotations

import time
from typing import Any

import jwt

from shared.testing.producer import Patient


def sign_token(key: str, patient: Patient, *, expires_in: float = 3600.0, **claims: Any) -> str:
    """Sign a patient's token (HS256), valid for `expires_in` seconds; `claims` come on top, None leaves one out."""
    now = int(time.time())
    content = {
        "sub": patient.subject,
        "given_name": patient.given_name,
        "family_name": patient.family_name,
        "phone_number": patient.phone,
        "iat": now,
        "exp": now + int(expires_in),
        **claims,
    }
    return jwt.encode({name: value for name, value in content.items() if value is not None}, key, algorithm="HS256")
