"""How many of the tasks that one token began may be open."""

from __future__ import annotations

from donebit.errors import QuotaExceeded
from donebit.store import Store

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
            self._store.quotas.note_task_of(who, task_id)

    def _has_room(self, who: str) -> bool:
        return not self.limit or self._store.quotas.open_tasks_of(who, self.limit) < self.limit

    def _exceeded(self, who: str) -> QuotaExceeded:
        return QuotaExceeded(
            f"{self.limit} tasks of {who} have not ended, which is the most ({SETTING}); nothing was changed",
            SETTING,
            who,
        )
