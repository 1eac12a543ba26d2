"""The entries of the audit: who did what to what, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from donebit import clock
from donebit.store import Store


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done.

    Attributes:
        who: the name of the token
        action: what, in an imperative
        subject: to what; never a user
        detail: what else is known; may be empty
    """

    who: str
    action: str
    subject: str
    detail: str = ""


class AuditEntry(NamedTuple):
    """What was done, under the id that entries are paged by, and when."""

    id: str
    at: datetime
    deed: Deed


class AuditPage(NamedTuple):
    """Some entries, newest first, and the id that older ones are before; None if there are none."""

    entries: list[AuditEntry]
    next: str | None


def keep(store: Store, deed: Deed, most: int) -> None:
    """Keep an entry, and of all about the newest `most`.

    Raises:
        StoreUnavailable: it is not kept.
    """
    fields = {"who": deed.who, "action": deed.action, "subject": deed.subject, "detail": deed.detail}
    store.audit.add(fields, most)


def list_entries(store: Store, limit: int, before: str | None = None) -> AuditPage:
    """List entries, newest first.

    Args:
        store: that keeps them
        limit: how many at most
        before: the id of an entry: only older ones
    """
    found = store.audit.newest(limit + 1, before)
    entries = [
        AuditEntry(
            record.id,
            clock.moment_of_ms(record.at_ms),
            Deed(*(record.fields.get(name, "") for name in ("who", "action", "subject", "detail"))),
        )
        for record in found[:limit]
    ]
    return AuditPage(entries, entries[-1].id if len(found) > limit else None)
