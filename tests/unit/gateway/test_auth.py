"""Tokens: what a good one proves, and the many that are refused."""

from __future__ import annotations

import base64
import datetime as dt
import json
import warnings
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.warnings import InsecureKeyLengthWarning

from services.gateway.auth import Authenticator, DevelopmentKey, Keys, sign_development_token
from services.gateway.jwks import AGAIN_SECONDS, FRESH_SECONDS, STALE_SECONDS, FetchFailed, JwksKeys, read_keys
from shared.clock import FixedClock
from shared.contracts.model import ActorType
from shared.contracts.problems import Refusal
from tests.builders.gateway import ANOTHER_SUBJECT, AUTH_KEY, NOW, SUBJECT, a_gateway, a_sealer

AT = int(NOW.timestamp())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
ISSUER, AUDIENCE = "https://issuer.example", "omboka"


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """A public key as a member of a key set."""
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    member: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
    return {**member, "kid": kid, **more}


def a_set(*members: dict[str, Any]) -> bytes:
    """A key set."""
    return json.dumps({"keys": members}).encode()


class Issuer:
    """An issuer whose key set a test sets; None = it doesn't answer. Counts how often it was asked."""

    def __init__(self, body: bytes | None) -> None:
        self.body = body
        self.asked = 0

    async def fetch(self) -> bytes:
        """The set."""
        self.asked += 1
        if self.body is None:
            raise FetchFailed("silent")
        return self.body


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token; None takes one away."""
    good = {"sub": SUBJECT, "iss": ISSUER, "aud": AUDIENCE, "iat": AT, "nbf": AT, "exp": AT + 300}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def a_jwt(key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "r1", **changes: Any) -> str:
    """A token by the issuer."""
    return signed(claims(**changes), key, algorithm, kid)


def signed(content: dict[str, Any], key: Any, algorithm: str, kid: str | None) -> str:
    """Any content at all, signed: the library's own checks of what it signs are passed by."""
    headers = {"kid": kid} if kid is not None else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        return jwt.api_jws.encode(json.dumps(content).encode(), key, algorithm=algorithm, headers=headers)


