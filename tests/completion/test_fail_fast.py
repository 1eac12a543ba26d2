"""A task with fail_fast ends with the first step that gives up; others can notify of a first failure."""

from __future__ import annotations

from datetime import timedelta

from redis import Redis

from donebit import clock
from donebit.completion import deliveries, diagnosis, failing, redelivery, reporting, resuming
from donebit.completion.announcing import announce
from donebit.completion.deliveries import DeliveryView
from donebit.completion.diagnosis import Observations
from donebit.completion.failing import ChosenSteps
from donebit.completion.spec import Callback, NextTask, TaskSpec, Webhook
from donebit.completion.state import Early, State
from donebit.completion.sweeping import Sweep
from donebit.completion.task import Task
from donebit.retry_policy import RetryPolicy
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, life_left, missing_ranges, now, start
from tests.completion.publisher import RecordingPublisher

EARLY = Webhook("https://hooks.example.org/", (Early.FIRST_FAILURE,))
BOTH = Webhook("https://hooks.example.org/", (State.FAILED, Early.FIRST_FAILURE))


def listed(store: Store, task: Task) -> list[DeliveryView]:
    return deliveries.list_deliveries(store, now(store, task))


def types(store: Store, task: Task) -> list[str]:
    return [str(one.delivery.event["type"]) for one in listed(store, task)]


def settle_all(store: Store) -> None:
    for name in deliveries.list_due(store, "webhook", 100):
        claimed = deliveries.claim(store, name)
        assert claimed is not None
        deliveries.record_delivered(store, claimed, "answered 204")


def test_the_first_step_that_gives_up_ends_the_task_as_failed(store: Store) -> None:
    task = start(store, 5, fail_fast=True)
    reporting.report(store, task.id, [0])

    ended = failing.fail(store, task.id, 2, "no")
    after = now(store, task)

    assert (ended.completed_task, ended.state, ended.missing_steps) == (True, State.FAILED, 3)
    assert (after.done_steps, after.failed_steps, after.missing_steps) == (1, 1, 3)
    assert announce(store, task.id)


def test_a_step_that_is_tried_again_does_not_end_it(store: Store) -> None:
    task = start(store, 5, fail_fast=True)

    tried = failing.fail(store, task.id, 2, "no", RetryPolicy(max_attempts=2, backoff=timedelta(seconds=1)))

    assert (tried.gave_up, tried.state) == (False, State.RUNNING)


def test_of_two_steps_that_give_up_one_ends_it(store: Store) -> None:
    task = start(store, 5, fail_fast=True)

    ends = [failing.fail(store, task.id, step, "no").completed_task for step in (1, 2)]

    assert ends == [True, False]


def test_steps_in_progress_are_recorded_and_the_resume_runs_the_rest(store: Store) -> None:
    task = start(store, 5, fail_fast=True)
    failing.fail(store, task.id, 2, "no")

    late = reporting.report(store, task.id, [0])
    resumed = resuming.resume(store, task.id, TTLS)

    assert (late.fresh, late.state, late.completed_task) == (1, State.FAILED, False)
    assert (resumed.state, resumed.run, missing_ranges(store, task)) == (State.RUNNING, 2, [(1, 5)])
    assert failing.fail(store, task.id, 3, "no").completed_task


def test_a_task_whose_every_step_is_reported_after_all_becomes_done(store: Store) -> None:
    task = start(store, 3, fail_fast=True)
    failing.fail(store, task.id, 2, "no")

    last = reporting.report(store, task.id, [0, 1, 2])

    assert (last.state, last.completed_task, now(store, task).run) == (State.DONE, True, 2)


def test_why_says_what_was_cancelled(store: Store) -> None:
    task = start(store, 5, fail_fast=True)
    failing.fail(store, task.id, 2, "no")
    after = now(store, task)

    found = diagnosis.diagnose(after, Observations(worker_alive=True, queued=0), clock.now())

    said = "1 of 5 steps failed, which cancelled 4 others (fail_fast). Resume runs both"
    assert found.sentence(after, clock.now()) == said


