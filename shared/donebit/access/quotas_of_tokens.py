"""Limits of what one token began: open tasks, events, flags and text ids."""

from __future__ import annotations

import threading
from functools import partial

from donebit.access.quotas import Quota, Quotas
from donebit.config import Settings
from donebit.errors import QuotaExceeded
from donebit.store import Store
from donebit.store.begun import TEXT_IDS
from donebit.store.quotas import Amounts

OPEN_TASKS = "open_tasks"
SETTING = "MAX_OPEN_TASKS_OF_TOKEN"


class OpenTasksOfTokens:
    """Holds each token to the limit, by what Redis has at that moment; a start asks once more for it."""

    def __init__(self, store: Store, limit: int) -> None:
        """
        Args:
            store: that has the tasks
            limit: how many there may be; 0 for any number
        """
        self._store, self.limit = store, limit

    def admit(self, who: str, task_id: str | None) -> None:
        """Admit that a token begins a task, or one that exists already.

        Raises:
            QuotaExceeded: as many of its tasks have not ended as may be.
        """
        if not self._has_room(who) and not (task_id and self._store.quotas.has_task(task_id)):
            raise self._exceeded(who)

    def admit_again(self, who: str, task_id: str) -> None:
        """Admit that a task runs on; one that has failed or was cancelled is from then on this token's too.

        Raises:
            QuotaExceeded: it would be open again, and there are as many as may be.
        """
        if not self.limit or not self._store.quotas.may_run_again(task_id):
            return
        if not self._has_room(who):
            raise self._exceeded(who)
        self.note(who, task_id)

    def note(self, who: str, task_id: str) -> None:
        """Note that a token has begun a task."""
        if self.limit:
            self._store.begun.note(who, OPEN_TASKS, task_id)

    def _has_room(self, who: str) -> bool:
        if not self.limit or self._store.begun.count(who, OPEN_TASKS) < self.limit:
            return True
        return self._store.begun.forget_gone(who, OPEN_TASKS) < self.limit

    def _exceeded(self, who: str) -> QuotaExceeded:
        return QuotaExceeded(
            f"{self.limit} tasks of {who} have not ended, which is the most ({SETTING}); nothing was changed",
            SETTING,
            who,
        )


class QuotasOfTokens:
    """The limits of each token in one process. Thread-safe."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """
        Args:
            store: that has the notes of what tokens began
            settings: that have the limits
        """
        self._store = store
        self.tasks = OpenTasksOfTokens(store, settings.max_open_tasks_of_token)
        self._limits = Amounts(
            0,
            settings.max_events_of_token,
            settings.max_flags_of_token,
            settings.max_text_ids_of_token,
        )
        self._by_token: dict[str, Quotas] = {}
        self._lock = threading.Lock()

    def of(self, who: str) -> Quotas:
        """The limits of events, flags and text ids of a token."""
        with self._lock:
            if who not in self._by_token:
                read = partial(self._read, who)
                self._by_token[who] = Quotas(self._store, self._limits, read, who=who)
            return self._by_token[who]

    def note(self, who: str, what: str, name: str) -> None:
        """Note that a token has begun an event or a flag."""
        if getattr(self._limits, what):
            self._store.begun.note(who, what, name)
            self.of(who).add(what, 1)

    def note_texts(self, who: str, numbers: list[int]) -> None:
        """Note that a token has brought text ids, which have these numbers."""
        self._store.begun.note_texts(who, numbers)
        self.of(who).add(TEXT_IDS, len(numbers))

    def limits_texts(self) -> bool:
        """Whether there is a limit of text ids."""
        return bool(self._limits.text_ids)

    def all(self) -> list[Quota]:
        """The limits that are set, with what the token that has most uses of each.

        Raises:
            StoreUnavailable: nobody can say.
        """
        limits = self._limits._replace(open_tasks=self.tasks.limit)
        set_ones = {name: limit for name, limit in limits._asdict().items() if limit}
        return [
            Quota(f"MAX_{name.upper()}_OF_TOKEN", limit, self._most(name)) for name, limit in set_ones.items()
        ]

    def _most(self, what: str) -> int:
        """How much the token with most has of it."""
        counts = self._store.begun.counts(what)
        while counts:
            who = max(counts, key=counts.__getitem__)
            left = self._left(who, what, counts[who])
            if left == counts[who]:
                return left
            counts[who] = left
        return 0

    def _read(self, who: str) -> Amounts:
        """What a token began; where that is a limit, what is gone of it is forgotten first."""
        found = self._store.begun.amounts(who)
        pairs = zip(Amounts._fields, found, self._limits, strict=True)
        full = {name: self._left(who, name, used) for name, used, limit in pairs if limit and used >= limit}
        return found._replace(**full)

    def _left(self, who: str, what: str, used: int) -> int:
        return used if what == TEXT_IDS else self._store.begun.forget_gone(who, what)
