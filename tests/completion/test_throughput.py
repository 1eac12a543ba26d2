"""What was done and failed when: in the present bucket of each range, for as long as the range looks back."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit import clock
from donebit.completion import announcing, counting, lifecycle, reporting, throughput
from donebit.completion.measures import FAILURES, RETRIES, STEPS, Tally
from donebit.completion.throughput import RANGES, Range, Throughput, read_throughput
from donebit.store import Store
from tests.completion.arranged import start
from tests.completion.conftest import HandMovedClock

DAY, MONTH = RANGES.values()
EVENTS = st.lists(
    st.tuples(st.integers(0, 29 * 24 * 60), st.integers(0, 10**6), st.integers(0, 100)), max_size=30
)


def count(store: Store, done: int, failed: int = 0) -> None:
    tally = Tally()
    tally.count(STEPS, "a", amount=done)
    tally.count(FAILURES, None, amount=failed)
    counting.add_tally(store, tally)


def counted(store: Store, of: Range) -> list[Throughput]:
    """The buckets in which something was counted."""
    return [one for one in read_throughput(store, of, clock.now()) if one != Throughput(one.start)]


def bucket_of(of: Range, moment: datetime) -> datetime:
    return clock.EPOCH + (moment - clock.EPOCH) // of.bucket * of.bucket


@given(events=EVENTS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_each_range_has_what_was_counted_in_its_time(
    real_store: Store,
    real_client: Redis,
    hand_moved_clock: HandMovedClock,
    events: list[tuple[int, int, int]],
) -> None:
    real_client.flushall()
    end = hand_moved_clock.moment
    expected: dict[Range, Counter[tuple[datetime, str]]] = {DAY: Counter(), MONTH: Counter()}
    for minutes_ago, done, failed in events:
        hand_moved_clock.moment = end - timedelta(minutes=minutes_ago)
        count(real_store, done, failed)
        for of, found in expected.items():
            bucket = bucket_of(of, hand_moved_clock.moment)
            found[bucket, "done"] += done
            found[bucket, "failed"] += failed
    hand_moved_clock.moment = end

    for of, found in expected.items():
        shown = read_throughput(real_store, of, end)
        assert [one.start for one in shown] == [
            bucket_of(of, end) - of.bucket * ago for ago in reversed(range(of.buckets))
        ]
        assert [(one.steps_done, one.steps_failed) for one in shown] == [
            (found[one.start, "done"], found[one.start, "failed"]) for one in shown
        ]


def test_ends_are_counted_by_how_they_ended(store: Store) -> None:
    done, cancelled = start(store, 1, job="a"), start(store, 1)
    reporting.report(store, done.id, [0])
    lifecycle.cancel(store, cancelled.id)
    for task in (done, cancelled):
        announcing.announce(store, task.id)

    for of in (DAY, MONTH):
        (found,) = counted(store, of)
        assert (found.tasks_done, found.tasks_failed, found.tasks_cancelled) == (1, 0, 1)


def test_what_is_no_part_of_it_leaves_nothing(store: Store, client: Redis) -> None:
    tally = Tally()
    tally.count(RETRIES, "a")

    counting.add_tally(store, tally)

    assert list(client.scan_iter("donebit:throughput:*")) == []


def test_a_figure_of_another_version_is_passed_over(store: Store, client: Redis) -> None:
    count(store, 3)
    for name in client.scan_iter("donebit:throughput:*"):
        client.hset(name, "of_tomorrow", 7)

    assert [one.steps_done for one in counted(store, DAY)] == [3]


@pytest.mark.parametrize("of", [DAY, MONTH])
def test_a_bucket_is_kept_until_it_is_out_of_sight(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock, of: Range
) -> None:
    count(store, 1)

    bucket, forgotten_at = of.current(hand_moved_clock.moment)
    seen_until = bucket_of(of, hand_moved_clock.moment) + of.bucket * of.buckets
    ttl = client.ttl(store.keys.throughput(*bucket))
    assert ttl > (seen_until - hand_moved_clock.moment) / throughput.SECOND - 2
    assert forgotten_at - seen_until.timestamp() == of.bucket / throughput.SECOND


def test_a_month_of_it_takes_less_than_100_kb(
    real_store: Store, real_client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    amounts = dict.fromkeys(throughput.FIELDS.values(), 10**9)
    every_hour, every_bucket = range(31 * 24 * 60, 25 * 60, -60), range(25 * 60, -1, -10)
    for minutes_ago in (*every_hour, *every_bucket):
        now = hand_moved_clock.moment - timedelta(minutes=minutes_ago)
        real_store.throughput.add(amounts, [of.current(now) for of in RANGES.values()])

    names = list(real_client.scan_iter("donebit:throughput:*"))
    size = sum(int(real_client.memory_usage(name) or 0) for name in names)

    assert DAY.buckets + MONTH.buckets <= len(names) <= DAY.buckets + MONTH.buckets + 4
    assert 20_000 < size < 100_000
