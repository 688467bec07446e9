"""The settings: read from the environment or from files, and a missing one says how to make it."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.operations.keys import new_keys
from shared.settings import SettingsError, listen_address, read_settings


def test_a_secret_may_be_a_file(tmp_path: Path) -> None:
    """`…_FILE` names a file whose content is the value, without its line end."""
    secret = tmp_path / "hmac"
    secret.write_text("s3cret\n", encoding="utf-8")
    assert read_settings({"OMBOKA_HMAC_KEY_FILE": str(secret)}).hmac_key == "s3cret"


def test_lists_and_numbers_are_read() -> None:
    """Comma-separated settings become tuples, numbers numbers."""
    settings = read_settings(
        {"OMBOKA_DATA_KEYS": "new, old", "OMBOKA_ALLOWED_ORIGINS": "https://a", "OMBOKA_TRUSTED_PROXIES": "1"}
    )
    assert settings.data_keys == ("new", "old")
    assert settings.allowed_origins == ("https://a",)
    assert settings.trusted_proxies == 1


def test_every_missing_key_is_named_with_what_to_do() -> None:
    """A role refuses to start without its keys, and says how to make them."""
    with pytest.raises(SettingsError) as caught:
        read_settings({}).require("broker_url", "data_keys")
    assert "OMBOKA_BROKER_URL is not set" in str(caught.value)
    assert "OMBOKA_DATA_KEYS is not set" in str(caught.value)
    assert "omboka keys" in str(caught.value)


def test_tokens_need_one_way_of_checking() -> None:
    """Without an issuer's keys or the development key nothing starts."""
    with pytest.raises(SettingsError, match="OMBOKA_AUTH_JWKS_URL"):
        read_settings({}).require_auth()
    read_settings({"OMBOKA_AUTH_KEY": "k" * 32}).require_auth()


def test_an_issuers_keys_need_its_name_and_whom_its_tokens_are_for() -> None:
    """Without them a token that the issuer gave somebody for another service would be let in."""
    keys = {"OMBOKA_AUTH_JWKS_URL": "https://issuer.example/keys"}
    with pytest.raises(SettingsError) as caught:
        read_settings(keys).require_auth()
    assert "OMBOKA_AUTH_ISSUER is not set" in str(caught.value)
    assert "OMBOKA_AUTH_AUDIENCE is not set" in str(caught.value)
    read_settings({**keys, "OMBOKA_AUTH_ISSUER": "https://issuer.example", "OMBOKA_AUTH_AUDIENCE": "a"}).require_auth()


@pytest.mark.parametrize("name", ["data_keys", "hmac_key", "session_key", "auth_key"])
def test_a_key_of_the_wrong_form_is_told_without_being_shown(name: str) -> None:
    """Whatever role needs it: the setting is named with how to make it, and what was given isn't repeated."""
    made = read_settings({f"OMBOKA_{one.upper()}": value for one, value in new_keys().items()})
    made.require(name)
    made.require_auth()
    with pytest.raises(SettingsError) as caught:
        read_settings({f"OMBOKA_{name.upper()}": "gissa-mig"}).require(name)
    assert f"OMBOKA_{name.upper()} has the wrong form" in str(caught.value)
    assert "omboka keys" in str(caught.value)
    assert "gissa" not in str(caught.value)


def test_a_development_key_that_is_too_short_starts_nothing() -> None:
    """No gateway would take it."""
    with pytest.raises(SettingsError, match="OMBOKA_AUTH_KEY has the wrong form"):
        read_settings({"OMBOKA_AUTH_KEY": "k" * 31}).require_auth()


def test_secrets_are_not_shown() -> None:
    """The repr of the settings, which may be logged, holds no secret."""
    shown = repr(read_settings({"OMBOKA_HMAC_KEY": "s3cret", "OMBOKA_DATABASE_URL": "postgresql://u:pw@h/d"}))
    assert "s3cret" not in shown
    assert "pw" not in shown


@pytest.mark.parametrize("text", ["", "8080", "host:", "host:99999", "host:http"])
def test_an_address_of_the_wrong_form_is_refused(text: str) -> None:
    """`host:port` or a clear error."""
    with pytest.raises(SettingsError):
        listen_address(text)


def test_an_address_is_split() -> None:
    """The last colon is the port's."""
    assert listen_address("[::1]:8080") == ("::1", 8080)


def test_a_wrong_number_names_its_setting() -> None:
    """A setting that should be a number says so."""
    for wrong in ("soon", "-1", "nan", "inf"):
        with pytest.raises(SettingsError, match="OMBOKA_DRAIN_SECONDS must be a number"):
            read_settings({"OMBOKA_DRAIN_SECONDS": wrong})
    with pytest.raises(SettingsError, match="OMBOKA_TRUSTED_PROXIES must be a number"):
        read_settings({"OMBOKA_TRUSTED_PROXIES": "1.5"})


def test_a_log_level_is_one_of_five() -> None:
    """In any case; another one is refused with those there are."""
    assert read_settings({"OMBOKA_LOG_LEVEL": "debug"}).log_level == "DEBUG"
    with pytest.raises(SettingsError, match="OMBOKA_LOG_LEVEL must be one of DEBUG"):
        read_settings({"OMBOKA_LOG_LEVEL": "loud"})


def test_a_secret_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """Which setting, and why; nothing of the file."""
    secret = tmp_path / "key"
    secret.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="OMBOKA_HMAC_KEY_FILE can't be read: it isn't text"):
        read_settings({"OMBOKA_HMAC_KEY_FILE": str(secret)})
