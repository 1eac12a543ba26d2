"""An erased user is in nothing any more; who visits meanwhile is erased, or was here after it."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

import pytest
from redis import Redis

from donebit.activity.events import ingest
from donebit.activity.flags import flag, replace
from donebit.activity.periods.calendar import Granularity
from donebit.activity.query import run, text
from donebit.activity.users import erasure
from donebit.activity.users.erasure import erase
from donebit.activity.users.ids import User, UserKind
from donebit.errors import Conflict, StoreUnavailable
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS, BitmapStore, bits_of
from donebit.store.flag_swap import FlagSwapStore
from donebit.store.flags import FlagStore
from donebit.store.visits import VisitStore
from tests.activity.arranged import count, real_now, record, site_on
from tests.conftest import everything

USERS: list[User] = [7, SEGMENT_BITS + 1, 2**32 - 1, "alice", "a/b"]


def bits(client: Redis) -> int:
    """All bits that are set in any segment of an event or a flag."""
    names = [*client.scan_iter("donebit:seen:{[0-9]*}*"), *client.scan_iter("donebit:flag:{[0-9]*}*")]
    counts = set(client.scan_iter("donebit:seen:{[0-9]*}:*:[imt]*s")) | set(
        client.scan_iter("donebit:seen:{[0-9]*}:*:mapped")
    )
    return sum(client.bitcount(name) for name in names if name not in counts)


def registered(client: Redis) -> set[int]:
    """The numbers in the directory, which may be in shards."""
    names = client.scan_iter(keys.numbers(f"{keys.TEXT_USERS}*"))
    found = [number for name in names for number in cast(list[bytes], client.hvals(name))]
    return {int.from_bytes(number, "little") for number in found}


@pytest.mark.parametrize("user", USERS)
def test_an_erased_user_is_in_nothing_and_nobody_else_is_touched(
    store: Store, client: Redis, user: User
) -> None:
    other = "bob" if isinstance(user, str) else 8
    for event, days in (("seen", 0), ("seen", 40), ("read", 3)):
        record(store, [other], event, at=real_now() - timedelta(days=days))
    flag.set_users(site_on(store), "newsletter", [other])
    others = bits(client)
    for event, days in (("seen", 0), ("seen", 40), ("read", 3)):
        record(store, [user], event, at=real_now() - timedelta(days=days))
    flag.set_users(site_on(store), "newsletter", [user])

    made = erase(site_on(store), user)

    assert (made.events, made.flags) == ({"seen", "read"}, {"newsletter"})
    assert made.numbers == isinstance(user, str)
    assert bits(client) == others
    assert (count(store), count(store, "read"), flag.count(site_on(store), "newsletter")) == (1, 1, 1)
    assert flag.has(site_on(store), "newsletter", user) is False


@pytest.mark.parametrize("user", USERS)
def test_erasing_a_user_never_seen_makes_no_key(store: Store, client: Redis, user: User) -> None:
    erase(site_on(store), user)
    assert list(client.scan_iter()) == []

    record(store, ["bob"], "texts")
    record(store, [1], "numbers")
    flag.set_users(site_on(store), "newsletter", [1])
    before = everything(client)

    made = erase(site_on(store), user)

    assert (made.bitmaps, made.numbers) == (0, 0)
    assert everything(client) == before


def test_the_number_of_an_erased_text_is_never_given_again(store: Store, client: Redis) -> None:
    record(store, ["alice", "bob"])
    alice = store.directory.number_of("alice")
    erase(site_on(store), "alice")

    record(store, ["carol", "alice"])

    assert store.directory.ids_of([alice or 0]) == [None]
    assert alice not in registered(client)
    assert len(registered(client)) == count(store) == 3
    assert store.directory.erasing() == []


def test_an_integer_is_not_the_text_of_the_same_digits(store: Store) -> None:
    record(store, ["7"], "texts")
    record(store, [7], "numbers")

    erase(site_on(store), 7)

    assert (count(store, "texts"), count(store, "numbers")) == (1, 0)


def test_a_text_erased_during_its_visit_is_written_as_a_new_user(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The visit has its number already, and sets its bits when the erasure is over."""
    record(store, ["alice", "bob"])
    old = store.directory.number_of("alice")
    erase_before(monkeypatch, VisitStore, "mark_users", store, "alice")

    record(store, ["alice", "bob"], "read")

    assert store.directory.number_of("alice") != old
    assert (count(store), count(store, "read")) == (1, 2)
    assert bits(client) == 5 * (1 + 2)  # and none without a text


