"""A set is kept as a flag: all of it at once, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from donebit.activity.flags import flag as flags
from donebit.activity.flags import replace
from donebit.activity.query import run, text
from donebit.activity.query.run import ATTEMPTS, Saving
from donebit.activity.sets import algebra
from donebit.errors import Conflict, InvalidInput, StoreUnavailable
from donebit.store import Store, flag_swap, keys
from donebit.store.bitmaps import SEGMENT_BITS
from donebit.store.flag_swap import FlagSwapStore, Staging
from donebit.store.flags import READ_WITHIN_SECONDS, FlagStore
from tests.activity.arranged import real_now, record, site_on
from tests.conftest import everything


def save(store: Store, flag: str, said: str, max_segments: int = 1024) -> int:
    site = site_on(store, max_segments=max_segments)
    return run.save(site, flag, text.parse(said), now=real_now())[0]


def members(store: Store, flag: str) -> list[int]:
    found: list[int] = flags.members(site_on(store), flag, limit=100).tolist()
    return found


def keys_of(client: Redis, pattern: str) -> list[bytes]:
    return sorted(client.scan_iter(pattern))


def lasting(client: Redis, pattern: str) -> list[bytes]:
    """The keys that stay, without their generation."""
    return sorted(name.partition(b"@")[0] for name in keys_of(client, pattern) if client.ttl(name) == -1)


def test_a_saved_set_is_a_flag_like_any_other(store: Store, client: Redis) -> None:
    record(store, [1, 2, SEGMENT_BITS * 3], "a")
    record(store, [2, SEGMENT_BITS * 3, 9], "b")

    saved = save(store, "both", "a & b")

    assert (saved, members(store, "both")) == (2, [2, SEGMENT_BITS * 3])
    assert flags.count(site_on(store), "both") == 2
    assert "both" in store.flags.flags()
    assert flags.set_users(site_on(store), "both", [5, 2]) == 1
    assert run.count(site_on(store), text.parse("flag:both - a"), now=real_now())[0] == 1
    assert [client.ttl(key) for key in keys_of(client, "donebit:flag:*")] == [-1] * len(
        keys_of(client, "donebit:flag:*")
    )


def test_what_is_saved_replaces_all_that_was(store: Store, client: Redis) -> None:
    flags.set_users(site_on(store), "f", [1, SEGMENT_BITS, 5 * SEGMENT_BITS])
    record(store, [7, SEGMENT_BITS + 1], "a")

    save(store, "f", "a")

    assert members(store, "f") == [7, SEGMENT_BITS + 1]
    assert lasting(client, "donebit:flag:{[0-9]*}*") == [
        b"donebit:flag:{0}:bits:f",
        b"donebit:flag:{1}:bits:f",
    ]


@pytest.mark.parametrize(
    ("said", "users"),
    [
        ("flag:f", [1, 2, SEGMENT_BITS]),
        ("flag:f | a", [1, 2, 9, SEGMENT_BITS]),
        ("flag:f - a", [1, SEGMENT_BITS]),
        ("flag:f ^ a", [1, 9, SEGMENT_BITS]),
        ("!flag:f", [9]),
        ("flag:f - flag:f", []),
    ],
)
def test_a_set_may_be_made_of_the_flag_that_it_becomes(store: Store, said: str, users: list[int]) -> None:
    flags.set_users(site_on(store), "f", [1, 2, SEGMENT_BITS])
    record(store, [2, 9], "a")

    saved = save(store, "f", said)

    assert (saved, members(store, "f")) == (len(users), users)


def test_an_event_that_grows_behind_a_saved_set_does_not_change_it(store: Store) -> None:
    record(store, [1], "a")
    save(store, "f", "a")

    record(store, [2], "a")

    assert members(store, "f") == [1]


def test_nobody_is_saved_too(store: Store, client: Redis) -> None:
    record(store, [1], "a")

    assert (save(store, "f", "a - a"), members(store, "f")) == (0, [])
    assert flags.get(site_on(store), "f").kind == "integers"
    assert save(store, "begun", "never") == 0
    assert flags.get(site_on(store), "begun").kind is None
    assert keys_of(client, "donebit:flag:*begun*") == []


def test_a_flag_that_is_refused_as_it_is_made_is_not_listed(store: Store) -> None:
    with pytest.raises(InvalidInput, match="flag new would span 2 segments"):
        replace.assign_users(site_on(store, max_segments=1), "new", [1, SEGMENT_BITS])

    assert store.flags.flags() == {}


def test_a_flag_that_begins_with_another_kind_is_listed_with_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right before it would be replaced by integers: who erases a text looks for flags that have texts."""
    swap = FlagSwapStore.swap_flag

    def begun_first(swaps: FlagSwapStore, *args: Any) -> bool:
        monkeypatch.undo()
        flags.set_users(site_on(store), "f", ["ada"])
        return swap(swaps, *args)

    monkeypatch.setattr(FlagSwapStore, "swap_flag", begun_first)

    with pytest.raises(InvalidInput, match="flag f has texts"):
        replace.assign_users(site_on(store), "f", [1])

    assert store.flags.flags() == {"f": "texts"}


