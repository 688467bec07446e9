"""Who asks: bearer tokens (JWT) checked against the issuer's keys, or in development against one key of our own.

What a token says of itself decides nothing: the algorithm follows from the key, issuer and audience from the settings.
Source: the interface, "Tokens"; the flow, decision 13; the reliability rules 4.1.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple, Protocol

import jwt

from services.gateway.identity import Caller
from shared.clock import Clock
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Identity
from shared.contracts.problems import Problem, ProblemType, Refusal
from shared.contracts.rules import phone_from_settings
from shared.sealing import Sealer

CLOCK_SKEW = 5.0
"""Seconds by which an issuer's clock may be ahead of ours."""

LONGEST_LIFETIME = 24 * 3600.0
"""A token that claims to live longer than this is not believed, in seconds."""

LONGEST_TOKEN = 8192
LONGEST_NAME = 200
NOT_AUTHENTICATED = Problem(type=ProblemType.NOT_AUTHENTICATED)


class VerificationKey(NamedTuple):
    """A key and the one algorithm it is used with."""

    key: Any
    algorithm: str


class Keys(Protocol):
    """Where the keys are that tokens are checked with."""

    async def find(self, header: dict[str, Any]) -> VerificationKey | None:
        """The key that a token's header asks for, None when there is none such. Raises Refusal (overloaded)."""

    async def ready(self) -> bool:
        """Whether tokens can be checked now."""


class DevelopmentKey:
    """One shared key, HS256: for development and demos."""

    def __init__(self, key: str) -> None:
        if len(key) < 32:
            raise ValueError("the development key must be at least 32 characters: run `omboka keys`")
        self._key = VerificationKey(key, "HS256")

    async def find(self, header: dict[str, Any]) -> VerificationKey | None:
        """The key, whatever the header names."""
        return self._key

    async def ready(self) -> bool:
        """Always."""
        return True


class Authenticator:
    """Makes a Caller of an Authorization header. Raises Refusal: not-authenticated, or not-allowed for an agent."""

    def __init__(
        self,
        keys: Keys,
        *,
        sealer: Sealer,
        clock: Clock,
        issuer: str | None = None,
        audience: str | None = None,
        agents: bool = False,
    ) -> None:
        self._keys = keys
        self._sealer = sealer
        self._clock = clock
        self._issuer = issuer
        self._audience = audience
        self._agents = agents

    async def ready(self) -> bool:
        """Whether tokens can be checked now."""
        return await self._keys.ready()

    async def by_header(self, authorization: str | None) -> Caller:
        """Check `Bearer TOKEN`. Raises Refusal (not-authenticated, not-allowed)."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refusal(NOT_AUTHENTICATED)
        return await self.by_token(token.strip())

    async def by_token(self, token: str) -> Caller:
        """Check a token. Raises Refusal (not-authenticated, not-allowed)."""
        claims = await self._claims(token)
        expires_at = self._lifetime(claims)
        subject = _subject(claims.get("sub"))
        actor = self._actor(claims.get("act"), subject)
        phone = claims.get("phone_number")
        identity = Identity(
            subject=subject,
            given_name=_name(claims.get("given_name")),
            family_name=_name(claims.get("family_name")),
            phone=phone_from_settings(phone) if isinstance(phone, str) else None,
            actor=actor,
        )
        return self.caller(identity, expires_at=expires_at, acting=actor.id != subject)

    def caller(self, identity: Identity, *, expires_at: float, acting: bool) -> Caller:
        """The caller that an identity proven elsewhere is."""
        return Caller(
            identity=identity, owner=self._sealer.owner(identity.subject), expires_at=expires_at, acting=acting
        )

    async def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > LONGEST_TOKEN:
            raise Refusal(NOT_AUTHENTICATED)
        try:
            header = jwt.get_unverified_header(token)
            found = await self._keys.find(header)
            if found is None or header.get("alg") != found.algorithm or header.get("crit"):
                raise Refusal(NOT_AUTHENTICATED)
            claims: dict[str, Any] = jwt.decode(
                token,
                found.key,
                algorithms=[found.algorithm],
                issuer=self._issuer,
                audience=self._audience,
                options={
                    "require": ["exp", "sub"],
                    "verify_aud": self._audience is not None,
                    "verify_iss": self._issuer is not None,
                    # times are checked below, by the clock port
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Refusal(NOT_AUTHENTICATED) from error
        return claims

    def _lifetime(self, claims: dict[str, Any]) -> float:
        now = self._clock.now().timestamp()
        expires_at = _number(claims["exp"])
        starts = _number(claims.get("nbf", now))
        issued = _number(claims.get("iat", now))
        if not now < expires_at <= now + LONGEST_LIFETIME or max(starts, issued) > now + CLOCK_SKEW:
            raise Refusal(NOT_AUTHENTICATED)
        return expires_at

    def _actor(self, act: Any, subject: SubjectOfCareId) -> Actor:
        """Who acts: the subject, a relative, or an agent where agents may (source: the flow, decision 13)."""
        if act is None:
            return Actor(id=subject, type=ActorType.SUBJECT_OF_CARE)
        if not isinstance(act, dict) or "act" in act or not isinstance(act.get("sub"), str):
            raise Refusal(NOT_AUTHENTICATED)
        if act.get("type") == ActorType.SUBJECT_OF_CARE.value:
            return Actor(id=_subject(act["sub"]), type=ActorType.SUBJECT_OF_CARE)
        if act.get("type") != ActorType.AGENT.value:
            raise Refusal(NOT_AUTHENTICATED)
        if not self._agents:
            raise Refusal(Problem(type=ProblemType.NOT_ALLOWED))
        try:
            return Actor(id=act["sub"], type=ActorType.AGENT)
        except ValueError as error:
            raise Refusal(NOT_AUTHENTICATED) from error


def _subject(value: Any) -> SubjectOfCareId:
    try:
        return SubjectOfCareId(value)
    except ValueError as error:
        raise Refusal(NOT_AUTHENTICATED) from error


def _name(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > LONGEST_NAME or not value.isprintable():
        raise Refusal(NOT_AUTHENTICATED)
    return value.strip() or None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(NOT_AUTHENTICATED)
    try:
        return float(value)
    except OverflowError as error:
        raise Refusal(NOT_AUTHENTICATED) from error


def sign_development_token(
    key: str,
    *,
    subject: str,
    given_name: str | None = None,
    family_name: str | None = None,
    phone: str | None = None,
    actor: str | None = None,
    actor_type: str = "subject_of_care",
    expires_in: float = 300,
    issuer: str | None = None,
    audience: str | None = None,
    now: dt.datetime | None = None,
) -> str:
    """Sign a token with the development key (HS256); it expires `expires_in` seconds from `now` (default: now)."""
    at = int((now or dt.datetime.now(dt.UTC)).timestamp())
    claims: dict[str, Any] = {
        "sub": subject,
        "iat": at,
        "exp": at + int(expires_in),
        "given_name": given_name,
        "family_name": family_name,
        "phone_number": phone,
        "iss": issuer,
        "aud": audience,
        "act": {"sub": actor, "type": actor_type} if actor is not None else None,
    }
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm="HS256")
