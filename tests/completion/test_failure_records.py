"""What is kept of failures, and what of it is told."""

from __future__ import annotations

from donebit.completion import failing
from donebit.store import Store
from tests.completion.arranged import now, start


def test_an_error_that_no_utf8_can_hold_is_kept_with_question_marks(store: Store) -> None:
    task = start(store, 1)

    failing.fail(store, task.id, 0, "no such file: \udcff")

    (given_up,) = failing.list_failures(store, now(store, task), limit=9).failures
    assert given_up.error == "no such file: ?"


def test_every_death_counts_as_a_failed_attempt(store: Store) -> None:
    task = start(store, 1)
    for _ in range(3):
        store.failures.begin_attempt(task.id, task.nonce, 0, max_attempts=2)

    failing.fail(store, task.id, 0, "its process died", nonce=task.nonce, attempt=failing.COUNTED_AHEAD)

    assert now(store, task).failed_attempts == 2