def test_a_set_that_may_not_be_saved_changes_nothing(store: Store, client: Redis) -> None:
    record(store, [1, SEGMENT_BITS], "a")
    record(store, ["x"], "texts")
    flags.set_users(site_on(store), "f", [5])
    before = everything(client)

    with pytest.raises(InvalidInput, match=r"flag f has integers \(.*\); these are texts"):
        save(store, "f", "texts")
    with pytest.raises(InvalidInput, match=r"flag f would span 2 segments .* at most 1"):
        save(store, "f", "a", max_segments=1)
    with pytest.raises(InvalidInput, match="holds texts and event a holds integers"):
        save(store, "f", "a | texts")

    assert everything(client) == before


def interrupted(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen between what is laid and what is exchanged."""
    laid = Saving.stage

    def stage(self: Saving) -> dict[int, int]:
        found = laid(self)
        happens()
        return found

    monkeypatch.setattr(Saving, "stage", stage)


def test_a_server_lost_midway_leaves_the_flag_as_it_was(
    real_store: Store, real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(real_store, [1, SEGMENT_BITS], "a")
    flags.set_users(site_on(real_store), "f", [5])

    def lost() -> None:
        raise StoreUnavailable("Redis cannot be reached")

    interrupted(monkeypatch, lost)
    with pytest.raises(StoreUnavailable):
        save(real_store, "f", "flag:f | a")

    assert members(real_store, "f") == [5]
    staged = keys_of(real_client, "donebit:flag:*:staged:*")
    assert len(staged) == 2
    assert all(0 < real_client.ttl(key) <= 600 for key in staged)  # whoever laid it is gone


def test_a_user_flagged_while_the_flag_is_computed_from_itself_is_not_lost(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(real_store, [1], "a")
    flags.set_users(site_on(real_store), "f", [5])
    late = [6]

    interrupted(monkeypatch, lambda: late and flags.set_users(site_on(real_store), "f", [late.pop()]))

    assert save(real_store, "f", "flag:f | a") == 3
    assert members(real_store, "f") == [1, 5, 6]


def replace_once(store: Store, users: list[int]) -> Callable[[], object]:
    """Replace the flag `f` by these users when it is called for the first time."""
    remaining = [users]

    def act() -> None:
        if remaining:
            replace.assign_users(site_on(store), "f", remaining.pop())

    return act


def test_a_flag_replaced_before_it_is_read_is_computed_from_its_new_users(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags.set_users(site_on(real_store), "f", [7, 8])
    flags.set_users(site_on(real_store), "g", [9])
    act, swap_flag = replace_once(real_store, [1, 2]), FlagSwapStore.swap_flag

    def once_replaced(self: FlagSwapStore, flag: str, kind: str, staging: Staging) -> bool:
        if staging.reads_itself:
            act()
        return swap_flag(self, flag, kind, staging)

    monkeypatch.setattr(FlagSwapStore, "swap_flag", once_replaced)
    save(real_store, "f", "flag:f | flag:g")

    assert members(real_store, "f") == [1, 2, 9]


def test_a_flag_replaced_while_it_is_computed_from_itself_is_made_again(
    real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags.set_users(site_on(real_store), "f", [7, 8])
    flags.set_users(site_on(real_store), "g", [9])

    interrupted(monkeypatch, replace_once(real_store, [1, 2]))
    save(real_store, "f", "flag:f | flag:g")

    assert members(real_store, "f") == [1, 2, 9]


def test_a_flag_dropped_meanwhile_is_saved_all_the_same(
    real_store: Store, real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(real_store, [1, SEGMENT_BITS], "a")
    flags.set_users(site_on(real_store), "f", [3 * SEGMENT_BITS])
    drops = [1]

    interrupted(monkeypatch, lambda: drops and drops.pop() and flags.drop(site_on(real_store), "f"))
    save(real_store, "f", "a")

    assert members(real_store, "f") == [1, SEGMENT_BITS]
    assert lasting(real_client, "donebit:flag:{[0-9]*}*") == [
        b"donebit:flag:{0}:bits:f",
        b"donebit:flag:{1}:bits:f",
    ]


def test_a_flag_changed_at_every_attempt_is_a_conflict_without_leftovers(
    real_store: Store, real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(real_store, [1], "a")
    flags.set_users(site_on(real_store), "f", [5])
    more = iter(range(100, 200))

    interrupted(monkeypatch, lambda: flags.set_users(site_on(real_store), "f", [next(more)]))
    with pytest.raises(Conflict, match="flag f is being changed at the same time"):
        save(real_store, "f", "flag:f | a")

    assert members(real_store, "f") == [5, *range(100, 100 + ATTEMPTS)]
    assert keys_of(real_client, "donebit:flag:*:staged:*") == []


def test_a_flag_begun_with_the_other_kind_meanwhile_is_refused(
    real_store: Store, real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(real_store, [1], "a")

    interrupted(monkeypatch, lambda: flags.set_users(site_on(real_store), "f", ["x"]))
    with pytest.raises(InvalidInput, match="flag f has texts"):
        save(real_store, "f", "a")

    assert flags.count(site_on(real_store), "f") == 1
    assert keys_of(real_client, "donebit:flag:*:staged:*") == []


def test_a_set_whose_parts_expire_before_the_swap_is_staged_again(
    real_store: Store, real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(real_store, [1, SEGMENT_BITS], "a")
    flags.set_users(site_on(real_store), "f", [5, SEGMENT_BITS + 5])
    expiring = ["*{1}*:staged:*"]

    def expire() -> None:
        for pattern in [expiring.pop()] if expiring else []:
            assert [real_client.pexpire(key, 0) for key in keys_of(real_client, pattern)] == [1]

    interrupted(monkeypatch, expire)
    save(real_store, "f", "a")

    assert members(real_store, "f") == [1, SEGMENT_BITS]
    assert keys_of(real_client, "donebit:flag:*:staged:*") == []


def test_a_set_whose_parts_always_expire_leaves_the_flag_as_it_was(
    real_store: Store, real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(real_store, [1, SEGMENT_BITS], "a")
    flags.set_users(site_on(real_store), "f", [5, SEGMENT_BITS + 5])

    interrupted(monkeypatch, lambda: real_client.delete(keys_of(real_client, "*:staged:*")[0]))
    with pytest.raises(Conflict, match="flag f is being changed at the same time"):
        save(real_store, "f", "a")

    assert members(real_store, "f") == [5, SEGMENT_BITS + 5]


def test_a_set_over_more_bitmaps_than_a_script_reads_is_saved(real_store: Store, real_client: Redis) -> None:
    for number in range(150):
        record(real_store, [number, 1000], f"e{number}")
    before = everything(real_client)

    saved = save(real_store, "f", " | ".join(f"e{number}" for number in range(150)))

    assert (saved, members(real_store, "f")) == (151, list(range(100)))
    assert {key.partition(b"@")[0] for key in everything(real_client) if key not in before} == {
        *(
            b"donebit:flag:{0}:bits:f",
            b"donebit:flag:{f}:meta",
            b"donebit:flag:{f}:segments",
            b"donebit:flag:names",
        )
    }


def test_who_reads_a_flag_while_it_is_replaced_reads_all_of_the_old_users(
    store: Store, client: Redis
) -> None:
    site = site_on(store)
    flags.set_users(site, "f", [1, SEGMENT_BITS])
    record(store, [7, 2 * SEGMENT_BITS], "a")
    read = flags.get(site, "f").bitmap

    save(store, "f", "a")

    assert algebra.members(store, read, limit=9).tolist() == [1, SEGMENT_BITS]
    assert members(store, "f") == [7, 2 * SEGMENT_BITS]
    of_read = [read.registry(keys), read.segment(keys, 0), read.segment(keys, 1)]
    assert all(0 < client.ttl(name) <= READ_WITHIN_SECONDS for name in of_read)


def test_a_flag_begun_again_has_nothing_of_what_was_replaced(store: Store, client: Redis) -> None:
    site = site_on(store)
    flags.set_users(site, "f", [1])
    record(store, [7], "a")
    save(store, "f", "a")
    flags.drop(site, "f")

    flags.set_users(site, "f", [2])

    assert members(store, "f") == [2]
    assert [client.ttl(name) for name in keys_of(client, "donebit:flag:{*")] == [-1, -1, -1]


def test_a_user_set_while_the_flag_is_replaced_is_in_what_replaces_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, mark_flag, replacements = site_on(store), FlagStore.mark_flag, [None]
    flags.set_users(site, "f", [1, 2, 3])
    record(store, [7], "a")

    def replace_first(*args: Any) -> object:
        if replacements:
            replacements.pop()
            save(store, "f", "a")
        return mark_flag(*args)

    monkeypatch.setattr(FlagStore, "mark_flag", replace_first)
    flags.set_users(site, "f", [4])
    replacements.append(None)
    flags.clear_users(site, "f", [7])

    assert members(store, "f") == []
    replacements.append(None)
    flags.set_users(site, "f", [3])
    assert members(store, "f") == [3, 7]


def test_what_a_dead_process_was_making_is_dropped_by_the_next(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, [1, SEGMENT_BITS], "a")

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as dying:
        dying.setattr(FlagSwapStore, "exchange_flag", die)
        dying.setattr(FlagSwapStore, "_tidy", die)  # nothing more is done by who is dead
        with pytest.raises(RuntimeError, match="killed"):
            save(store, "f", "a")
    assert len(keys_of(client, "donebit:flag:*bits:f@*")) == 2

    monkeypatch.setattr(flag_swap, "FORGOTTEN_AFTER_MS", -1)
    save(store, "f", "a")

    assert members(store, "f") == [1, SEGMENT_BITS]
    assert len(keys_of(client, "donebit:flag:*bits:f@*")) == 2
    assert client.hkeys(keys.flag_meta("f")) == [b"kind", b"generation"]
