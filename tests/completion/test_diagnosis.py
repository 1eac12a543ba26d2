"""Why isn't it done? What a task waits for, how fast it goes, and when the sweep asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from donebit import clock
from donebit.completion import (
    failing,
    fanout,
    handing_back,
    healing,
    items,
    lifecycle,
    permits,
    reporting,
    resuming,
)
from donebit.completion.diagnosis import Diagnosis, Observations, Waiting, diagnose
from donebit.completion.failing import ChosenSteps
from donebit.completion.healing import ProbedState
from donebit.completion.items import ItemLimits
from donebit.completion.leases import RunningStep
from donebit.completion.spec import TaskSpec
from donebit.completion.sweeping import Sweep
from donebit.completion.task import Task
from donebit.retry_policy import RetryPolicy
from donebit.store import Store
from tests.completion.arranged import TTLS, now, start
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher

IDLE = Observations(worker_alive=True, queued=0)
NOBODY = Observations(worker_alive=False, queued=3)
ELSEWHERE = Observations(worker_alive=True, queued=None)
STALL_AFTER = timedelta(seconds=60)


def asked(store: Store, task: Task, signs: Observations = IDLE) -> Diagnosis:
    return diagnose(now(store, task), signs, clock.now())


def fanned_out(store: Store, count: int = 100) -> Task:
    task = start(store, count, job="demo", stall_after=STALL_AFTER)
    fanout.fan_out(store, task, lambda *_: None)
    return task


def sweep(store: Store) -> None:
    Sweep(store, RecordingPublisher(), TTLS).run()


def test_a_task_that_has_ended_waits_for_nothing(store: Store) -> None:
    task = fanned_out(store, 1)
    reporting.report(store, task.id, [0])

    found = asked(store, task)

    assert found == Diagnosis(None, None, None, None)
    assert found.sentence(now(store, task), clock.now()) == "it is done"


def test_a_task_without_a_job_waits_for_reports(store: Store) -> None:
    found = asked(store, start(store, 3))

    assert (found.waiting_for, found.next_probe_at) == (Waiting.REPORTS, None)


def test_a_task_is_not_fanned_out_at_once(store: Store) -> None:
    assert asked(store, start(store, 3, job="demo")).waiting_for is Waiting.FAN_OUT


def test_without_a_worker_that_is_what_is_said(store: Store) -> None:
    assert asked(store, fanned_out(store), NOBODY).waiting_for is Waiting.WORKER


@pytest.mark.parametrize(
    ("signs", "waiting"),
    [
        (Observations(worker_alive=True, queued=7), Waiting.QUEUE),
        (IDLE, Waiting.LOST),
        (ELSEWHERE, Waiting.QUEUE),
    ],
)
def test_what_does_not_move_is_judged_by_the_queue(
    store: Store, hand_moved_clock: HandMovedClock, signs: Observations, waiting: Waiting
) -> None:
    task = fanned_out(store)

    at_once = asked(store, task, signs)
    hand_moved_clock.forward(seconds=3)

    assert at_once.waiting_for is Waiting.RUNNING
    assert asked(store, task, signs).waiting_for is waiting


def test_a_step_that_failed_waits_for_its_next_attempt(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = fanned_out(store)
    failing.fail(store, task.id, 5, "boom", RetryPolicy(3, timedelta(seconds=30)))
    hand_moved_clock.forward(seconds=10)

    found = asked(store, task)

    assert found.waiting_for is Waiting.RETRY
    assert now(store, task).failed_attempts == 1
    assert found.next_probe_at == clock.now() + timedelta(seconds=20) + STALL_AFTER


def test_a_job_that_no_live_worker_has_is_said_at_once(store: Store) -> None:
    task = fanned_out(store)
    seen = Observations(worker_alive=True, queued=7, jobs=frozenset({"visit"}))

    found = asked(store, task, seen)

    assert found.waiting_for is Waiting.JOB
    sentence = found.sentence(now(store, task), clock.now())
    assert sentence.endswith("last progress 0 s ago: no live worker has the job demo")


def test_a_worker_that_cannot_run_the_steps_is_named_until_steps_are_done(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = fanned_out(store)
    handing_back.hand_back(store, now(store, task), "worker old:7 has no job demo")
    hand_moved_clock.forward(seconds=10)
    handed_back = asked(store, task)
    sentence = handed_back.sentence(now(store, task), clock.now())
    reporting.report(store, task.id, [0])
    at_work = asked(store, task)
    hand_moved_clock.forward(seconds=10)

    assert handed_back.waiting_for is Waiting.JOB
    assert sentence.endswith("worker old:7 has no job demo; they wait for a worker that can run them")
    assert at_work.waiting_for is Waiting.RUNNING
    assert asked(store, task).waiting_for is Waiting.LOST


def test_a_process_that_only_just_took_steps_may_send_them_back(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = fanned_out(store)
    hand_moved_clock.forward(seconds=10)
    begun = RunningStep("new:7", 3, timedelta(seconds=1), ((0, 9),))
    just_taken = replace(begun, step=None)
    elsewhere = replace(IDLE, jobs=frozenset({"visit"}))

    def waits(signs: Observations, running: RunningStep) -> Waiting | None:
        return diagnose(now(store, task), signs, clock.now(), [running]).waiting_for

    assert [waits(IDLE, just_taken), waits(elsewhere, just_taken)] == [Waiting.RUNNING, Waiting.JOB]
    handing_back.hand_back(store, now(store, task), "worker old:7 has no job demo")
    assert [waits(IDLE, just_taken), waits(IDLE, begun)] == [Waiting.JOB, Waiting.RUNNING]


def test_a_process_that_only_just_took_steps_is_not_said_to_run_them(store: Store) -> None:
    task = fanned_out(store)
    begun = RunningStep("host:7", 3, timedelta(seconds=9), ((0, 9),))
    just_taken = RunningStep("host:7", None, timedelta(0), ((9, 10),))

    def reason(*running: RunningStep) -> str:
        return diagnose(task, IDLE, clock.now(), running).reason(task)

    alone = "step 3 has been running for 9 s in worker host:7"
    assert reason(begun, just_taken) == alone
    assert reason(begun, begun) == f"{alone}, and 1 more process runs steps of it"


def test_the_speed_is_since_the_fan_out_then_of_the_last_two_samples(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = fanned_out(store, 100)
    too_early = asked(store, task).steps_per_second
    hand_moved_clock.forward(seconds=5)
    reporting.report(store, task.id, ranges=[(0, 10)])
    at_first = asked(store, task)
    for done in (20, 50, 80):
        sweep(store)
        hand_moved_clock.forward(seconds=5)
        reporting.report(store, task.id, ranges=[(0, done)])
    later = asked(store, task)

    assert too_early is None
    assert (at_first.steps_per_second, at_first.time_left) == (2, timedelta(seconds=45))
    assert (later.steps_per_second, later.time_left) == (6, timedelta(seconds=20) / 6)


def test_the_rest_is_not_estimated_before_a_hundredth_is_done(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = fanned_out(store, 1000)
    hand_moved_clock.forward(seconds=5)
    reporting.report(store, task.id, ranges=[(0, 9)])
    at_first = asked(store, task)
    reporting.report(store, task.id, [9])
    later = asked(store, task)

    assert (at_first.steps_per_second, at_first.time_left) == (1.8, None)
    assert (later.steps_per_second, later.time_left) == (2, timedelta(seconds=495))


def test_of_a_resumed_task_only_what_it_did_since_is_evidence(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = fanned_out(store, 1000)
    reporting.report(store, task.id, ranges=[(0, 500)])
    lifecycle.cancel(store, task.id)
    resuming.resume(store, task.id, TTLS)
    hand_moved_clock.forward(seconds=5)
    sweep(store)
    hand_moved_clock.forward(seconds=5)
    reporting.report(store, task.id, ranges=[(500, 504)])
    at_first = asked(store, task)
    reporting.report(store, task.id, ranges=[(504, 510)])

    assert (at_first.time_left, asked(store, task).time_left) == (None, timedelta(seconds=490))


@pytest.mark.parametrize("change", [lifecycle.pause, lifecycle.cancel])
def test_the_speed_after_a_resume_is_that_since_then(
    store: Store, hand_moved_clock: HandMovedClock, change: Callable[[Store, str], Task]
) -> None:
    task = fanned_out(store, 100)
    reporting.report(store, task.id, ranges=[(0, 40)])
    hand_moved_clock.forward(seconds=60)
    change(store, task.id)
    fanout.fan_out(store, resuming.resume(store, task.id, TTLS), lambda *_: None)
    hand_moved_clock.forward(seconds=5)
    reporting.report(store, task.id, ranges=[(40, 50)])
    found = asked(store, task)
    resuming.extend(store, task.id, resuming.Extension(200), max_steps=200)
    extended = asked(store, task)

    assert (found.steps_per_second, found.time_left) == (2, timedelta(seconds=25))
    assert (extended.steps_per_second, extended.time_left) == (2, timedelta(seconds=75))


def test_a_paused_task_has_no_speed(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = fanned_out(store, 100)
    hand_moved_clock.forward(seconds=5)
    reporting.report(store, task.id, ranges=[(0, 40)])
    lifecycle.pause(store, task.id)
    hand_moved_clock.forward(seconds=5)

    found = asked(store, task)

    assert (found.steps_per_second, found.time_left) == (None, None)


def test_no_speed_is_made_up_of_a_task_that_an_earlier_version_resumed(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    task = fanned_out(store, 100)
    reporting.report(store, task.id, ranges=[(0, 40)])
    lifecycle.cancel(store, task.id)
    fanout.fan_out(store, resuming.resume(store, task.id, TTLS), lambda *_: None)
    client.hdel(store.keys.record(task.id), "seen_at", "seen_left")  # which it did not write
    hand_moved_clock.forward(seconds=5)
    reporting.report(store, task.id, ranges=[(40, 50)])

    assert asked(store, task).steps_per_second is None


def test_a_piece_of_items_that_is_added_slows_nothing(store: Store, hand_moved_clock: HandMovedClock) -> None:
    ten = items.pack(list(range(10)))
    spec = TaskSpec(10, job="demo", items=ten.digest)
    task = lifecycle.start(store, spec, task_id=None, ttls=TTLS, max_steps=99, items=ten).task
    lifecycle.pause(store, task.id)
    resuming.resume(store, task.id, TTLS)  # from when on its speed is told
    limits = ItemLimits(steps=99, bytes=9999)
    items.append(store, task.id, ten, limits=limits, expected=None, only_open=False, reply_key=None)
    hand_moved_clock.forward(seconds=10)

    reporting.report(store, task.id, ranges=[(0, 5)])

    assert asked(store, task).steps_per_second == 0.5


def test_the_speed_after_a_retry_is_that_since_then(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = fanned_out(store, 100)
    reporting.report(store, task.id, ranges=[(0, 40)])
    for step in range(40, 100):
        failing.fail(store, task.id, step, "boom")
    hand_moved_clock.forward(seconds=60)
    resuming.retry(store, task.id, ChosenSteps(ranges=[(40, 60)]), TTLS)
    hand_moved_clock.forward(seconds=5)
    reporting.report(store, task.id, ranges=[(40, 50)])

    found = asked(store, task)

    assert (found.steps_per_second, found.time_left) == (2, timedelta(seconds=5))


def test_many_sweeps_at_once_are_one_look(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = fanned_out(store, 100)
    for _ in range(2):
        hand_moved_clock.forward(seconds=5)
        for _ in range(3):
            store.task_index.look_again(task.id, 0)
            sweep(store)

    looks = now(store, task).samples

    assert looks[1].at - looks[0].at == timedelta(seconds=5)


def test_a_task_that_stands_still_has_no_end_in_sight(store: Store, hand_moved_clock: HandMovedClock) -> None:
    task = fanned_out(store)
    hand_moved_clock.forward(seconds=10)

    found = asked(store, task)

    assert (found.steps_per_second, found.time_left) == (0, None)
    assert found.sentence(now(store, task), clock.now()) == (
        "100 of 100 steps are missing, last progress 10 s ago: lost, will be resent"
    )


def test_a_failed_task_says_how_many_steps_failed_and_what_resume_does(store: Store) -> None:
    task = start(store, 3)
    reporting.report(store, task.id, [0])
    for step in (1, 2):
        failing.fail(store, task.id, step, "no")

    said = asked(store, task).sentence(now(store, task), clock.now())

    assert said == "2 of 3 steps failed. Resume retries only those"


def test_a_task_without_a_job_waits_for_external_reports(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = start(store, 1)
    hand_moved_clock.forward(seconds=3)

    found = asked(store, task)

    assert found.sentence(now(store, task), clock.now()) == (
        "1 of 1 steps is missing, last progress 3 s ago: waiting for external reports"
    )


def test_it_says_when_the_sweep_asks_and_the_sweep_asks_then(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = fanned_out(store)
    publisher = RecordingPublisher()

    for heals in range(3):
        asks_at = asked(store, task).next_probe_at
        assert asks_at is not None
        hand_moved_clock.moment = asks_at - timedelta(milliseconds=1)
        store.task_index.look_again(task.id, 0)
        Sweep(store, publisher, TTLS).run()
        assert len(publisher.probed) == heals
        hand_moved_clock.forward(seconds=0.001)
        store.task_index.look_again(task.id, 0)
        Sweep(store, publisher, TTLS).run()
        assert len(publisher.probed) == heals + 1
        healing.heal(store, now(store, task), ProbedState.of(now(store, task)), lambda *_: None)

    assert now(store, task).messages == 4 * 100


def test_a_resumed_and_an_extended_task_are_looked_at_anew(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = fanned_out(store, 2)
    hand_moved_clock.forward(seconds=5)
    sweep(store)
    resuming.extend(store, task.id, resuming.Extension(3), max_steps=10)
    extended = now(store, task)
    sweep(store)
    for step in range(3):
        failing.fail(store, task.id, step, "boom")
    resuming.resume(store, task.id, TTLS)
    resumed = now(store, task)

    assert [one.missing_steps for one in extended.samples] == [3]  # as if it had always had three steps
    assert (resumed.messages, resumed.failed_attempts) == (0, 0)
    assert [one.missing_steps for one in resumed.samples] == [3]  # as it was resumed


def test_a_task_whose_steps_find_no_permit_waits_for_its_limit(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    task = fanned_out(store)
    hand_moved_clock.forward(seconds=30)

    permits.wait(store, now(store, task))

    found = asked(store, task)
    assert found.waiting_for is Waiting.LIMIT
    assert "max_concurrency" in found.sentence(now(store, task), clock.now())
