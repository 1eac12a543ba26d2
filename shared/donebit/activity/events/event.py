"""What is known about an event: the kind of users it holds, and how long its bitmaps are kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from donebit.activity.periods.calendar import Calendar, Granularity
from donebit.activity.periods.expiry import DEFAULT, ExpiredBefore, ExpiryPolicy
from donebit.activity.periods.imported import ImportedPeriods
from donebit.activity.site import Site
from donebit.activity.users.ids import UserKind
from donebit.names import checked_name
from donebit.store.key_names_of_activity import IMPORTED_FIELD, OLDEST_FIELD


@dataclass(frozen=True, slots=True)
class Event:
    """An event, whether it has visits or not."""

    name: str
    kind: UserKind | None = None  # None for one never visited
    expiry: ExpiryPolicy = DEFAULT
    imported: frozenset[str] = frozenset()  # names of periods that were imported as a whole
    first_day: date | None = None  # it has no visit on an earlier day; None where that is not known

    def imports(self, calendar: Calendar, now: datetime) -> ImportedPeriods:
        """The imported periods that have not expired."""
        return ImportedPeriods(calendar, self.expiry, self.imported, now)


def get(site: Site, name: str) -> Event:
    """The event of that name. Raises InvalidInput for a name that no event can have."""
    return _event(name, site.store.visits.about(check_name(name)))


def get_each(site: Site, names: Collection[str]) -> dict[str, Event]:
    """The events of these names, in one round trip. Raises InvalidInput as `get` does."""
    asked = [check_name(name) for name in dict.fromkeys(names)]
    found = site.store.visits.about_each(asked) if asked else []
    return {name: _event(name, fields) for name, fields in zip(asked, found, strict=True)}


def _event(name: str, fields: dict[str, str]) -> Event:
    kind = UserKind(fields["kind"]) if "kind" in fields else None
    imported = frozenset(
        field.removeprefix(IMPORTED_FIELD) for field in fields if field.startswith(IMPORTED_FIELD)
    )
    # Earlier versions noted the month alone.
    first_day = date.fromisoformat(f"{fields[OLDEST_FIELD]}-01"[:10]) if OLDEST_FIELD in fields else None
    return Event(name, kind, _expiry_from(fields), imported, first_day)


def check_name(name: str) -> str:
    """The name, if an event can have it. Raises InvalidInput for any other."""
    return checked_name(name, "event")


def _expiry_from(fields: dict[str, str]) -> ExpiryPolicy:
    """The default policy with what was set for this event.

    Args:
        fields: the event's record; `keep_day` and the like in seconds, `gone_day` and the like in Unix time.
    """
    names = [granularity.value for granularity in Granularity]
    durations = {
        name: timedelta(seconds=int(fields[f"keep_{name}"])) for name in names if f"keep_{name}" in fields
    }
    dropped = {
        name: datetime.fromtimestamp(int(fields[f"gone_{name}"]), UTC)
        for name in names
        if f"gone_{name}" in fields
    }
    if not durations and not dropped:
        return DEFAULT
    return replace(DEFAULT, **durations, expired_before=ExpiredBefore(**dropped))
