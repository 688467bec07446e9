"""The demo's entrance: off unless it is asked for, never beside an issuer, never for a person who exists."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from services.gateway.demo_patients import read_demo_patients
from services.operations import prepare
from services.simulator.demo import patients_text
from services.simulator.people import DEMO_PATIENTS
from shared.settings import Settings, SettingsError, read_settings

SAGA = {"subject": "198706222380", "given_name": "Saga", "family_name": "Ekström", "phone": "070-174 06 05"}


def given(text: str, **others: str) -> Settings:
    """The settings of a gateway with this list."""
    return read_settings({"OMBOKA_DEMO_PATIENTS": text, "OMBOKA_AUTH_KEY": "k" * 32, **others})


@pytest.mark.parametrize("environment", [{}, {"OMBOKA_DEMO_PATIENTS": ""}])
def test_it_is_off_unless_it_is_set(environment: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Nothing, or an empty list file, is no entrance; and nothing is warned of."""
    assert read_demo_patients(read_settings(environment)) == ()
    assert not caplog.records


def test_the_demos_patients_are_let_in_with_a_loud_warning(caplog: pytest.LogCaptureFixture) -> None:
    """What the preparation writes is taken, each acts for themself, and the log says so without their numbers."""
    patients = read_demo_patients(given(patients_text()))
    assert [one.subject.reveal() for one in patients] == [one.subject for one in DEMO_PATIENTS]
    assert [(one.given_name, one.family_name, one.phone) for one in patients] == [
        (one.given_name, one.family_name, one.phone) for one in DEMO_PATIENTS
    ]
    assert all(one.actor.id == one.subject for one in patients)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "ANYBODY" in record.getMessage()
    assert DEMO_PATIENTS[0].subject not in record.getMessage()


def test_beside_an_issuer_nothing_starts() -> None:
    """Where a portal's tokens are checked, the entrance can't be there as well."""
    with pytest.raises(SettingsError, match="OMBOKA_DEMO_PATIENTS is set beside OMBOKA_AUTH_JWKS_URL"):
        read_demo_patients(given(patients_text(), OMBOKA_AUTH_JWKS_URL="https://issuer.example/keys"))


@pytest.mark.parametrize(
    "content",
    [
        "yes",
        "[",
        "{}",
        "[]",
        "[1]",
        [{**SAGA, "subject": "8706222380"}],
        [{**SAGA, "given_name": ""}],
        [{name: value for name, value in SAGA.items() if name != "phone"}],
        [{**SAGA, "role": "nurse"}],
        [{**SAGA, "198706222380": "Saga"}],
    ],
)
def test_what_is_no_such_list_is_told_without_being_shown(content: Any) -> None:
    """Not JSON, not a list, empty, a field of the wrong form, absent or unknown: the setting is named, no number is."""
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(SettingsError, match="OMBOKA_DEMO_PATIENTS is not the list") as caught:
        read_demo_patients(given(text))
    assert "2380" not in str(caught.value)


def test_a_list_file_that_is_missing_is_told(tmp_path: Path) -> None:
    """An entrance that was asked for isn't silently absent."""
    with pytest.raises(SettingsError, match="OMBOKA_DEMO_PATIENTS_FILE can't be read"):
        read_settings({"OMBOKA_DEMO_PATIENTS_FILE": str(tmp_path / "none")})


def test_nobody_who_exists_can_be_listed() -> None:
    """A number with any other birth number may be a person's."""
    with pytest.raises(SettingsError, match="is not a test number") as caught:
        read_demo_patients(given(json.dumps([SAGA, {**SAGA, "subject": "198706221234"}])))
    assert "1234" not in str(caught.value)


def test_the_list_is_there_while_it_is_asked_for(tmp_path: Path) -> None:
    """Each preparation writes it anew, for the gateway alone: a demo's patients don't outlive the demo."""
    shares = tmp_path / "shares"

    def prepared(*, patients: bool) -> Settings:
        prepare.run(tmp_path / "made", simulator_url=None, shares=shares, demo_patients=patients)
        return read_settings({"OMBOKA_DEMO_PATIENTS_FILE": str(shares / "gateway" / "demo_patients")})

    assert read_demo_patients(prepared(patients=False)) == ()
    assert len(read_demo_patients(prepared(patients=True))) == len(DEMO_PATIENTS)
    assert {file.parent.name for file in shares.rglob("*demo_patients")} == {"gateway"}
    assert read_demo_patients(prepared(patients=False)) == ()
