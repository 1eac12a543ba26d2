"""The same request again: of a start, of a report, and messages meant for an earlier task."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from donebit.completion import failing, lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, now, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.conftest import keys_in_use


def test_the_same_id_and_order_again_is_the_same_task(store: Store, hand_moved_clock: HandMovedClock) -> None:
    order = TaskSpec(3, job="demo", params={"sleep_ms": 5, "deep": {"a": [1, None]}}, label="nightly")
    first = lifecycle.start(store, order, task_id="t-1", ttls=TTLS, max_steps=3)
    reporting.report(store, "t-1", [0])
    hand_moved_clock.forward(hours=1)

    again = lifecycle.start(store, order, task_id="t-1", ttls=TTLS, max_steps=3)

    assert (first.fresh, again.fresh) == (True, False)
    assert (again.task.nonce, again.task.created_at) == (first.task.nonce, first.task.created_at)
    assert again.task.done_steps == 1


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (TaskSpec(4), "its count is 3, not 4"),
        (TaskSpec(3, job="demo"), "its job is null, not demo"),
        (TaskSpec(3, params={"a": 1}), 'its params is {}, not {"a": 1}'),
        (TaskSpec(3, label="x"), "its label is null, not x"),
        (TaskSpec(3, batch=2), "its batch is null, not 2"),
    ],
    ids=["count", "job", "params", "label", "batch"],
)
def test_the_same_id_with_another_spec_is_a_conflict_that_names_both(
    store: Store, other: TaskSpec, difference: str
) -> None:
    start(store, 3, task_id="t-1")

    with pytest.raises(Conflict) as refused:
        lifecycle.start(store, other, task_id="t-1", ttls=TTLS, max_steps=10)

    assert refused.value.detail == f"task t-1 exists with another spec: {difference}"


def test_true_and_one_are_two_params_to_the_same_id(store: Store) -> None:
    start(store, 3, task_id="t-1", params={"a": True, "b": [1]})

    with pytest.raises(Conflict, match=r'params is \{"a": true, "b": \[1\]\}, not \{"a": 1, "b": \[1\]\}$'):
        start(store, 3, task_id="t-1", params={"b": [1], "a": 1})


def test_a_done_task_asked_for_again_is_still_done(store: Store) -> None:
    start_done(store, 3, task_id="t-1")

    again = lifecycle.start(store, TaskSpec(3), task_id="t-1", ttls=TTLS, max_steps=3)

    assert (again.fresh, again.task.state) == (False, State.DONE)


@pytest.mark.parametrize("begin", [start, start_done], ids=["running", "done"])
def test_of_two_starts_at_once_the_second_gets_the_first_ones_task(
    store: Store, monkeypatch: pytest.MonkeyPatch, begin: Callable[..., Task]
) -> None:
    first = begin(store, 3, task_id="t-1")
    find = lifecycle._find_task

    def find_nothing_first(*_: object) -> Task | None:
        monkeypatch.setattr(lifecycle, "_find_task", find)
        return None

    monkeypatch.setattr(lifecycle, "_find_task", find_nothing_first)
    again = lifecycle.start(store, TaskSpec(3), task_id="t-1", ttls=TTLS, max_steps=3)

    assert (again.fresh, again.task.nonce) == (False, first.nonce)
    monkeypatch.setattr(lifecycle, "_find_task", find_nothing_first)
    with pytest.raises(Conflict):
        lifecycle.start(store, TaskSpec(2), task_id="t-1", ttls=TTLS, max_steps=3)


def test_a_task_that_is_deleted_just_after_it_was_found_is_started_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(store, 3, task_id="t-1")
    find = lifecycle._find_task

    def find_nothing_then_delete(*_: object) -> Task | None:
        monkeypatch.setattr(lifecycle, "_find_task", delete_and_find)
        return None

    def delete_and_find(*_: object) -> Task | None:
        monkeypatch.setattr(lifecycle, "_find_task", find)
        lifecycle.delete(store, "t-1")
        return find(store, "t-1")

    monkeypatch.setattr(lifecycle, "_find_task", find_nothing_then_delete)
    again = lifecycle.start(store, TaskSpec(3), task_id="t-1", ttls=TTLS, max_steps=3)

    assert again.fresh
    assert now(store, again.task).nonce == again.task.nonce != first.nonce


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "x" * 101, "a\n"])
def test_an_id_that_is_no_name_is_refused(store: Store, client: Redis, name: str) -> None:
    with pytest.raises(InvalidInput, match=r"task_id is .*; it must be 1 to 100 of A-Z a-z 0-9"):
        start(store, task_id=name)

    assert keys_in_use(client) == []


def test_a_label_that_is_no_name_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="label is 'a b'"):
        start(store, label="a b")


def test_messages_of_a_deleted_task_mark_nothing_in_the_next_of_that_id(store: Store) -> None:
    old = start(store, 3, task_id="t-1")
    lifecycle.delete(store, "t-1")
    start(store, 3, task_id="t-1")

    with pytest.raises(NotFound):
        reporting.report(store, "t-1", [0, 1, 2], nonce=old.nonce)
    with pytest.raises(NotFound):
        reporting.recount(store, old)

    assert lifecycle.get_task(store, "t-1").task.done_steps == 0


def test_the_task_that_a_message_means_is_marked(store: Store) -> None:
    task = start(store, 3)

    assert reporting.report(store, task.id, [0], nonce=task.nonce).fresh == 1


def test_a_note_on_a_deleted_task_is_not_written_on_the_next_of_that_id(store: Store, client: Redis) -> None:
    old = start(store, 3, task_id="t-1")
    lifecycle.delete(store, "t-1")

    unwritten = store.tasks.update_record("t-1", old.nonce, old.run, {"announced_at": 1})
    assert client.exists(keys.record("t-1")) == 0
    new = start(store, 3, task_id="t-1")

    assert (unwritten, store.tasks.update_record("t-1", old.nonce, old.run, {"announced_at": 1})) == (
        False,
        False,
    )
    assert now(store, new).announced_at is None


def test_a_call_repeated_with_its_token_says_completed_again(store: Store) -> None:
    task = start(store, 2)

    heard = [
        reporting.report(store, task.id, ranges=[(0, 2)], token=token).completed_task
        for token in ("mine", "mine", "another's", "mine")
    ]

    assert heard == [True, True, False, True]


def test_a_caller_without_a_token_is_a_different_one_each_time(store: Store) -> None:
    task = start(store, 1)

    heard = [reporting.report(store, task.id, [0]).completed_task for _ in range(3)]

    assert heard == [True, False, False]


def test_the_same_reply_key_gets_the_same_answer(store: Store) -> None:
    task = start(store, 2)
    reporting.report(store, task.id, [1])

    first = reporting.report(store, task.id, [0], reply_key="k-1")
    again = reporting.report(store, task.id, [0], reply_key="k-1")

    assert (first.fresh, first.completed_task, first.state) == (1, True, State.DONE)
    assert again == first


def test_an_answer_kept_before_the_end_stays_as_it_was_given(store: Store) -> None:
    task = start(store, 2)
    first = reporting.report(store, task.id, [0], reply_key="k-1")
    reporting.report(store, task.id, [1])

    assert reporting.report(store, task.id, [0], reply_key="k-1") == first


def test_another_reply_key_hears_what_holds_now(store: Store) -> None:
    task = start(store, 1)
    reporting.report(store, task.id, [0], reply_key="k-1")

    other = reporting.report(store, task.id, [0], reply_key="k-2")

    assert (other.fresh, other.completed_task) == (0, False)


def test_a_refused_report_is_not_kept_as_an_answer(store: Store) -> None:
    task = start(store, 2)
    with pytest.raises(InvalidInput):
        reporting.report(store, task.id, [2], reply_key="k-1")

    assert reporting.report(store, task.id, [1], reply_key="k-1").fresh == 1


def test_a_deleted_tasks_answers_are_not_given_for_the_next_of_its_id(store: Store) -> None:
    start(store, 2, task_id="t-1")
    reporting.report(store, "t-1", [0], reply_key="step-0")
    lifecycle.delete(store, "t-1")
    start(store, 2, task_id="t-1")

    reporting.report(store, "t-1", [0], reply_key="step-0")

    assert lifecycle.get_task(store, "t-1").task.done_steps == 1


def test_a_kept_answer_outlives_the_tombstone(store: Store, client: Redis) -> None:
    task = start(store, 1)
    first = reporting.report(store, task.id, [0], reply_key="k-1")
    client.delete(keys.record(task.id))

    assert reporting.report(store, task.id, [0], reply_key="k-1") == first


def test_a_failure_of_a_step_that_is_done_gets_the_same_answer_again(store: Store) -> None:
    task = start(store, 2)
    reporting.report(store, task.id, [0])
    first = failing.fail(store, task.id, 0, "no", reply_key="once")
    failing.fail(store, task.id, 1, "no")

    again = failing.fail(store, task.id, 0, "no", reply_key="once")

    assert (again, again.state) == (first, State.RUNNING)
    with pytest.raises(InvalidInput, match="'once', which was used for another request"):
        failing.fail(store, task.id, 0, "yes", reply_key="once")


def test_a_reply_key_used_for_other_steps_is_refused_and_marks_nothing(store: Store) -> None:
    task = start(store, 3)
    first = reporting.report(store, task.id, [0], reply_key="once")

    with pytest.raises(InvalidInput, match="Idempotency-Key is 'once', which was used for another request"):
        reporting.report(store, task.id, [1, 2], reply_key="once")

    assert reporting.report(store, task.id, [0], reply_key="once") == first
    assert now(store, task).done_steps == 1


def test_the_same_report_under_another_key_does_not_say_completed(store: Store) -> None:
    task = start(store, 1)

    answers = [reporting.report(store, task.id, [0], reply_key=key) for key in ("one", "one", "two")]

    assert [answer.completed_task for answer in answers] == [True, True, False]