def test_a_text_erased_while_it_is_flagged_is_flagged_as_a_user_never_seen(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_on(store)
    flag.set_users(site, "old", ["alice"])
    erase_before(monkeypatch, FlagStore, "mark_flag", store, "alice")

    flag.set_users(site, "new", ["alice"])

    assert (flag.has(site, "old", "alice"), flag.has(site, "new", "alice")) == (False, True)
    assert bits(client) == 1


def test_a_number_erased_before_it_is_anywhere_is_in_no_flag_being_made(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number was given for the flag, and is in no bitmap yet."""
    site = site_on(store)
    erase_before(monkeypatch, FlagSwapStore, "lay", store, "alice")

    assert replace.assign_users(site, "new", ["alice", "bob"]) == 2

    members = flag.members(site, "new", limit=9).tolist()
    assert set(store.directory.ids_of(members)) == {"bob", "alice"}  # who came again, as a new user


def erase_before(monkeypatch: pytest.MonkeyPatch, kind: type, name: str, store: Store, user: User) -> None:
    """Let a user be erased right before this is called the next time."""
    original, interruptions = getattr(kind, name), [None]

    def interrupted(*args: Any) -> object:
        if interruptions:
            interruptions.pop()
            erase(site_on(store), user)
        return original(*args)

    monkeypatch.setattr(kind, name, interrupted)


def test_a_visit_beside_an_erasure_is_in_all_of_its_periods_or_in_none(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_user, interruptions = BitmapStore.clear_user, [None]
    early = real_now() - timedelta(days=40)
    record(store, [7], at=early)

    def visit_first(*args: Any) -> object:
        if interruptions:
            interruptions.pop()
            record(store, [7])
        return clear_user(*args)

    monkeypatch.setattr(BitmapStore, "clear_user", visit_first)

    erase(site_on(store), 7)

    assert {count(store, granularity=granularity) for granularity in Granularity} == {0}


def test_an_erasure_cut_short_by_a_lost_server_is_finished_by_the_next(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, ["alice"])
    with monkeypatch.context() as lost:
        lost.setattr(BitmapStore, "clear_user", unavailable)
        with pytest.raises(StoreUnavailable):
            erase(site_on(store), "alice")
    assert bits(client) == 5

    made = erase(site_on(store), "alice")

    assert (made.events, bits(client), store.directory.erasing()) == ({"seen"}, 0, [])


def unavailable(*_: object) -> None:
    raise StoreUnavailable("lost")


def test_an_event_of_more_periods_than_one_script_takes_is_cleared_too(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "BITMAPS_A_CALL", 3)
    for days in range(5):
        record(store, [7], at=real_now() - timedelta(days=days))

    erase(site_on(store), 7)

    assert bits(client) == 0


def test_visits_flags_and_erasures_that_race_leave_no_bit_without_a_text(
    real_store: Store, real_client: Redis
) -> None:
    names = [f"user-{number}" for number in range(12)]
    stop = threading.Event()
    visitors = [threading.Thread(target=visit_often, args=(real_store, names, event)) for event in "ab"]
    eraser = threading.Thread(target=keep_erasing, args=(real_store, names[::2], stop))
    for thread in (*visitors, eraser):
        thread.start()

    for thread in visitors:
        thread.join()
    stop.set()
    eraser.join()

    known = registered(real_client)
    bitmaps = {name for name in real_client.scan_iter("*:{0}:*") if not name.endswith(b":texts")}
    for name in bitmaps:  # and not what counts their users
        assert set(bits_of(cast(bytes, real_client.get(name))).tolist()) <= known, name
    assert count(real_store, "a") >= 6  # those whom nobody erases
    for name in names:
        erase(site_on(real_store), name)
    assert bits(real_client) == 0


def keep_erasing(store: Store, names: list[str], stop: threading.Event) -> None:
    while not stop.is_set():
        for name in names:
            erase(site_on(store), name)


def visit_often(store: Store, names: list[str], event: str) -> None:
    for start in range(40):
        with suppress(Conflict):  # erased at every attempt, and said so
            record(store, names[start % 5 :], event)
        with suppress(Conflict):
            flag.set_users(site_on(store), f"{event}-flag", names[start % 7 :])


def test_an_integer_that_is_mapped_is_erased_with_the_one_that_is_not(store: Store, client: Redis) -> None:
    site, now = site_on(store), real_now()
    record(store, [4_000_000_000], "as-it-is")
    ingest.record(site, "mapped", [4_000_000_000, 7], at=now, now=now, ids=UserKind.MAPPED)

    made = erase(site, 4_000_000_000)

    assert (made.events, made.numbers) == ({"as-it-is", "mapped"}, 1)
    assert (count(store, "as-it-is"), count(store, "mapped")) == (0, 1)
    assert bits(client) == 5


def test_a_set_read_before_an_erasure_is_not_saved_as_a_flag_after_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, stage, interruptions = site_on(store), BitmapStore.stage, [None]
    record(store, [7, 8])

    def erase_behind(*args: Any) -> object:
        staged = stage(*args)
        if interruptions:
            interruptions.pop()
            erase(site, 7)
        return staged

    monkeypatch.setattr(BitmapStore, "stage", erase_behind)

    users, _ = run.save(site, "cohort", text.parse("seen"), now=real_now())

    assert (users, flag.has(site, "cohort", 7), flag.has(site, "cohort", 8)) == (1, False, True)


def test_a_set_that_becomes_a_flag_beside_an_erasure_is_cleared_behind_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flags have been cleared, and it is not yet said that anybody was."""
    site, note_erasure, interruptions = site_on(store), FlagStore.note_erasure, [None]
    record(store, [7, 8])

    def flag_first(self: FlagStore, flags: list[str]) -> None:
        if interruptions:
            interruptions.pop()
            flag.set_users(site, "cohort", [7])
        note_erasure(self, flags)

    monkeypatch.setattr(FlagStore, "note_erasure", flag_first)

    erase(site, 7)

    assert flag.has(site, "cohort", 7) is False
