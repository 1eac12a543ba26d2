"""Days of an event and all that can change them, done to a store and to sets of plain Python alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from hypothesis import strategies as st
from redis import Redis

from donebit.activity.events import ingest, single_visit
from donebit.activity.events.deletion import forget
from donebit.activity.events.taking_back import take_back
from donebit.activity.periods.calendar import DAY, Granularity, Period, bounds
from donebit.activity.transfer import import_
from donebit.activity.users.erasure import erase
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from donebit.store.server_client import primaries_of
from tests.activity.arranged import UTC_CALENDAR, real_now, site_on

DAYS = 9
USER = st.sampled_from([0, 7, 8, SEGMENT_BITS - 1, SEGMENT_BITS, SEGMENT_BITS + 9])
AGO = st.integers(0, DAYS - 1)
CHANGE = st.one_of(
    st.tuples(st.just("visit now"), st.just(0), USER),
    st.tuples(st.sampled_from(["visit", "import", "take back"]), AGO, USER),
    st.tuples(st.just("erase"), st.just(0), USER),
    st.tuples(st.just("forget"), st.just(0), st.just(0)),
)
Seen = defaultdict[int, set[int]]  # how long ago -> who


def period(ago: int) -> Period:
    return UTC_CALENDAR.period_at(Granularity.DAY, real_now() - ago * DAY)


def day(ago: int) -> Bitmap:
    return Bitmap("e", period(ago).name)


def change(store: Store, seen: Seen, what: str, ago: int, user: int) -> None:
    """Do the same to the store and to the sets."""
    if what in ("visit now", "visit", "import"):
        add(store, what, ago, user)
        seen[ago].add(user)
    else:
        clear(store, what, ago, user)
        for day_ago, users in seen.items():
            if what == "forget" or (what == "take back" and day_ago == ago):
                users.clear()
            elif what == "erase":
                users.discard(user)


def visits(store: Store, seen: Seen, made: Iterable[tuple[int, int]]) -> None:
    """Have users here: how long ago, and who."""
    for ago, user in made:
        change(store, seen, "visit", ago, user)


def clear_and_set_again(
    store: Store,
    look: Callable[[Store], object],
    cleared: str,
    first: Iterable[tuple[int, int]],
    again: Iterable[tuple[int, int]],
) -> Seen:
    """Have a look keep what it counts, then bits cleared and as many set; returns who was there."""
    seen = Seen(set)
    visits(store, seen, first)
    look(store)
    change(store, seen, cleared, 2, 8)
    visits(store, seen, again)
    return seen


def add(store: Store, what: str, ago: int, user: int) -> None:
    site, now = site_on(store), real_now()
    if what == "visit now":
        single_visit.visit(site, "e", user, now)
    elif what == "visit":
        ingest.record(site, "e", [user], at=now - ago * DAY, now=now)
    else:
        import_.add_users(site, "e", period(ago), [user], now)


def clear(store: Store, what: str, ago: int, user: int) -> None:
    site = site_on(store)
    if what == "erase":
        erase(site, user)
    elif what == "forget":
        forget(site, "e")
    else:
        take_back(site, "e", *bounds(period(ago)), now=real_now())


def bitops(client: Redis) -> int:
    """How often bitmaps were combined, by all servers of the store."""
    stats = [primary.info("commandstats") for primary in primaries_of(client)]
    return sum(of_one.get("cmdstat_bitop", {"calls": 0})["calls"] for of_one in stats)