def test_the_first_failure_of_a_run_is_delivered_once_and_not_its_others(store: Store) -> None:
    task = start(store, 4, webhook=EARLY)

    for step in (0, 1):
        failing.fail(store, task.id, step, "no")
    Sweep(store, RecordingPublisher(), TTLS).run()

    (one,) = listed(store, task)
    data = one.delivery.event["data"]
    assert (one.delivery.event["type"], data["state"], data["ended_at"]) == (
        "task.first_failure",
        "running",
        None,
    )
    assert (data["failed_steps"], one.delivery.end_name) == (1, f"{task.id}.1.first_failure")


def test_a_first_failure_and_the_end_have_ids_of_their_own(store: Store) -> None:
    task = start(store, 1, webhook=BOTH, callback=Callback("reports.finished", BOTH.on))

    failing.fail(store, task.id, 0, "no")
    announce(store, task.id)

    ids = {one.delivery.announcement_id for one in listed(store, task)}
    assert sorted(types(store, task)) == ["task.failed"] * 2 + ["task.first_failure"] * 2
    assert len(ids) == 2


def test_a_task_is_started_after_a_first_failure(store: Store) -> None:
    task = start(store, 2, then=NextTask(TaskSpec(7), (Early.FIRST_FAILURE,)))

    failing.fail(store, task.id, 0, "no")

    (one,) = listed(store, task)
    assert one.kind == "then"
    assert deliveries.next_spec(one.delivery).count == 7


def test_the_sweep_delivers_what_a_dead_process_has_not(store: Store, client: Redis) -> None:
    task = start(store, 4, webhook=EARLY)
    client.hset(keys.record(task.id), "first_failure_at", clock.now_ms())  # and here the process dies
    store.task_index.look_again(task.id, 0)

    Sweep(store, RecordingPublisher(), TTLS).run()

    assert types(store, task) == ["task.first_failure"]


def test_the_end_delivers_a_first_failure_that_nobody_has(store: Store, client: Redis) -> None:
    task = start(store, 1, webhook=BOTH)
    failing.fail(store, task.id, 0, "no")
    client.delete(keys.deliveries(task.id))
    client.hdel(keys.record(task.id), "first_failure_told")

    announce(store, task.id)

    assert sorted(types(store, task)) == ["task.failed", "task.first_failure"]


def test_the_next_run_has_a_first_failure_of_its_own(store: Store) -> None:
    task = start(store, 1, webhook=EARLY)

    for _ in range(2):
        failing.fail(store, task.id, 0, "no")
        resuming.resume(store, task.id, TTLS)

    assert types(store, task) == ["task.first_failure"] * 2
    assert len({one.delivery.announcement_id for one in listed(store, task)}) == 2


def test_a_run_of_retried_steps_has_a_first_failure_of_its_own(store: Store) -> None:
    task = start(store, 3, webhook=EARLY)
    for step in range(3):
        failing.fail(store, task.id, step, "no")
    resuming.retry(store, task.id, ChosenSteps([0, 1]), TTLS)

    failing.fail(store, task.id, 0, "no")

    assert now(store, task).state is State.RUNNING
    assert types(store, task) == ["task.first_failure"] * 2


def test_redelivery_means_the_end_where_a_run_has_both(store: Store) -> None:
    task = start(store, 1, webhook=BOTH)
    failing.fail(store, task.id, 0, "no")
    announce(store, task.id)
    settle_all(store)

    redelivery.redeliver(store, task.id, "webhook")

    due = {name.end for name in deliveries.list_due(store, "webhook", 100)}
    assert due == {"failed"}


def test_a_task_goes_in_its_time_once_its_first_failure_is_delivered(store: Store, client: Redis) -> None:
    task = start(store, 1, webhook=EARLY)
    failing.fail(store, task.id, 0, "no")

    announce(store, task.id)
    pending = life_left(client, keys.record(task.id))
    settle_all(store)

    assert pending > timedelta(days=7)
    assert life_left(client, keys.record(task.id)) <= TTLS.ended


def test_a_first_failure_delivered_before_the_end_does_not_keep_the_task(store: Store, client: Redis) -> None:
    task = start(store, 2, webhook=EARLY)
    failing.fail(store, task.id, 0, "no")
    settle_all(store)

    failing.fail(store, task.id, 1, "no")
    announce(store, task.id)

    assert life_left(client, keys.record(task.id)) <= TTLS.ended
