"""Counts of the users in a range of ids, and questions over many bitmaps, against sets of plain Python."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.activity.analytics import counts as questions
from donebit.activity.events.event import Event
from donebit.activity.periods.calendar import ALL_TIME
from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import MOST_AT_ONCE, Combined, Operation, both, union, without
from donebit.activity.users.ids import LARGEST_ID, UserKind
from donebit.errors import InvalidInput
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from tests.activity.arranged import record, site_on
from tests.conftest import everything

BORDERS = [
    *(0, 1, 7, 8, 9, 15, 16, 17, SEGMENT_BITS - 1, SEGMENT_BITS, SEGMENT_BITS + 8),
    *(3 * SEGMENT_BITS - 1, 3 * SEGMENT_BITS, LARGEST_ID),
]
USERS = st.sets(st.sampled_from(BORDERS), min_size=1)
ENDS = st.sampled_from([*BORDERS, LARGEST_ID + 1, 10, SEGMENT_BITS + 1, 2 * SEGMENT_BITS])
A, B = Bitmap("a", "all"), Bitmap("b", "all")


def check(store: Store, a: set[int], b: set[int], first: int, stop: int) -> None:
    record(store, sorted(a), "a")
    record(store, sorted(b), "b")
    ids = range(first, stop)

    counts = [algebra.count(store, users, ids=ids) for users in (A, union([A, B]), without(A, B), both(A, B))]

    assert counts == [sum(user in ids for user in users) for users in (a, a | b, a - b, a & b)]


@pytest.mark.usefixtures("real_client")
@settings(max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(USERS, USERS, ENDS, ENDS)
def test_a_range_counts_its_own_users_on_a_real_server(
    real_client: Redis, a: set[int], b: set[int], first: int, stop: int
) -> None:
    real_client.flushall()
    check(Store.on(real_client), a, b, first, stop)


@pytest.mark.parametrize(
    ("first", "stop"),
    [
        *((0, 1), (1, 8), (7, 9), (8, 16), (9, 9), (0, SEGMENT_BITS), (SEGMENT_BITS - 1, SEGMENT_BITS + 1)),
        *((17, LARGEST_ID), (17, LARGEST_ID + 1), (2 * SEGMENT_BITS, 3 * SEGMENT_BITS)),
    ],
)
def test_a_range_counts_its_own_users_on_every_kind_of_server(store: Store, first: int, stop: int) -> None:
    check(store, set(BORDERS), set(BORDERS[::2]), first, stop)


def test_a_range_may_leave_out_either_end(store: Store) -> None:
    event = Event("a", UserKind.INTEGERS)

    assert questions.id_range(event, None, None) is None
    assert questions.id_range(event, 7, None) == range(7, LARGEST_ID + 1)
    assert questions.id_range(event, None, 7) == range(7)
    record(store, [1, 7], "a")
    assert questions.count_in(site_on(store), "a", [ALL_TIME], ids=range(7)) == 1


def test_an_empty_range_and_one_of_texts_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"last is 7; .* it must be above 7"):
        questions.id_range(Event("a"), 7, 7)
    with pytest.raises(InvalidInput, match="a holds texts; only integers are counted by range"):
        questions.id_range(Event("a", UserKind.TEXTS), 7, 9)


@pytest.mark.parametrize("many", [MOST_AT_ONCE, MOST_AT_ONCE + 1, 2 * MOST_AT_ONCE + 1, 256])
def test_what_is_wide_is_merged_by_several_scripts_and_nothing_remains(real_client: Redis, many: int) -> None:
    store = Store.on(real_client)
    for number in range(many):
        record(store, [number, 1000, SEGMENT_BITS], f"e{number}")
    before = everything(real_client)
    bitmaps = tuple(Bitmap(f"e{number}", "all") for number in range(many))

    asked = [Combined(operation, bitmaps) for operation in (Operation.OR, Operation.AND, Operation.XOR)]

    assert algebra.counts(store, asked) == [many + 2, 2, many + 2 * (many % 2)]
    assert algebra.count(store, without(union(bitmaps), bitmaps[3])) == many - 1
    assert algebra.count(store, union(bitmaps), ids=range(5, 1001)) == many - 4
    assert everything(real_client) == before


def test_many_unions_in_one_question_are_merged_by_scripts_of_their_own(real_client: Redis) -> None:
    store = Store.on(real_client)
    for number in range(20):
        record(store, [number, 1000], f"e{number}")
    before = everything(real_client)
    unions = [union([Bitmap(f"e{(first + n) % 20}", "all") for n in range(19)]) for first in range(10)]

    assert algebra.count(store, both(*unions)) == 11
    assert algebra.members(store, both(*unions), limit=20).tolist() == [*range(9, 19), 1000]
    assert everything(real_client) == before


def test_an_expression_that_reads_its_bitmaps_too_often_is_refused(store: Store) -> None:
    """Few bitmaps, but so many operations that a script would hold the server up."""
    record(store, [1, 2], "a")
    record(store, [2], "b")
    users: algebra.Set = A
    for _ in range(60):
        users = both(union([users, B]), A)

    with pytest.raises(InvalidInput, match="has 240 operands in each segment; at most 128"):
        algebra.count(store, users)
