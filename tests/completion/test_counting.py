"""What all processes count together: by job, bounded, and once for each thing that happened."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.completion import (
    announcing,
    counting,
    deliveries,
    fanout,
    healing,
    leases,
    lifecycle,
    reclaiming,
    reporting,
    resuming,
)
from donebit.completion.counting import MOST_JOBS
from donebit.completion.healing import ProbedState
from donebit.completion.leases import Holder, Renewal
from donebit.completion.measures import (
    DELIVERIES,
    ENDS,
    FAILURES,
    NO_JOB,
    RESENDS,
    STALLS,
    STEP_TIMES,
    STEPS,
    TASK_TIMES,
    Measure,
    Tally,
)
from donebit.completion.spec import TaskSpec, Webhook
from donebit.completion.state import State
from donebit.completion.sweeping import Sweep
from donebit.completion.task import Task
from donebit.store import Store, keys
from donebit.store.client import scripts_of
from tests.completion.arranged import TTLS, now, start
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher
from tests.losing_way import losing_way_to
from tests.servers import RunningServer

GONE = timedelta(0)
JOBS = st.sampled_from(["a", "b", "c", None])
EVENTS = st.lists(st.tuples(st.sampled_from([STEPS, FAILURES]), JOBS, st.integers(1, 10**6)), max_size=20)
TIMES = st.lists(st.tuples(JOBS, st.floats(0, 1e5)), max_size=20)


def amounts(store: Store, measure: Measure) -> dict[tuple[str, ...], int]:
    """Every figure of a measure that is not 0."""
    series = next(series for one, series in counting.read_series(store) if one is measure)
    return {one.labels: one.amount for one in series if one.amount}


@given(events=EVENTS, times=TIMES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_figures_are_what_was_counted(
    real_store: Store,
    real_client: Redis,
    events: list[tuple[Measure, str | None, int]],
    times: list[tuple[str | None, float]],
) -> None:
    real_client.flushall()
    expected: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for measure, job, amount in events:
        tally = Tally()
        tally.count(measure, job, amount=amount)
        counting.add_tally(real_store, tally)
        expected[measure.name][job or NO_JOB,] += amount
    together = Tally()
    for job, seconds in times:
        together.observe(STEP_TIMES, job, seconds)
    counting.add_tally(real_store, together)

    assert amounts(real_store, STEPS) == expected[STEPS.name]
    assert amounts(real_store, FAILURES) == expected[FAILURES.name]
    series = next(series for one, series in counting.read_series(real_store) if one is STEP_TIMES)
    for one in series:
        own = [seconds for job, seconds in times if (job or NO_JOB) == one.labels[0]]
        upto = {
            bound: sum(seconds <= bound for seconds in own)
            for bound in (*STEP_TIMES.bounds_seconds, math.inf)
        }
        assert {bound: sum(n for b, n in one.buckets.items() if b <= bound) for bound in upto} == upto
        assert one.sum_seconds == pytest.approx(sum(own), abs=1e-5)
        assert one.amount == len(own)


def test_the_hundred_and_first_job_is_counted_with_the_others(store: Store) -> None:
    for number in range(MOST_JOBS + 5):
        tally = Tally()
        tally.count(STEPS, f"job-{number}", amount=2)
        tally.count(STEPS, None)
        counting.add_tally(store, tally)

    found = amounts(store, STEPS)
    assert len(found) == MOST_JOBS + 2
    assert found["(other)",] == 5 * 2
    assert found[NO_JOB,] == MOST_JOBS + 5
    assert found["job-99",] == 2


def test_a_job_that_has_a_name_keeps_it_among_too_many(store: Store) -> None:
    for _ in range(2):
        for number in range(MOST_JOBS + 5):
            tally = Tally()
            tally.count(STEPS, f"job-{number}")
            counting.add_tally(store, tally)

    assert amounts(store, STEPS)["job-3",] == 2


def test_figures_go_a_month_after_the_last_count(store: Store, client: Redis) -> None:
    tally = Tally()
    tally.count(STEPS, "a")

    counting.add_tally(store, tally)

    assert 29 < timedelta(seconds=client.ttl(keys.METRICS)) / timedelta(days=1) <= 30


def test_what_was_never_counted_of_a_job_is_nought(store: Store) -> None:
    found = {
        one.labels: one.amount
        for measure, series in counting.read_series(store, ["fresh"])
        if measure is ENDS
        for one in series
    }

    assert found == {(job, end): 0 for job in ("fresh", NO_JOB) for end in ("done", "failed", "cancelled")}


def test_jobs_beyond_the_limit_have_no_noughts(store: Store) -> None:
    series = next(
        series for one, series in counting.read_series(store, map(str, range(MOST_JOBS + 1))) if one is STEPS
    )

    assert series == []


def test_a_figure_of_another_version_is_passed_over(store: Store, client: Redis) -> None:
    client.hset(keys.METRICS, "of_tomorrow/a", 7)
    client.expire(keys.METRICS, 100)

    assert [
        one
        for measure, series in counting.read_series(store)
        if measure is ENDS
        for one in series
        if one.amount
    ] == []


def test_an_end_is_counted_once_however_often_it_is_announced(store: Store) -> None:
    task = start(store, 1, job="a")
    reporting.report(store, task.id, [0])

    # The second one finds the first one's lease over, before either has noted the end.
    def announce_too(_: Task) -> None:
        assert announcing.announce(store, task.id, lease=timedelta(0))

    announcing.announce(store, task.id, announce_too)

    assert amounts(store, ENDS) == {("a", "done"): 1}
    assert amounts(store, TASK_TIMES) == {("a",): 1}


def test_a_resumed_task_counts_two_ends_and_one_duration(store: Store) -> None:
    task = start(store, 2, job="a")
    lifecycle.cancel(store, task.id)
    announcing.announce(store, task.id)
    resuming.resume(store, task.id, TTLS)
    reporting.report(store, task.id, [0, 1])

    announcing.announce(store, task.id)

    assert amounts(store, ENDS) == {("a", "cancelled"): 1, ("a", "done"): 1}
    assert amounts(store, TASK_TIMES) == {("a",): 1}


def test_a_task_without_a_job_is_counted_as_such(store: Store) -> None:
    task = start(store, 1)
    reporting.report(store, task.id, [0])

    announcing.announce(store, task.id)

    assert amounts(store, ENDS) == {(NO_JOB, "done"): 1}


def test_an_end_that_cannot_be_counted_is_announced(valkey: RunningServer, real_store: Store) -> None:
    task = start(real_store, 1, job="a")
    reporting.report(real_store, task.id, [0])
    with losing_way_to(valkey.port) as way:
        way.lose(scripts_of(valkey.client)["add_counts"].sha)

        assert announcing.announce(Store.at(way.url), task.id)

    assert now(real_store, task).announced_at


def test_each_attempt_at_a_delivery_is_counted(store: Store) -> None:
    spec = TaskSpec(1, webhook=Webhook("http://example.org/"))
    task = lifecycle.start(store, spec, ttls=TTLS, max_steps=1).task
    reporting.report(store, task.id, [0])
    announcing.announce(store, task.id)
    (name,) = deliveries.list_due(store, "webhook", 1)
    claimed = deliveries.claim(store, name)
    assert claimed

    deliveries.record_failed_attempt(store, claimed, "503")
    store.deliveries.try_again(name, 1)
    again = deliveries.claim(store, name)
    assert again
    deliveries.record_delivered(store, again, "200")

    assert amounts(store, DELIVERIES) == {("webhook", "failed"): 1, ("webhook", "delivered"): 1}
    assert now(store, task).state is State.DONE


def test_steps_sent_again_are_counted_by_why(store: Store) -> None:
    task = start(store, 4, job="a")
    fanout.fan_out(store, task, lambda *_: None)
    holder = Holder("message", "here:7", 8)
    leases.take(store, task.id, task.nonce, holder, [(0, 2)])
    store.leases.renew_leases(task.id, [Renewal(holder, 0, GONE)], GONE, ending=False)

    reclaiming.reclaim_lapsed(store, lambda *_: None)
    healing.heal(store, now(store, task), ProbedState.of(now(store, task)), lambda *_: None)

    assert amounts(store, RESENDS) == {("a", "lost_worker"): 1, ("a", "no_progress"): 1}


def test_a_stalled_task_is_counted_once(store: Store, hand_moved_clock: HandMovedClock) -> None:
    start(store, 4, stall_after=timedelta(seconds=10))

    for _ in range(4):
        hand_moved_clock.forward(seconds=30)
        Sweep(store, RecordingPublisher(), TTLS).run()

    assert amounts(store, STALLS) == {(NO_JOB,): 1}
