"""A task is run again as a new one with its order, once a key, and as long as its record is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from donebit.completion import (
    announcing,
    items,
    lifecycle,
    parents,
    reading,
    reporting,
    rerunning,
    results,
    resuming,
)
from donebit.completion.lifecycle import Started
from donebit.completion.reading import ResultsGone
from donebit.completion.resuming import Extension
from donebit.completion.spec import Callback, NextTask, TaskSpec, Webhook
from donebit.completion.task import Task
from donebit.errors import InvalidInput, NotFound
from donebit.store import Store, keys
from tests.completion.arranged import MAX_STEPS, TTLS, life_left, now, start, start_done

SPEC = {
    "job": "demo",
    "params": {"sleep_ms": 5, "fail_percent": 1},
    "label": "nightly",
    "batch": 2,
    "stall_after": timedelta(seconds=7),
    "ended_ttl": timedelta(hours=1),
    "webhook": Webhook("https://hooks.example.org/"),
    "callback": Callback("reports.finished"),
    "then": NextTask(TaskSpec(1)),
}


def rerun(store: Store, task: Task, spec: TaskSpec | None = None, key: str | None = None) -> Started:
    return rerunning.rerun(
        store,
        task,
        spec or rerunning.spec_again(task),
        ttls=TTLS,
        max_steps=MAX_STEPS,
        reply_key=key,
    )


def test_the_items_and_what_was_added_to_them_are_run_again(store: Store) -> None:
    packed = items.pack(["a", {"b": 1}, "c"])
    asked = TaskSpec(3, items=packed.digest)
    old = lifecycle.start(store, asked, ttls=TTLS, max_steps=MAX_STEPS, items=packed).task
    limits = items.ItemLimits(MAX_STEPS, 1000)
    items.append(
        store, old.id, items.pack(["d"]), limits=limits, expected=None, only_open=False, reply_key=None
    )

    new = rerun(store, now(store, old)).task

    assert [items.item_of(store, now(store, new), step) for step in range(4)] == ["a", {"b": 1}, "c", "d"]


def test_a_task_run_again_has_the_whole_order_and_names_the_old_one(store: Store) -> None:
    old = start_done(store, 4, task_id="nightly", **SPEC)

    new = now(store, rerun(store, old).task)

    assert new.spec == old.spec
    assert (new.rerun_of, new.done_steps, new.count) == ("nightly", 0, 4)
    assert new.id.startswith("nightly.")
    assert now(store, old).done_steps == 4


def test_without_a_key_each_rerun_is_a_task_of_its_own(store: Store) -> None:
    old = start_done(store, task_id="nightly")

    again = [rerun(store, old) for _ in range(2)]

    assert all(one.fresh for one in again)
    assert len({one.task.id for one in again}) == 2


def test_one_key_starts_one_task(store: Store) -> None:
    old = start_done(store, job="demo", params={"sleep_ms": 5})

    first, second = (rerun(store, old, key="k") for _ in range(2))

    assert (first.fresh, second.fresh, first.task.id) == (True, False, second.task.id)
    with pytest.raises(InvalidInput, match="used for another request"):
        rerun(store, old, rerunning.spec_again(old, {"sleep_ms": 6}), key="k")


def test_parameters_and_label_can_be_changed_and_the_others_stay(store: Store) -> None:
    old = start_done(store, job="demo", params={"sleep_ms": 5, "fail_percent": 1}, label="nightly")

    spec = rerunning.spec_again(old, {"sleep_ms": 6}, "by-hand")

    assert (spec.params, spec.label) == ({"sleep_ms": 6, "fail_percent": 1}, "by-hand")


def test_an_extended_task_is_run_again_with_all_of_its_steps(store: Store) -> None:
    old = start(store, 3)
    resuming.extend(store, old.id, Extension(add=4), max_steps=MAX_STEPS)

    assert rerun(store, now(store, old)).task.count == 7


@pytest.mark.parametrize("task_id", ["nightly", "a" * 100, "a." * 50])
def test_ids_of_reruns_of_reruns_stay_names(store: Store, task_id: str) -> None:
    task = start(store, task_id=task_id)

    ids = []
    for _ in range(12):
        task = now(store, rerun(store, task).task)
        ids.append(task.id)

    assert len(set(ids)) == 12
    assert {len(one) for one in ids} == {min(len(task_id), 80) + 13}
    assert all(one[:-13] == task_id[:80] for one in ids)


def test_a_task_made_again_under_the_id_is_run_again_on_its_own(store: Store) -> None:
    first = rerun(store, start(store, task_id="nightly"), key="k").task
    lifecycle.delete(store, "nightly")

    second = rerun(store, start(store, task_id="nightly"), key="k").task

    assert first.id != second.id


def test_an_order_that_is_gone_is_named_so(store: Store) -> None:
    with pytest.raises(NotFound, match="the order of task nightly is gone"):
        rerunning.get_order(store, "nightly")


def read_by(store: Store, parent: Task) -> Task:
    """A task that was started by the end of another, whose results it reads."""
    kept = parents.keep_parent(store, parent.id, parent.nonce, "reader", TTLS.open)
    return lifecycle.start(
        store, TaskSpec(1), task_id="reader", ttls=TTLS, max_steps=MAX_STEPS, parent=kept
    ).task


def start_with_results(store: Store) -> Task:
    task = start(store, 3)
    reporting.report_results(store, task.id, results.runs_of([(0, "7"), (2, "9")]), [1], max_bytes=100)
    announcing.announce(store, task.id)
    return now(store, task)


def test_a_task_run_again_reads_the_results_that_the_old_one_read(store: Store, client: Redis) -> None:
    parent = start_with_results(store)
    reader = read_by(store, parent)
    reporting.report(store, reader.id, [0])
    announcing.announce(store, reader.id)

    new = now(store, rerun(store, reader).task)

    assert list(reading.parent_results(store, new)) == [7, 9]
    assert life_left(client, keys.record(parent.id)) > TTLS.ended


def test_a_repeat_under_its_key_does_not_keep_results_for_an_ended_task(store: Store, client: Redis) -> None:
    parent = start_with_results(store)
    reader = read_by(store, parent)
    reporting.report(store, reader.id, [0])
    announcing.announce(store, reader.id)
    new = rerun(store, reader, key="again").task
    reporting.report(store, new.id, [0])
    announcing.announce(store, new.id)

    rerun(store, reader, key="again")

    assert life_left(client, keys.record(parent.id)) <= TTLS.ended


def test_a_task_run_again_after_its_results_are_gone_is_told_so(store: Store) -> None:
    parent = start_with_results(store)
    reader = read_by(store, parent)
    lifecycle.delete(store, parent.id)

    new = now(store, rerun(store, reader).task)

    with pytest.raises(ResultsGone):
        list(reading.parent_results(store, new))
