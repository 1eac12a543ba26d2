"""Limits of how much there may be, in all or of one token: open tasks, events, flags and text ids.

They are held against figures that are read at most once a second, so what many requests make within one
second may go beyond; what is asked for by itself is refused exactly.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from donebit.config import Settings
from donebit.errors import QuotaExceeded
from donebit.store import Store
from donebit.store.quotas import Amounts

READ_AGAIN_SECONDS = 1.0
ENDLESS = 2**63
SOME = {"open_tasks": "tasks{of} have not ended", "events": "events{of} exist", "flags": "flags{of} exist"}


class Quota(NamedTuple):
    """One limit, by the setting that has it; 0 for none."""

    setting: str
    limit: int
    used: int


class Quotas:
    """The limits of one process, in all or of one token. Thread-safe."""

    def __init__(
        self,
        store: Store,
        limits: Amounts,
        read: Callable[[], Amounts],
        *,
        who: str = "",
        read_again_seconds: float | None = None,
    ) -> None:
        """
        Args:
            store: that says what is new
            limits: 0 for none
            read: the figures
            who: the name of the token; empty in all
            read_again_seconds: how old figures may be; READ_AGAIN_SECONDS if None
        """
        self._store, self._read_again_seconds = store, read_again_seconds
        self._limits, self._read, self._who = limits, read, who
        self._amounts, self._read_at = Amounts(0, 0, 0, 0), float("-inf")
        self._lock = threading.Lock()

    @classmethod
    def in_all(cls, store: Store, settings: Settings, read_again_seconds: float | None = None) -> Quotas:
        """The limits of all tokens together."""
        limits = Amounts(
            settings.max_open_tasks, settings.max_events, settings.max_flags, settings.max_text_ids
        )
        return cls(store, limits, store.quotas.amounts, read_again_seconds=read_again_seconds)

    def text_room(self) -> int:
        """How many more text ids there may be."""
        return self._room("text_ids")

    def admit_texts(self, new: int) -> None:
        """Admit so many new text ids. Raises QuotaExceeded if there may not be so many more."""
        if new > (room := self._room("text_ids")):
            setting, more = self._setting("text_ids"), f"{max(0, room)} more{self._of} may be kept"
            raise QuotaExceeded(
                f"the request has {new} new text ids, and {more} ({setting}); nothing was changed",
                setting,
                self._who,
            )

    def admit_task(self, task_id: str | None = None) -> None:
        """Admit the start of a task, or of one that exists already.

        Raises:
            QuotaExceeded: as many have not ended as may be.
        """
        if self._room("open_tasks") < 1 and not (task_id and self._store.quotas.has_task(task_id)):
            raise self._exceeded("open_tasks")

    def admit_again(self, task_id: str) -> None:
        """Admit that a task runs on: one that has failed or was cancelled is open again then.

        Raises:
            QuotaExceeded: as many have not ended as may be.
        """
        if self._room("open_tasks") < 1 and self._store.quotas.may_run_again(task_id):
            raise self._exceeded("open_tasks")

    def has_task_room(self) -> bool:
        """Whether one more task may be open."""
        return self._room("open_tasks") >= 1

    def admit_events(self, events: Collection[str]) -> None:
        """Admit visits to events.

        Raises:
            QuotaExceeded: more of them are new than there may be.
        """
        room = max(0, self._room("events"))
        new = self._store.quotas.count_new_events(events) if len(events) > room else 0
        if new > room:
            raise self._exceeded("events", new)

    def admits_event_at_once(self) -> bool:
        """Whether any event may begin, where that is known without asking Redis."""
        if not self._limits.events:
            return True
        return self._is_recent() and self._amounts.events < self._limits.events

    def admit_flag(self, flag: str) -> None:
        """Admit users of a flag. Raises QuotaExceeded if it is new and there are as many as may be."""
        if self._room("flags") < 1 and not self._store.quotas.has_flag(flag):
            raise self._exceeded("flags")

    def add(self, what: str, count: int) -> None:
        """Know of so many more before the figures are read again."""
        with self._lock:
            self._amounts = self._amounts._replace(**{what: getattr(self._amounts, what) + count})

    def all(self) -> list[Quota]:
        """The limits that are set, with what is used of each.

        Raises:
            StoreUnavailable: nobody can say.
        """
        amounts = self._current() if any(self._limits) else self._amounts
        pairs = zip(Amounts._fields, self._limits, amounts, strict=True)
        return [Quota(self._setting(name), limit, used) for name, limit, used in pairs if limit]

    def _room(self, name: str) -> int:
        limit: int = getattr(self._limits, name)
        return limit - getattr(self._current(), name) if limit else ENDLESS

    @property
    def _of(self) -> str:
        return f" of {self._who}" if self._who else ""

    def _setting(self, name: str) -> str:
        return f"MAX_{name.upper()}" + ("_OF_TOKEN" if self._who else "")

    def _exceeded(self, name: str, new: int = 1) -> QuotaExceeded:
        limit, used, what = getattr(self._limits, name), getattr(self._amounts, name), SOME[name]
        setting, some = self._setting(name), what.format(of=self._of)
        beyond = f"{limit} {some}, which is the most"
        if used < limit:
            beyond = f"{used} {some}, and the request begins {new}; {limit} is the most"
        return QuotaExceeded(f"{beyond} ({setting}); nothing was changed", setting, self._who)

    def _is_recent(self) -> bool:
        most = READ_AGAIN_SECONDS if self._read_again_seconds is None else self._read_again_seconds
        return time.monotonic() - self._read_at < most

    def _current(self) -> Amounts:
        if self._is_recent():
            return self._amounts
        with self._lock:
            if not self._is_recent():
                self._amounts = self._read()
                self._read_at = time.monotonic()
        return self._amounts
