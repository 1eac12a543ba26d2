"""A change of a whole task, sent again under its key because the answer was lost, is made once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

import pytest
from redis import Redis

from donebit.completion import failing, lifecycle, reporting, resuming
from donebit.completion.resuming import Extension
from donebit.completion.state import State
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.store import Store
from tests.completion.arranged import MAX_STEPS, TTLS, missing_ranges, now, start
from tests.conftest import everything, keys_without_ttl

Change = Callable[[Store, str, str], object]


def add(store: Store, task_id: str, more: int, key: str | None = None, *, expected: int | None = None) -> int:
    """The count afterwards."""
    task, _ = resuming.extend(
        store, task_id, Extension(add=more, expected=expected), max_steps=MAX_STEPS, reply_key=key
    )
    return task.count


CHANGES: dict[str, Change] = {
    "extend": lambda store, task_id, key: add(store, task_id, 5, key),
    "resume": lambda store, task_id, key: resuming.resume(store, task_id, TTLS, reply_key=key),
    "cancel": lambda store, task_id, key: lifecycle.cancel(store, task_id, reply_key=key),
    "delete": lambda store, task_id, key: lifecycle.delete(store, task_id, reply_key=key),
}


def ready_for(store: Store, change: str) -> str:
    task = start(store, 1 if change == "resume" else 3, task_id="t")
    if change == "resume":
        failing.fail(store, task.id, 0, "no")
    return task.id


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_again_under_its_key_changes_nothing_more(store: Store, client: Redis, change: str) -> None:
    task_id = ready_for(store, change)
    CHANGES[change](store, task_id, "k")
    before = everything(client)

    CHANGES[change](store, task_id, "k")

    unchanged = {name: value for name, value in before.items() if not name.startswith(b"donebit:done:open")}
    assert {name: value for name, value in everything(client).items() if name in unchanged} == unchanged
    assert keys_without_ttl(client) == set()


@pytest.mark.parametrize(("change", "other"), list(permutations(CHANGES, 2)))
def test_a_key_of_one_change_is_refused_for_another(store: Store, change: str, other: str) -> None:
    task_id = ready_for(store, change)
    CHANGES[change](store, task_id, "k")

    with pytest.raises((InvalidInput, NotFound) if change == "delete" else InvalidInput):
        CHANGES[other](store, task_id, "k")


def test_a_task_that_failed_again_is_not_resumed_by_the_repeat(store: Store) -> None:
    task = start(store, 1)
    failing.fail(store, task.id, 0, "no")
    resuming.resume(store, task.id, TTLS, reply_key="first")
    failing.fail(store, task.id, 0, "no")

    resuming.resume(store, task.id, TTLS, reply_key="first")

    assert (now(store, task).state, now(store, task).run) == (State.FAILED, 2)


def test_a_repeated_delete_spares_the_next_task_of_that_id(store: Store, client: Redis) -> None:
    start(store, 3, task_id="t")
    lifecycle.delete(store, "t", reply_key="k")
    start(store, 4, task_id="t")
    before = everything(client)

    lifecycle.delete(store, "t", reply_key="k")

    assert everything(client) == before
    with pytest.raises(NotFound):
        lifecycle.delete(store, "other", reply_key="k")


def test_a_refused_delete_leaves_the_task_in_the_lists(store: Store, client: Redis) -> None:
    task = start(store, 3, task_id="t")
    reporting.report(store, task.id, [0], reply_key="k")
    before = everything(client)

    with pytest.raises(InvalidInput, match="another request"):
        lifecycle.delete(store, "t", reply_key="k")

    assert everything(client) == before


def test_a_key_of_an_earlier_task_says_nothing_about_the_next(store: Store) -> None:
    task = start(store, 3, task_id="t")
    add(store, task.id, 5, "k")
    lifecycle.delete(store, task.id)
    again = start(store, 3, task_id="t")

    assert add(store, again.id, 5, "k") == 8
    lifecycle.delete(store, again.id, reply_key="other")


def test_two_who_add_at_once_each_add_theirs(real_store: Store) -> None:
    task = start(real_store, 10)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda more: add(real_store, task.id, more), [5, 7] * 10))

    assert now(real_store, task).count == 130
    assert missing_ranges(real_store, task) == [(0, 130)]


def test_an_addition_is_made_of_the_expected_count_alone(store: Store, client: Redis) -> None:
    task = start(store, 3)
    assert add(store, task.id, 2, expected=3) == 5
    before = everything(client)

    with pytest.raises(Conflict, match=f"task {task.id} has 5 steps, not 3 as `from` says"):
        add(store, task.id, 2, expected=3)
    with pytest.raises(Conflict, match="has 5 steps, not 3"):
        resuming.extend(store, task.id, Extension(9, expected=3), max_steps=MAX_STEPS)

    assert everything(client) == before


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"add": 0}, "add is 0; it must be 1 to 10"),
        ({"add": -1}, "add is -1; it must be 1 to 10"),
        ({"add": 8}, "add is 8; the task has 3 steps, and at most 10 are allowed"),
        ({"add": 11}, "add is 11; it must be 1 to 10"),
        ({}, "either count, the new total, or add"),
        ({"add": 1, "count": 5}, "either count, the new total, or add"),
    ],
)
def test_an_addition_out_of_bounds_changes_nothing(
    store: Store, client: Redis, asked: dict[str, Any], why: str
) -> None:
    task = start(store, 3)
    before = everything(client)

    with pytest.raises(InvalidInput, match=why):
        resuming.extend(store, task.id, Extension(**asked), max_steps=10)

    assert everything(client) == before
