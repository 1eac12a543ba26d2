"""Limits of how much there may be: open tasks, events, flags and text ids.

They are held against figures that are read at most once a second, so what many requests make within one
second may go beyond; what is asked for by itself is refused exactly.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import NamedTuple

from donebit.config import Settings
from donebit.errors import QuotaExceeded
from donebit.store import Store
from donebit.store.quotas import Amounts

READ_AGAIN_SECONDS = 1.0
ENDLESS = 2**63


class Quota(NamedTuple):
    """One limit, by the setting that has it; 0 for none."""

    setting: str
    limit: int
    used: int


class Quotas:
    """The limits of one process. Thread-safe."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._limits = Amounts(
            settings.max_open_tasks, settings.max_events, settings.max_flags, settings.max_text_ids
        )
        self._amounts, self._read_at = Amounts(0, 0, 0, 0), float("-inf")
        self._lock = threading.Lock()

    def text_room(self) -> int:
        """How many more text ids there may be."""
        return self._room("text_ids")

    def admit_task(self, task_id: str | None = None) -> None:
        """Admit the start of a task, or of one that exists already.

        Raises:
            QuotaExceeded: as many have not ended as may be.
        """
        if self._room("open_tasks") < 1 and not (task_id and self._store.quotas.has_task(task_id)):
            raise self._exceeded("open_tasks", "tasks have not ended")

    def admit_events(self, events: Collection[str]) -> None:
        """Admit visits to events.

        Raises:
            QuotaExceeded: more of them are new than there may be.
        """
        room = max(0, self._room("events"))
        new = self._store.quotas.count_new_events(events) if len(events) > room else 0
        if new > room:
            raise self._exceeded("events", "events exist", new)

    def admits_event_at_once(self) -> bool:
        """Whether any event may begin, where that is known without asking Redis."""
        if not self._limits.events:
            return True
        is_known = time.monotonic() - self._read_at < READ_AGAIN_SECONDS
        return is_known and self._amounts.events < self._limits.events

    def admit_flag(self, flag: str) -> None:
        """Admit users of a flag. Raises QuotaExceeded if it is new and there are as many as may be."""
        if self._room("flags") < 1 and not self._store.quotas.has_flag(flag):
            raise self._exceeded("flags", "flags exist")

    def all(self) -> list[Quota]:
        """The limits that are set, with what is used of each.

        Raises:
            StoreUnavailable: nobody can say.
        """
        amounts = self._current() if any(self._limits) else self._amounts
        pairs = zip(Amounts._fields, self._limits, amounts, strict=True)
        return [Quota(f"MAX_{name.upper()}", limit, used) for name, limit, used in pairs if limit]

    def _room(self, name: str) -> int:
        limit: int = getattr(self._limits, name)
        return limit - getattr(self._current(), name) if limit else ENDLESS

    def _exceeded(self, name: str, what: str, new: int = 1) -> QuotaExceeded:
        limit, setting = getattr(self._limits, name), f"MAX_{name.upper()}"
        used = getattr(self._amounts, name)
        beyond = f"{limit} {what}, which is the most"
        if used < limit:
            beyond = f"{used} {what}, and the request begins {new}; {limit} is the most"
        return QuotaExceeded(f"{beyond} ({setting}); nothing was changed", setting)

    def _current(self) -> Amounts:
        if time.monotonic() - self._read_at < READ_AGAIN_SECONDS:
            return self._amounts
        with self._lock:
            if time.monotonic() - self._read_at >= READ_AGAIN_SECONDS:
                self._amounts = self._store.quotas.amounts()
                self._read_at = time.monotonic()
        return self._amounts
