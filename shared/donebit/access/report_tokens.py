"""A task's own token: good for reporting its steps and failures, and for nothing else.

It is derived from a secret, the task's id and its nonce: the same start gets the same token, nothing of it
has to be kept, and it opens no later task under the same id.
"""

from __future__ import annotations

import re
import time
from typing import NamedTuple

from donebit.access.secret import derived_key, is_same, signature
from donebit.errors import StoreUnavailable
from donebit.names import is_name
from donebit.store import Store

PREFIX = "donebit_task_"
TOKEN = re.compile(PREFIX + r"([A-Za-z0-9._-]{1,100})\.([0-9a-f]{32})\.([0-9a-f]{64})")
KNOWN_SECONDS = 4.0  # a nonce changes only when its task is deleted and its id is used again
MOST_KNOWN = 10_000
RETRY_SECONDS = 1.0  # after a read that failed, so that an outage holds up the first reports and not all


class TokenOfTask(NamedTuple):
    """Which task a report token is of."""

    task_id: str
    nonce: str


class ReportTokens:
    """Makes and checks the report tokens of all tasks. Thread-safe."""

    def __init__(self, secret: str) -> None:
        self._key = derived_key(secret, "report token")

    def make(self, task_id: str, nonce: str) -> str:
        """The report token of a task; the same for the same task."""
        return f"{PREFIX}{task_id}.{nonce}.{signature(self._key, task_id, nonce)}"

    def read(self, token: str) -> TokenOfTask | None:
        """The task that a token was made for; None if it is no report token of this installation."""
        found = TOKEN.fullmatch(token)
        if found is None or not is_name(found[1]):
            return None
        task_id, nonce, signed = found.groups()
        return TokenOfTask(task_id, nonce) if is_same(signed, signature(self._key, task_id, nonce)) else None


class Nonces:
    """The nonces of tasks that were reported to lately, so that a report asks Redis once and not twice."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[str, float]] = {}
        self._failed_at, self._failure = float("-inf"), StoreUnavailable("")

    def is_known(self, token: TokenOfTask) -> bool:
        """Whether it is known, without asking Redis, that the token is of the present task."""
        nonce, read_at = self._known.get(token.task_id, ("", float("-inf")))
        return nonce == token.nonce and time.monotonic() - read_at <= KNOWN_SECONDS

    def is_current(self, token: TokenOfTask) -> bool:
        """Whether the token is not of an earlier task under the same id; True where there is no task at all.

        Raises:
            StoreUnavailable: Redis cannot be asked.
        """
        return self.is_known(token) or self._read(token.task_id) in ("", token.nonce)

    def _read(self, task_id: str) -> str:
        if time.monotonic() - self._failed_at < RETRY_SECONDS:
            raise self._failure
        try:
            nonce = self._store.access.task_nonce(task_id)
        except StoreUnavailable as error:
            self._failed_at, self._failure = time.monotonic(), error
            raise
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        if nonce:
            self._known[task_id] = (nonce, time.monotonic())
        return nonce
