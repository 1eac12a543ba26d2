"""Sessions of the dashboard: what its cookie holds, signed, so that no service has to remember it."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from donebit.access.secret import is_same, signature

COOKIE = "donebit_session"
COOKIE_TEXT = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32})\.(\d{1,15})\.(\d{1,15})\.([0-9a-f]{64})")
RENEWALS_IN_IDLE_TIME = 48  # a cookie is renewed when it is older than this part of the idle time


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that has signed in.

    Attributes:
        id: random, 32 hexadecimal digits
        fingerprint: of the token that it signed in with
        begun_ms: when it signed in (ms since the epoch)
        renewed_ms: when it was last seen, roughly (ms since the epoch)
    """

    id: str
    fingerprint: str
    begun_ms: int
    renewed_ms: int

    @classmethod
    def begin(cls, fingerprint: str, now_ms: int) -> Session:
        return cls(secrets.token_hex(16), fingerprint, now_ms, now_ms)

    def renewed(self, now_ms: int) -> Session:
        return replace(self, renewed_ms=now_ms)

    def is_idle(self, now_ms: int, idle: timedelta) -> bool:
        """Whether it was not seen for the idle time, after which it has ended."""
        return now_ms - self.renewed_ms >= idle / timedelta(milliseconds=1)

    def is_due(self, now_ms: int, idle: timedelta) -> bool:
        """Whether its cookie should be renewed now."""
        return now_ms - self.renewed_ms >= idle / timedelta(milliseconds=1) / RENEWALS_IN_IDLE_TIME

    def to_cookie(self, key: bytes) -> str:
        """The value of its cookie."""
        parts = (self.id, self.fingerprint, str(self.begun_ms), str(self.renewed_ms))
        return ".".join([*parts, signature(key, *parts)])

    @classmethod
    def from_cookie(cls, text: str, key: bytes) -> Session | None:
        """The session of a cookie's value; None if it was not made with this key."""
        found = COOKIE_TEXT.fullmatch(text)
        if found is None:
            return None
        *parts, signed = found.groups()
        if not is_same(signed, signature(key, *parts)):
            return None
        return cls(parts[0], parts[1], int(parts[2]), int(parts[3]))

    def form_token(self, key: bytes) -> str:
        """What a form of the dashboard carries: a page of another site cannot know it."""
        return signature(key, "form", self.id)
