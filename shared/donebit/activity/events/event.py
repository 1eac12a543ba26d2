"""What is known about an event: the kind of users it holds, and how long its bitmaps are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from donebit.activity.periods.calendar import Granularity
from donebit.activity.periods.expiry import DEFAULT, Gone, Retention
from donebit.activity.site import Site
from donebit.activity.users.ids import UserKind
from donebit.names import checked_name


@dataclass(frozen=True, slots=True)
class Event:
    """An event, seen already or not."""

    name: str
    kind: UserKind | None = None  # None for one never seen
    retention: Retention = DEFAULT


def get(site: Site, name: str) -> Event:
    """The event of that name. Raises InvalidInput for a name that cannot be one."""
    about = site.store.visits.about(check_name(name))
    kind = UserKind(about["kind"]) if "kind" in about else None
    return Event(name, kind, _retention(about))


def check_name(name: str) -> str:
    """The name, if it can be an event's. Raises InvalidInput for any other."""
    return checked_name(name, "event")


def _retention(about: dict[str, str]) -> Retention:
    """The default, save what was set for this event: fields `keep_day` and so on, in seconds,
    and `gone_day`, since the epoch."""
    names = [granularity.value for granularity in Granularity]
    kept = {name: timedelta(seconds=int(about[f"keep_{name}"])) for name in names if f"keep_{name}" in about}
    gone = {
        name: datetime.fromtimestamp(int(about[f"gone_{name}"]), UTC)
        for name in names
        if f"gone_{name}" in about
    }
    return replace(DEFAULT, **kept, gone=Gone(**gone))
