"""How long tasks and the indexes that list them stay in Redis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from donebit.completion.task import HISTORY_TTL
from donebit.config import Settings

LONGEST_ENDED_TTL = timedelta(days=30)  # that a task may ask for
INDEX_MARGIN = timedelta(days=1)  # the indexes outlive the last task in them


@dataclass(frozen=True, slots=True)
class TaskTtls:
    """How long a task stays: while it is open, renewed by progress, and after its end."""

    open: timedelta
    ended: timedelta
    history: timedelta = HISTORY_TTL  # of its runs, among those of its job

    @classmethod
    def from_settings(cls, settings: Settings) -> TaskTtls:
        """The TTLs that TASK_TTL, ENDED_TTL and HISTORY_TTL set: the only place that reads these settings."""
        return cls(settings.task_ttl, settings.ended_ttl, settings.history_ttl)

    @property
    def index(self) -> timedelta:
        """The TTL of the indexes: longer than that of any task in them."""
        return max(self.open, self.ended, LONGEST_ENDED_TTL) + INDEX_MARGIN
