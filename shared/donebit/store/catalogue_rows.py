"""The rows of the catalogue: every key that Donebit writes, its type, and whether it goes by itself.

Patterns are without the prefix. What stands in braces is the hash tag, `<...>` is filled in.
"""

from __future__ import annotations

from typing import Final

from donebit.store.catalogue_of_activity import EVENTS, FLAGS
from donebit.store.catalogue_of_processes import ACCESS, BROKER, WORKERS
from donebit.store.catalogue_of_tasks import EXPECTATIONS, SCHEDULES, TASKS
from donebit.store.catalogue_row import KeyRow, Ttl

__all__ = ["BROKER", "ROWS", "SECTIONS", "WORKERS", "KeyRow", "Ttl"]

SECTIONS: Final = {
    "Tasks": TASKS,
    "Schedules": SCHEDULES,
    "Expectations": EXPECTATIONS,
    "Events": EVENTS,
    "Flags and permissions": FLAGS,
    "Workers": WORKERS,
    "Access": ACCESS,
    "Celery's broker, where it is this server": BROKER,
}
ROWS: Final = tuple(row for rows in SECTIONS.values() for row in rows)
