"""UUIDs that layout 4 kept twice, in capitals and in lower case, are one user each in layout 5."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from redis import Redis

from donebit.activity.analytics import counts
from donebit.activity.flags import flag
from donebit.activity.periods.calendar import Granularity
from donebit.activity.sets import members
from donebit.activity.users.erasure import erase
from donebit.activity.users.ids import UserKind
from donebit.command_line.migrate import lines_of
from donebit.errors import ConfigurationError, StoreUnavailable
from donebit.migration.from_layout_4 import Lowered
from donebit.migration.run import migrate
from donebit.store import Store
from donebit.store.bitmaps import Bitmap, BitmapStore
from donebit.store.moving import KeyMover
from donebit.store.store import refuse_unfit
from tests.activity.arranged import UTC_CALENDAR, site_on
from tests.conftest import everything, wrong_keys
from tests.migration.old_store import LAYOUT_4, load_old_store, on_fakeredis

WRITTEN_AT = datetime.fromisoformat(LAYOUT_4["written_at"])
DAY = timedelta(days=1)
BOTH = "6f9619ff-8b86-d011-b42d-00c04fc9a000"
MIXED = "6f9619ff-8b86-d011-b42d-00c04fc9c003"


@pytest.fixture
def old(client: Redis) -> Store:
    load_old_store(client, LAYOUT_4)
    return Store.on(client)


@pytest.fixture
def moved(old: Store) -> Store:
    migrate(old)
    return old


def count(store: Store, event: str, granularity: str, ago: int = 0) -> int:
    period = UTC_CALENDAR.period_at(Granularity(granularity), WRITTEN_AT - ago * DAY)
    return counts.count(site_on(store), event, period)


def listed(store: Store, bitmap: Bitmap) -> set[object]:
    return set(members.page_of(site_on(store), UserKind.TEXTS, bitmap, limit=100).users)


def test_services_refuse_the_store_and_name_the_command(old: Store) -> None:
    with pytest.raises(ConfigurationError, match=r"layout 4, .* `donebit migrate`$"):
        refuse_unfit(old)


def test_users_are_counted_once_everywhere(moved: Store, client: Redis) -> None:
    refuse_unfit(moved)

    assert [count(moved, "opened", one) for one in ("hour", "day", "all")] == [5, 5, 20]
    assert count(moved, "opened", "day", ago=1) == 20
    assert count(moved, "read", "day", ago=40) == count(moved, "read", "all") == 5
    assert [count(moved, "closed", one) for one in ("day", "all")] == [22, 22]
    assert count(moved, "closed", "day", ago=1) == 10
    assert (flag.count(site_on(moved), "staff"), flag.count(site_on(moved), "beta")) == (4, 1)
    assert count(moved, "plain", "all") == 9
    assert dict(wrong_keys(client)) == {}


def test_users_come_back_in_lower_case(moved: Store) -> None:
    for bitmap in (Bitmap("opened", "all"), Bitmap("closed", "all"), Bitmap("staff")):
        found = listed(moved, bitmap)
        assert found == {str(one).lower() for one in found}
    assert BOTH in listed(moved, Bitmap("opened", "all"))
    assert MIXED in listed(moved, Bitmap("closed", "all"))


@pytest.mark.parametrize("user", [BOTH, BOTH.upper(), MIXED, MIXED.upper()])
def test_erasing_in_either_case_leaves_nothing_of_the_user(moved: Store, user: str) -> None:
    site = site_on(moved)

    erased = erase(site, user)

    assert erased.numbers == 1
    assert erase(site, user.swapcase()).numbers == 0
    lists = [Bitmap(name, "all") for name in ("opened", "closed")] + [Bitmap("staff"), Bitmap("beta")]
    assert all(user.lower() not in listed(moved, bitmap) for bitmap in lists)


def test_what_was_merged_is_reported(old: Store) -> None:
    made = migrate(old)

    assert made.lowered == Lowered(40, 20)
    assert (made.before["users with text ids"], made.after["users with text ids"]) == (60, 40)
    assert lines_of(made, dry_run=False)[-1] == (
        "40 UUIDs in capitals were put in lower case, 20 of them merged with the same UUID there"
    )


def test_a_dry_run_counts_the_same_and_changes_nothing(old: Store, client: Redis) -> None:
    before = everything(client)

    made = migrate(old, dry_run=True)

    assert made.lowered == Lowered(40, 20)
    assert everything(client) == before


def test_a_second_migration_finds_nothing_to_do(moved: Store, client: Redis) -> None:
    before = everything(client)

    assert migrate(moved).found == 5
    assert everything(client) == before


@pytest.fixture(scope="module")
def at_once() -> Iterator[dict[bytes, object]]:
    """What an uninterrupted migration leaves."""
    with on_fakeredis(LAYOUT_4) as client:
        migrate(Store.on(client))
        yield without_counts(client)


def without_counts(client: Redis) -> dict[bytes, object]:
    """Every key but those that only save counting, and the bits without zero bytes at the end.

    Without the times of expiry as well, which are counted from when the store was put on the server.
    """
    return {
        key: held.rstrip(b"\0") if isinstance(held, bytes) else held
        for key, held in everything(client).items()
        if not key.endswith((b":texts", b":integers", b":periods"))
    }


@pytest.mark.parametrize("calls", [1, 2, 7, 19])
@pytest.mark.parametrize(("owner", "method"), [(BitmapStore, "clear_user"), (KeyMover, "replace_id")])
def test_cut_off_half_way_it_goes_on_with_the_rest(
    monkeypatch: pytest.MonkeyPatch, at_once: dict[bytes, object], owner: type, method: str, calls: int
) -> None:
    with on_fakeredis(LAYOUT_4) as client:
        left, real = [calls], getattr(owner, method)

        def cut_off(*arguments: object, **named: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                raise StoreUnavailable("cut off")
            return real(*arguments, **named)

        with monkeypatch.context() as patched:
            patched.setattr(owner, method, cut_off)
            with pytest.raises(StoreUnavailable):
                migrate(Store.on(client))
            with pytest.raises(ConfigurationError, match="donebit migrate"):
                refuse_unfit(Store.on(client))

        migrate(Store.on(client))

        assert without_counts(client) == at_once