def part(content: dict[str, Any]) -> str:
    """A part of a hand-made token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def an_authenticator(keys: Keys, clock: FixedClock | None = None, *, agents: bool = False) -> Authenticator:
    """An authenticator that pins issuer and audience."""
    return Authenticator(
        keys, sealer=a_sealer(), clock=clock or FixedClock(NOW), issuer=ISSUER, audience=AUDIENCE, agents=agents
    )


def by_issuer(clock: FixedClock | None = None, *, agents: bool = False) -> Authenticator:
    """An authenticator with an issuer of three keys, of which one is too weak."""
    issuer = Issuer(a_set(jwk(RSA_KEY, "r1"), jwk(EC_KEY, "e1"), jwk(WEAK_RSA_KEY, "w1")))
    clock = clock or FixedClock(NOW)
    return an_authenticator(JwksKeys(issuer.fetch, clock), clock, agents=agents)


BAD_TOKENS: dict[str, str] = {
    "empty": "",
    "no token": "abc",
    "two parts": "abc.def",
    "alg none": f"{part({'alg': 'none', 'kid': 'r1'})}.{part(claims())}.",
    "HS256 with the public key": signed(claims(), base64.b64encode(RSA_PEM).decode(), "HS256", "r1"),
    "signed by another key": a_jwt(OTHER_RSA_KEY),
    "a weak key": a_jwt(WEAK_RSA_KEY, kid="w1"),
    "RSA's name on an EC key": a_jwt(EC_KEY, "ES256", kid="r1"),
    "another algorithm of the same key": a_jwt(algorithm="RS512"),
    "PSS": a_jwt(algorithm="PS256"),
    "an unknown key": a_jwt(kid="r9"),
    "no key named among several": a_jwt(kid=None),
    "a changed claim": ".".join([a_jwt().split(".")[0], part(claims(sub=ANOTHER_SUBJECT)), a_jwt().split(".")[2]]),
    "no signature": ".".join([*a_jwt().split(".")[:2], ""]),
    "expired": a_jwt(exp=AT),
    "expired long ago": a_jwt(exp=1),
    "no exp": a_jwt(exp=None),
    "exp that is text": a_jwt(exp="tomorrow"),
    "exp that is true": a_jwt(exp=True),
    "exp in the year 9999": a_jwt(exp=253402300799),
    "exp beyond all numbers": a_jwt(exp=10**400),
    "not yet valid": a_jwt(nbf=AT + 60),
    "issued in the future": a_jwt(iat=AT + 60),
    "another issuer": a_jwt(iss="https://evil.example"),
    "no issuer": a_jwt(iss=None),
    "another audience": a_jwt(aud="another"),
    "no audience": a_jwt(aud=None),
    "no subject": a_jwt(sub=None),
    "a subject that is no number": a_jwt(sub="somebody"),
    "a subject of ten digits": a_jwt(sub="1212121212"),
    "a subject that isn't text": a_jwt(sub=191212121212),
    "a name that isn't text": a_jwt(given_name=["Tolvan"]),
    "a name with a line break": a_jwt(given_name="Tolvan\nX: y"),
    "act that isn't an object": a_jwt(act="somebody"),
    "act without sub": a_jwt(act={"type": "subject_of_care"}),
    "act without type": a_jwt(act={"sub": ANOTHER_SUBJECT}),
    "act of an unknown type": a_jwt(act={"sub": ANOTHER_SUBJECT, "type": "root"}),
    "a chain of actors": a_jwt(act={"sub": ANOTHER_SUBJECT, "type": "subject_of_care", "act": {"sub": "x"}}),
    "a relative without a number": a_jwt(act={"sub": "SE-AGENT", "type": "subject_of_care"}),
    "longer than any token": a_jwt(more="x" * 9000),
    "a kid that isn't text": f"{part({'alg': 'RS256', 'kid': 7})}.{part(claims())}.AAAA",
}


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_bad_tokens_are_not_authenticated(name: str) -> None:
    """None of these proves anything, and the refusal says nothing of why."""
    with pytest.raises(Refusal) as refused:
        await by_issuer().by_header(f"Bearer {BAD_TOKENS[name]}")
    assert refused.value.problem.public() == {
        "type": "urn:omboka:problem:not-authenticated",
        "title": "Du är inte inloggad",
        "status": 401,
        "detail": "Logga in och försök igen.",
    }


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dTpw", "Token abc"])
async def test_headers_that_are_no_bearer_token(header: str | None) -> None:
    """Only `Bearer TOKEN` is looked at."""
    with pytest.raises(Refusal):
        await by_issuer().by_header(header)


@pytest.mark.parametrize(
    "token", [a_jwt(), a_jwt(EC_KEY, "ES256", kid="e1"), a_jwt(aud=["another", AUDIENCE]), a_jwt(nbf=None, iat=None)]
)
async def test_good_tokens(token: str) -> None:
    """Both algorithms, one audience among several, and no more times than exp."""
    caller = await by_issuer().by_header(f"bearer {token}")
    assert caller.identity.subject.reveal() == SUBJECT
    assert caller.expires_at == AT + 300
    assert caller.identity.actor.wire_id == SUBJECT
    assert not caller.acting


async def test_what_a_token_says_of_the_patient():
    """Names as they are; the phone's refused characters become spaces, and it is cut to 30."""
    token = a_jwt(given_name=" Saga ", family_name="Ekström", phone_number="(070) 12.3" + "4" * 40)
    caller = await by_issuer().by_token(token)
    assert caller.subject_name == "Saga Ekström"
    assert caller.identity.phone == "070  12 3" + "4" * 20
    assert caller.public() == {
        "name": "Saga Ekström",
        "masked_subject": "19121212-****",
        "acting_for": None,
        "expires_at": "2026-01-15T08:05:00.000Z",
    }


async def test_a_relative_acts_for_the_patient():
    """The actor is the relative with the citizen's type; subject and names stay the patient's."""
    act = {"sub": ANOTHER_SUBJECT, "type": "subject_of_care"}
    caller = await by_issuer().by_token(a_jwt(act=act, given_name="Saga"))
    assert caller.identity.subject.reveal() == SUBJECT
    assert (caller.identity.actor.wire_id, caller.identity.actor.type) == (ANOTHER_SUBJECT, ActorType.SUBJECT_OF_CARE)
    assert caller.public()["acting_for"] == "Saga"


async def test_acting_for_oneself_is_not_acting_for_somebody():
    """A portal that always says who acts says nothing new when it is the patient."""
    caller = await by_issuer().by_token(a_jwt(act={"sub": SUBJECT, "type": "subject_of_care"}))
    assert caller.public()["acting_for"] is None


