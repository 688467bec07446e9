"""Sealing: what is sealed can be opened with the keys alone, and digests keep their parts apart."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Identity
from shared.sealing import SealBroken, Sealer

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SUBJECT = SubjectOfCareId("191212121212")
IDENTITY = Identity(subject=SUBJECT, given_name="Tolvan", actor=Actor(id=SUBJECT, type=ActorType.SUBJECT_OF_CARE))


def test_an_identity_survives_and_its_token_hides_it() -> None:
    """The token that travels in a message opens to the same identity and holds no number."""
    sealer = Sealer([NEW], "k" * 32)
    token = sealer.seal_identity(IDENTITY)
    assert sealer.open_identity(token) == IDENTITY
    assert "191212121212" not in token


def test_what_an_older_key_sealed_still_opens() -> None:
    """Keys rotate: the newest seals, every listed one opens."""
    token = Sealer([OLD], "k" * 32).seal_identity(IDENTITY)
    assert Sealer([NEW, OLD], "k" * 32).open_identity(token) == IDENTITY


def test_a_token_of_another_key_or_a_changed_one_is_refused_without_its_content() -> None:
    """A forged token is one short exception."""
    token = Sealer([OLD], "k" * 32).seal_identity(IDENTITY)
    with pytest.raises(SealBroken):
        Sealer([NEW], "k" * 32).open_identity(token)
    with pytest.raises(SealBroken):
        Sealer([OLD], "k" * 32).open_identity(token[:-4] + "AAAA")


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_digests_of_different_parts_differ(one: list[str], other: list[str]) -> None:
    """No two lists of parts share a digest by running into one another."""
    sealer = Sealer([NEW], "k" * 32)
    assert (sealer.digest(*one) == sealer.digest(*other)) == (one == other)


def test_the_owner_is_the_same_whatever_the_case_of_a_reserve_number() -> None:
    """A reserve number's letter may be written either way."""
    sealer = Sealer([NEW], "k" * 32)
    assert sealer.owner(SubjectOfCareId("19121212P123")) == sealer.owner(SubjectOfCareId("19121212p123"))


@pytest.mark.parametrize(("data_keys", "hmac_key"), [([], "k" * 32), ([NEW], "short"), (["not a key"], "k" * 32)])
def test_bad_keys_are_refused_at_once(data_keys: list[str], hmac_key: str) -> None:
    """A role doesn't start with keys that can't seal."""
    with pytest.raises(ValueError):
        Sealer(data_keys, hmac_key)
