"""OMBOKA_DEMO_PATIENTS: the made-up patients whom anybody may sign in as, in a demo and nowhere else.

Off unless the setting is there. It starts nothing beside a token issuer's keys, which a production has, and takes test
numbers alone: whatever is written in it, nobody signs in as a person who exists.
"""

from __future__ import annotations

import logging
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Identity
from shared.settings import Settings, SettingsError

log = logging.getLogger(__name__)

TEST_BIRTH_NUMBERS = ("238", "239")
TOLVAN = SubjectOfCareId("191212121212")
"""The one test person without such a birth number, known to everybody in the field."""


def _of_nobody(subject: SubjectOfCareId) -> SubjectOfCareId:
    if subject != TOLVAN and subject.reveal()[8:11] not in TEST_BIRTH_NUMBERS:
        raise ValueError("is not a test number (birth number 238 or 239)")
    return subject


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class DemoPatient(BaseModel):
    """One of them, who acts for themself. Source of the test numbers: the Swedish tax agency's."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    subject: Annotated[SubjectOfCareId, AfterValidator(_of_nobody)]
    given_name: Text
    family_name: Text
    phone: Text

    @property
    def identity(self) -> Identity:
        """The patient as a caller's identity."""
        return Identity(
            **{name: getattr(self, name) for name in DemoPatient.model_fields},
            actor=Actor(id=self.subject, type=ActorType.SUBJECT_OF_CARE),
        )


_PATIENTS = TypeAdapter(Annotated[tuple[DemoPatient, ...], Field(min_length=1, max_length=100)])


def read_demo_patients(settings: Settings) -> tuple[Identity, ...]:
    """The patients of the setting, none when it is off; warns in the log when it is on.

    Raises SettingsError, which repeats nothing of what was given, when it isn't a list of DemoPatient in JSON, or when
    tokens are checked by an issuer's keys.
    """
    if not settings.demo_patients:
        return ()
    if settings.auth_jwks_url:
        raise SettingsError(
            "OMBOKA_DEMO_PATIENTS is set beside OMBOKA_AUTH_JWKS_URL: with it anybody may sign in without a token; "
            "take it away, or take the issuer away if this is a demo"
        )
    try:
        patients = _PATIENTS.validate_json(settings.demo_patients)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # A field that nobody knows isn't named: its name is somebody's input too.
        place = ".".join(
            str(part) for part in first["loc"] if isinstance(part, int) or part in DemoPatient.model_fields
        )
        raise SettingsError(
            f"OMBOKA_DEMO_PATIENTS is not the list that `omboka prepare --demo-patients` writes: "
            f"{place + ': ' if place else ''}{first['msg']}"
        ) from None
    log.warning(
        "DEMO: OMBOKA_DEMO_PATIENTS is set: ANYBODY who reaches this gateway may sign in as one of its %d patients, "
        "without a token",
        len(patients),
    )
    return tuple(patient.identity for patient in patients)