async def test_an_agent_acts_only_where_agents_may():
    """The contract leaves rebooking to citizens: an agent is not-allowed unless the configuration says so."""
    token = a_jwt(act={"sub": "SE2321000016-AGENT", "type": "subject_of_care_agent"})
    with pytest.raises(Refusal) as refused:
        await by_issuer().by_token(token)
    assert refused.value.problem.status == 403
    caller = await by_issuer(agents=True).by_token(token)
    assert (caller.identity.actor.wire_id, caller.identity.actor.type) == ("SE2321000016-AGENT", ActorType.AGENT)
    with pytest.raises(Refusal) as refused:
        await by_issuer(agents=True).by_token(a_jwt(act={"sub": "no id!", "type": "subject_of_care_agent"}))
    assert refused.value.problem.status == 401


async def test_the_development_key():
    """What `omboka token` signs is accepted with the same key, and no other token is."""
    authenticator = an_authenticator(DevelopmentKey(AUTH_KEY))
    token = sign_development_token(
        AUTH_KEY,
        subject=SUBJECT,
        given_name="Saga",
        actor=ANOTHER_SUBJECT,
        expires_in=60,
        issuer=ISSUER,
        audience=AUDIENCE,
        now=NOW,
    )
    caller = await authenticator.by_token(token)
    assert (caller.subject_name, caller.expires_at) == ("Saga", AT + 60)
    assert caller.identity.actor.wire_id == ANOTHER_SUBJECT
    for bad in (sign_development_token("another key of at least thirty-two letters", subject=SUBJECT), a_jwt()):
        with pytest.raises(Refusal):
            await authenticator.by_token(bad)
    with pytest.raises(ValueError):
        DevelopmentKey("too short")


async def test_keys_rotate():
    """A key that isn't known is asked for, at most once in ten seconds; the old one goes when the set is fetched."""
    clock, issuer = FixedClock(NOW), Issuer(a_set(jwk(RSA_KEY, "r1")))
    authenticator = an_authenticator(JwksKeys(issuer.fetch, clock), clock)
    await authenticator.by_token(a_jwt())
    issuer.body = a_set(jwk(OTHER_RSA_KEY, "r2"))
    with pytest.raises(Refusal):
        await authenticator.by_token(a_jwt(OTHER_RSA_KEY, kid="r2"))
    assert issuer.asked == 1
    clock.move(AGAIN_SECONDS)
    await authenticator.by_token(a_jwt(OTHER_RSA_KEY, kid="r2"))
    assert issuer.asked == 2
    with pytest.raises(Refusal):
        await authenticator.by_token(a_jwt())


async def test_keys_stay_while_the_issuer_is_silent():
    """Known keys are believed for a day without the issuer; nobody's token is refused for its silence before that."""
    clock, issuer = FixedClock(NOW), Issuer(a_set(jwk(RSA_KEY, "r1")))
    keys = JwksKeys(issuer.fetch, clock)
    authenticator = an_authenticator(keys, clock)
    assert await authenticator.ready()
    issuer.body = None
    clock.move(FRESH_SECONDS)
    await authenticator.by_token(a_jwt(exp=AT + 1000))
    assert issuer.asked == 2
    clock.move(STALE_SECONDS)
    late = int(clock.now().timestamp())
    with pytest.raises(Refusal) as refused:
        await authenticator.by_token(a_jwt(exp=late + 60))
    assert refused.value.problem.status == 503
    assert not await authenticator.ready()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"keys": 1}',
        b'{"keys": [1]}',
        b'{"keys": []}',
        a_set(jwk(RSA_KEY, "r1", use="enc")),
        a_set(jwk(RSA_KEY, "r1", alg="RS512")),
        a_set(jwk(WEAK_RSA_KEY, "w1")),
        a_set({"kty": "oct", "k": "c2VjcmV0", "kid": "o1"}),
        a_set({"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"}),
    ],
)
def test_key_sets_without_a_usable_key(body: bytes) -> None:
    """A set that can't be read, or that holds no key fit for signing, is as good as none."""
    with pytest.raises(FetchFailed):
        read_keys(body)


@pytest.mark.parametrize("path", ["/v1/me", "/v1/bookings", "/v1/rebookings/" + "0" * 32])
async def test_every_address_wants_a_token(path: str) -> None:
    """Without a token, or with an expired one: 401 as a problem, with how to authenticate."""
    async with a_gateway() as gateway:
        expired = sign_development_token(AUTH_KEY, subject=SUBJECT, now=NOW - dt.timedelta(hours=1))
        for headers in ({}, {"Authorization": f"Bearer {expired}"}):
            answer = await gateway.client.get(path, headers=headers)
            assert (answer.status, answer.content_type) == (401, "application/problem+json")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.headers["Cache-Control"] == "no-store"
