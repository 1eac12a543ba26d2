"""The tokens as a process knows them: read from Redis every other second, so that a request costs nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from donebit import clock
from donebit.access.roles import Caller, Role
from donebit.access.secret import digest, fingerprint
from donebit.access.sessions import DashboardSession, SignOuts, note_of_session, note_of_token
from donebit.access.tokens import OPERATOR, PREFIX, readable_tokens
from donebit.errors import StoreUnavailable
from donebit.store import Store

# What is revoked is refused everywhere within 5 s: 2 s, and what a slow server takes to answer.
READ_AGAIN_SECONDS = 2.0
LATEST_SECONDS = 4.0  # beyond it what is known may have been revoked
RETRY_SECONDS = 1.0  # after a read that failed, so that an outage holds up one request and not all
MOST_READS_FOR_UNKNOWN = 20  # a second, for tokens just made elsewhere: whoever guesses must not cost more


@dataclass(frozen=True, slots=True)
class Known:
    """What was read at once.

    Attributes:
        by_digest: the caller that each token is, by the token's digest
        by_fingerprint: the same by its fingerprint, as sessions name it
        sign_outs: the sessions that have ended
        read_at: when the reading began (s of time.monotonic)
    """

    by_digest: Mapping[str, Caller] = field(default_factory=dict)
    by_fingerprint: Mapping[str, Caller] = field(default_factory=dict)
    sign_outs: SignOuts = field(default_factory=SignOuts)
    read_at: float = float("-inf")


class KnownTokens:
    """All tokens of an installation: the one of API_TOKEN, and those with names."""

    def __init__(self, store: Store, api_token: str) -> None:
        """
        Args:
            store: that holds the tokens with names
            api_token: an admin's, known also while Redis is away
        """
        self._store = store
        own = digest(api_token)
        self._operator = {own: Caller(OPERATOR, Role.ADMIN, fingerprint(own))}
        self._known = Known()
        self._lock = threading.Lock()
        self._failed_at, self._failure = float("-inf"), StoreUnavailable("")
        self._second, self._reads = 0, 0

    def is_operator(self, token: str) -> bool:
        """Whether this is API_TOKEN."""
        return digest(token) in self._operator

    def find(self, token: str) -> Caller | None:
        """Whose token this is; None for a token that is unknown or revoked.

        Raises:
            StoreUnavailable: it is not API_TOKEN, and the others cannot be read.
        """
        wanted = digest(token)
        if operator := self._operator.get(wanted):
            return operator
        if not token.startswith(PREFIX):
            return None
        found = self._current(READ_AGAIN_SECONDS).by_digest.get(wanted)
        if found is None and self._may_read_for_unknown():
            found = self._current(0).by_digest.get(wanted)
        return found

    def find_at_once(self, token: str) -> Caller | None:
        """Whose token this is, where `find` knows it without asking Redis; None for any other."""
        wanted = digest(token)
        if operator := self._operator.get(wanted):
            return operator
        known = self._known
        return known.by_digest.get(wanted) if time.monotonic() - known.read_at < READ_AGAIN_SECONDS else None

    def find_session(self, session: DashboardSession) -> Caller | None:
        """Whose session this is; None if it has signed out, or its token is revoked.

        Raises:
            StoreUnavailable: it is not API_TOKEN's, and nobody can say.
        """
        (operator,) = self._operator.values()
        is_operator = operator.fingerprint == session.fingerprint
        try:
            known = self._current(READ_AGAIN_SECONDS)
        except StoreUnavailable:
            if not is_operator:
                raise
            known = Known()  # without Redis it can neither see nor change anything
        if known.sign_outs.has_ended(session):
            return None
        caller = operator if is_operator else known.by_fingerprint.get(session.fingerprint)
        return replace(caller, session=session) if caller else None

    def is_valid(self, caller: Caller) -> bool:
        """Whether a caller that was let in would be so again; while nobody can say, it would."""
        try:
            if caller.session:
                return self.find_session(caller.session) is not None
            known = self._current(READ_AGAIN_SECONDS).by_fingerprint
            return caller.fingerprint in known or caller in self._operator.values()
        except StoreUnavailable:
            return True

    def sign_out(self, caller: Caller, idle: timedelta, *, everywhere: bool) -> None:
        """End the caller's session, or all sessions of its token, in every process within 5 s.

        Args:
            caller: whose
            idle: after which a session ends by itself
            everywhere: all sessions of its token
        """
        now_ms = clock.now_ms()
        if everywhere:
            self._store.access.note_sign_out(note_of_token(caller.fingerprint, now_ms), now_ms, idle)
        elif caller.session:
            self._store.access.note_sign_out(note_of_session(caller.session), now_ms, idle)
        self.forget()

    def forget(self) -> None:
        """Read again at the next request: this process has changed something itself."""
        self._known = Known()

    def _may_read_for_unknown(self) -> bool:
        second = int(time.monotonic())
        with self._lock:
            if second != self._second:
                self._second, self._reads = second, 0
            self._reads += 1
            return self._reads <= MOST_READS_FOR_UNKNOWN

    def _current(self, most_seconds: float) -> Known:
        """What is known, read at most so many seconds ago, unless another thread is just reading."""
        asked_at = time.monotonic()
        known = self._known
        if asked_at - known.read_at < most_seconds:
            return known
        must_wait = most_seconds == 0 or asked_at - known.read_at >= LATEST_SECONDS
        if not self._lock.acquire(blocking=must_wait):
            return known
        try:
            if self._known.read_at < asked_at - most_seconds:
                self._read(asked_at)
            return self._known
        finally:
            self._lock.release()

    def _read(self, asked_at: float) -> None:
        try:
            if time.monotonic() - self._failed_at < RETRY_SECONDS:
                raise self._failure
            self._known = self._read_now()
        except StoreUnavailable as error:
            if error is not self._failure:
                self._failed_at, self._failure = time.monotonic(), error
            if asked_at - self._known.read_at >= LATEST_SECONDS:
                raise

    def _read_now(self) -> Known:
        read_at = time.monotonic()
        kept, notes = self._store.access.tokens_and_sign_outs(clock.now_ms())
        tokens = readable_tokens(kept)
        callers = {one.digest: Caller(one.name, one.role, fingerprint(one.digest)) for one in tokens}
        by_fingerprint = {one.fingerprint: one for one in callers.values()}
        return Known(callers, by_fingerprint, SignOuts.read(notes), read_at)
