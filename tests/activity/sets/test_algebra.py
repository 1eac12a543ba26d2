"""Any expression over bitmaps, against sets of plain Python."""

from __future__ import annotations

import pytest
from fakeredis import FakeRedis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import EMPTY, Combined, Operation, Set, both, union, without
from donebit.errors import InvalidInput
from donebit.store import Store, keys
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from tests.activity.arranged import record, record_packed
from tests.conftest import everything

BORDERS = [
    0,
    1,
    7,
    8,
    9,
    20_000,
    400_000,
    SEGMENT_BITS - 1,
    SEGMENT_BITS,
    SEGMENT_BITS + 7,
    3 * SEGMENT_BITS - 1,
    2**32 - 1,
]
USERS = st.sets(st.sampled_from(BORDERS))
NAMES = ["a", "b", "c", "d"]
LEAVES = st.sampled_from([Bitmap(name, "all") for name in [*NAMES, "never"]])


def taken_together(parts: st.SearchStrategy[Set]) -> st.SearchStrategy[Set]:
    many = st.lists(parts, min_size=1, max_size=20).map(tuple)
    folded = st.builds(Combined, st.sampled_from([Operation.AND, Operation.OR, Operation.XOR]), many)
    return folded | st.builds(without, parts, parts)


EXPRESSIONS: st.SearchStrategy[Set] = st.recursive(LEAVES, taken_together, max_leaves=40)


def plain(users: Set, seen: dict[str, set[int]]) -> set[int]:
    if isinstance(users, Bitmap):
        return seen.get(users.name, set())
    first, *rest = (plain(part, seen) for part in users.parts)
    for other in rest:
        match users.operation:
            case Operation.AND:
                first = first & other
            case Operation.OR:
                first = first | other
            case Operation.XOR:
                first = first ^ other
            case Operation.MINUS:
                first = first - other
    return first


def check(client: Redis, seen: dict[str, set[int]], expressions: list[Set], limit: int) -> None:
    store = Store.on(client)
    for event, users in seen.items():
        if users:
            record(store, sorted(users), event)
    before = everything(client)
    wanted = [plain(users, seen) for users in expressions]

    assert algebra.counts(store, expressions) == [len(users) for users in wanted]
    for expression, members in zip(expressions, wanted, strict=True):
        assert algebra.count(store, expression) == len(members)
        page = algebra.members(store, expression, after=8, limit=limit)
        assert page.tolist() == sorted(user for user in members if user > 8)[:limit]
    assert everything(client) == before  # a question leaves nothing behind


SEEN = st.fixed_dictionaries(dict.fromkeys(NAMES, USERS))


@settings(max_examples=48, deadline=None)
@given(SEEN, st.lists(EXPRESSIONS, min_size=1, max_size=3), st.integers(1, 12))
def test_any_expression_is_computed_as_sets_would_on_fakeredis(
    seen: dict[str, set[int]], expressions: list[Set], limit: int
) -> None:
    with FakeRedis(version=(7, 0)) as client:
        check(client, seen, expressions, limit)


@pytest.mark.usefixtures("real_client")
@settings(max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SEEN, st.lists(EXPRESSIONS, min_size=1, max_size=3), st.integers(1, 12))
def test_any_expression_is_computed_as_sets_would_on_a_real_server(
    real_client: Redis, seen: dict[str, set[int]], expressions: list[Set], limit: int
) -> None:
    real_client.flushall()
    check(real_client, seen, expressions, limit)


def test_what_a_shorter_bitmap_does_not_reach_is_not_taken_away(store: Store) -> None:
    """On the server the right side ends before the left: NOT of it would end there too."""
    record_packed(store, range(5000), "left")
    record(store, [3], "right")

    assert algebra.count(store, without(Bitmap("left", "all"), Bitmap("right", "all"))) == 4999


@pytest.mark.parametrize("sources", [2, 15, 16, 17, 31, 32, 46])
def test_many_bitmaps_are_taken_together_sixteen_at_a_time(store: Store, sources: int) -> None:
    for number in range(sources):
        record(store, [number, 100], f"e{number}")
    bitmaps = [Bitmap(f"e{number}", "all") for number in range(sources)]

    assert algebra.counts(
        store, [union(bitmaps), both(*bitmaps), Combined(Operation.XOR, tuple(bitmaps))]
    ) == [
        sources + 1,
        1,
        sources + sources % 2,
    ]


def test_bitmaps_of_all_lengths_are_taken_together(store: Store) -> None:
    lengths = [9_000, 100, 700_000, 40_000, 0, 40_001, 700_000, 9_000, 300_000]
    for number, users in enumerate(lengths):
        record(store, [number, users], f"e{number}")
    bitmaps = [Bitmap(f"e{number}", "all") for number in range(len(lengths))]
    everybody = {*range(len(lengths)), *lengths}

    merged = both(bitmaps[2], bitmaps[6])  # what lies in between is laid where the union of it and others is
    counted = algebra.counts(store, [union(bitmaps), union([merged, *bitmaps[:2]]), union(bitmaps[:6])])

    assert counted == [len(everybody), len({700_000, 0, 9_000, 1, 100}), len({*range(6), *lengths[:6]})]


def test_the_empty_set_and_events_never_seen_are_nobody(store: Store) -> None:
    assert algebra.counts(store, [EMPTY, Bitmap("never", "all")]) == [0, 0]
    assert algebra.members(store, EMPTY, limit=5).tolist() == []


def test_a_registered_segment_whose_bitmap_is_gone_is_empty(real_client: Redis) -> None:
    store = Store.on(real_client)
    record(store, [1, 2], "a")
    record(store, [2], "b")
    real_client.delete(keys.segment(0, "b", "all"))

    assert algebra.count(store, without(Bitmap("a", "all"), Bitmap("b", "all"))) == 2
    assert algebra.members(store, both(Bitmap("a", "all"), Bitmap("b", "all")), limit=5).tolist() == []


def test_more_bitmaps_than_one_script_may_read_are_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="reads 257 bitmaps of each segment; at most 256"):
        algebra.count(store, union([Bitmap(f"e{number}", "all") for number in range(257)]))
