"""Who asks: what a token or a browser session proves, as one value."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from shared.contracts.events import rfc3339
from shared.contracts.model import Identity


@dataclass(frozen=True)
class Caller:
    """The one who asks. `owner` = the subject's digest; `expires_at` in UTC seconds; `acting` = for somebody else."""

    identity: Identity
    owner: str
    expires_at: float
    acting: bool = False

    @property
    def subject_name(self) -> str | None:
        """The subject's name, None when the token doesn't say it."""
        names = (self.identity.given_name, self.identity.family_name)
        return " ".join(name for name in names if name) or None

    def public(self) -> dict[str, str | None]:
        """`GET /v1/me`: `acting_for` is the subject's name, or masked number, when somebody else acts for them."""
        masked = self.identity.subject.masked
        return {
            "name": self.subject_name,
            "masked_subject": masked,
            "acting_for": (self.subject_name or masked) if self.acting else None,
            "expires_at": rfc3339(dt.datetime.fromtimestamp(self.expires_at, dt.UTC)),
        }
