"""Sessions of the dashboard: what its cookie holds, signed, so that no service has to remember it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from donebit.access.secret import is_same, signature

COOKIE = "donebit_session"
COOKIE_TEXT = re.compile(
    r"([0-9a-f]{32})\.([0-9a-f]{32})\.(\d{1,15})\.(\d{1,15})\.(tls|plain)\.([0-9a-f]{64})"
)
RENEWALS_IN_IDLE_TIME = 48  # a cookie is renewed when it is older than this part of the idle time


@dataclass(frozen=True, slots=True)
class DashboardSession:
    """A browser that has signed in.

    Attributes:
        id: random, 32 hexadecimal digits
        fingerprint: of the token that it signed in with
        begun_ms: when it signed in (ms since the epoch)
        renewed_ms: when it was last seen, roughly (ms since the epoch)
        secure: whether it began over TLS, so that its cookie is sent over nothing else
    """

    id: str
    fingerprint: str
    begun_ms: int
    renewed_ms: int
    secure: bool = False

    @classmethod
    def begin(cls, fingerprint: str, now_ms: int, *, secure: bool = False) -> DashboardSession:
        return cls(secrets.token_hex(16), fingerprint, now_ms, now_ms, secure)

    def renewed(self, now_ms: int) -> DashboardSession:
        return replace(self, renewed_ms=now_ms)

    def is_idle(self, now_ms: int, idle: timedelta) -> bool:
        """Whether it was not seen for the idle time, after which it has ended."""
        return now_ms - self.renewed_ms >= idle / timedelta(milliseconds=1)

    def is_due(self, now_ms: int, idle: timedelta) -> bool:
        """Whether its cookie should be renewed now."""
        return now_ms - self.renewed_ms >= idle / timedelta(milliseconds=1) / RENEWALS_IN_IDLE_TIME

    def to_cookie(self, key: bytes) -> str:
        """The value of its cookie."""
        way = "tls" if self.secure else "plain"
        parts = (self.id, self.fingerprint, str(self.begun_ms), str(self.renewed_ms), way)
        return ".".join([*parts, signature(key, *parts)])

    @classmethod
    def from_cookie(cls, text: str, key: bytes) -> DashboardSession | None:
        """The session of a cookie's value; None if it was not made with this key."""
        found = COOKIE_TEXT.fullmatch(text)
        if found is None:
            return None
        *parts, signed = found.groups()
        if not is_same(signed, signature(key, *parts)):
            return None
        return cls(parts[0], parts[1], int(parts[2]), int(parts[3]), parts[4] == "tls")

    def form_token(self, key: bytes) -> str:
        """What a form of the dashboard carries: a page of another site cannot know it."""
        return signature(key, "form", self.id)


@dataclass(frozen=True, slots=True)
class SignOuts:
    """Which sessions have ended before their time.

    Attributes:
        sessions: the ids of those that signed out
        tokens: by a token's fingerprint, before when all its sessions began that have ended (ms)
    """

    sessions: frozenset[str] = frozenset()
    tokens: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, notes: Iterable[str]) -> SignOuts:
        """Read the notes that `note_of_session` and `note_of_token` made."""
        parts = [note.split() for note in notes]
        tokens: dict[str, int] = {}
        for _, fingerprint, before in (one for one in parts if one[0] == "token"):
            tokens[fingerprint] = max(int(before), tokens.get(fingerprint, 0))
        return cls(frozenset(one[1] for one in parts if one[0] == "session"), tokens)

    def has_ended(self, session: DashboardSession) -> bool:
        """Whether a session has signed out, by itself or with all of its token."""
        return session.id in self.sessions or session.begun_ms <= self.tokens.get(session.fingerprint, -1)


def note_of_session(session: DashboardSession) -> str:
    """What is kept of a session that signs out."""
    return f"session {session.id}"


def note_of_token(fingerprint: str, now_ms: int) -> str:
    """What is kept of a token whose sessions all end."""
    return f"token {fingerprint} {now_ms}"
