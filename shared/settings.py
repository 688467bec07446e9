"""The settings: `OMBOKA_*` in the environment, each also as `…_FILE`, whose content is then the value.

A role names what it needs; a missing key refuses to start and says how to make one. Nothing else reads the
environment. Source: the interface, "Settings".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path


class SettingsError(ValueError):
    """Raised when a setting is missing or of the wrong form; says which and what to do."""


_HOW = {
    "config": "the path of the configuration file (YAML)",
    "broker_url": "the broker, such as amqp://user:password@rabbitmq:5672/omboka",
    "events_url": "the Redis of the event log, such as redis://redis-events:6379/0",
    "database_url": "the ledger's database, such as postgresql+psycopg://user:password@postgres/omboka",
    "data_keys": "Fernet keys that seal personal data, newest first, separated by commas: run `omboka keys`",
    "hmac_key": "the key of index and cache keys, at least 32 characters: run `omboka keys`",
    "session_key": "the key that seals browser sessions: run `omboka keys`",
    "auth_issuer": "whom a token must come from (its iss), such as https://issuer.example",
    "auth_audience": "whom a token must be meant for (its aud), such as omboka",
    "auth_key": "the development key that tokens are signed with, at least 32 characters: run `omboka keys`",
}
FERNET_KEYS, LONG_KEYS = frozenset({"data_keys", "session_key"}), frozenset({"hmac_key", "auth_key"})
SHORTEST_KEY = 32
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True)
class Settings:
    """Every setting, as text is read from the environment; secrets don't show in the repr.

    `listen` and `metrics_listen` are `host:port`; `drain_seconds` is how long a role may take to end;
    `trusted_proxies` counts the proxies in front whose X-Forwarded-For is believed; `audit` is the folder of the audit
    log, or `stdout`, which it also is when nothing is set. `demo_patients` is a list in JSON, which the gateway reads.
    """

    config: str | None = None
    broker_url: str | None = field(default=None, repr=False)
    events_url: str | None = field(default=None, repr=False)
    cache_url: str | None = field(default=None, repr=False)
    database_url: str | None = field(default=None, repr=False)
    data_keys: tuple[str, ...] = field(default=(), repr=False)
    hmac_key: str | None = field(default=None, repr=False)
    session_key: str | None = field(default=None, repr=False)
    auth_jwks_url: str | None = None
    auth_key: str | None = field(default=None, repr=False)
    auth_issuer: str | None = None
    auth_audience: str | None = None
    allowed_origins: tuple[str, ...] = ()
    public_url: str | None = None
    return_url: str = "/"
    trusted_proxies: int = 0
    listen: str = "0.0.0.0:8080"
    metrics_listen: str | None = None
    audit: str | None = None
    demo_patients: str | None = field(default=None, repr=False)
    drain_seconds: float = 43.0
    log_level: str = "INFO"

    def require(self, *names: str) -> None:
        """Raise SettingsError naming every one of these settings that has no value, or is a key of the wrong form."""
        lines = []
        for name in names:
            value = getattr(self, name)
            fault = "is not set" if not value else None if _has_form(name, value) else "has the wrong form"
            if fault is not None:
                lines.append(f"OMBOKA_{name.upper()} {fault}: {_HOW.get(name, 'it is needed')}")
        if lines:
            raise SettingsError("\n".join(lines))

    def require_auth(self) -> None:
        """Raise SettingsError unless tokens can be checked: by a JWKS address or by the development key.

        An issuer gives tokens to others as well: with its keys goes who it is and whom its tokens must be meant for.
        """
        if not (self.auth_jwks_url or self.auth_key):
            raise SettingsError(
                "neither OMBOKA_AUTH_JWKS_URL nor OMBOKA_AUTH_KEY is set: give the address of the issuer's keys, "
                "or for development a key of your own: run `omboka keys`"
            )
        if self.auth_jwks_url:
            self.require("auth_issuer", "auth_audience")
        if self.auth_key:
            self.require("auth_key")


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings of an environment. Raises SettingsError for a value of the wrong form or an unreadable file."""
    values: dict[str, object] = {}
    for setting in fields(Settings):
        text = _value(environment, f"OMBOKA_{setting.name.upper()}")
        if text is None or text == "":
            continue
        if setting.name in ("data_keys", "allowed_origins"):
            values[setting.name] = tuple(part.strip() for part in text.split(",") if part.strip())
        elif setting.name in ("trusted_proxies", "drain_seconds"):
            kind = int if setting.name == "trusted_proxies" else float
            try:
                number = kind(text)
            except ValueError:
                number = math.nan
            if not 0 <= number < math.inf:
                raise SettingsError(f"OMBOKA_{setting.name.upper()} must be a number, not below zero")
            values[setting.name] = number
        elif setting.name == "log_level":
            if text.upper() not in LOG_LEVELS:
                raise SettingsError(f"OMBOKA_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}")
            values[setting.name] = text.upper()
        else:
            values[setting.name] = text
    return Settings(**values)  # type: ignore[arg-type]  # each value was made by its setting's own rule above


def _value(environment: Mapping[str, str], name: str) -> str | None:
    path = environment.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}_FILE can't be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise SettingsError(f"{name}_FILE can't be read: it isn't text in UTF-8") from None
    return environment.get(name)


def _has_form(name: str, value: str | tuple[str, ...]) -> bool:
    if name in FERNET_KEYS:
        from cryptography.fernet import Fernet  # only who needs a key pays for it: a health check doesn't

        try:
            for key in [value] if isinstance(value, str) else value:
                Fernet(key)
        except ValueError:
            return False
    return name not in LONG_KEYS or len(value) >= SHORTEST_KEY


def listen_address(text: str) -> tuple[str, int]:
    """Split `host:port`. Raises SettingsError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise SettingsError(f"'{text}' is not an address to listen at (host:port)")
    return host.strip("[]"), int(port)
