"""Steps that give up are grouped by their error, and some of them can be tried again without the others."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from donebit.completion import (
    announcing,
    deliveries,
    failing,
    failure_groups,
    lifecycle,
    missing,
    reporting,
    resuming,
)
from donebit.completion.failing import ChosenSteps
from donebit.completion.failure_groups import NOT_KEPT, OTHERS, id_of, list_groups, ranges_in, text_of
from donebit.completion.spec import Webhook
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import Conflict, InvalidInput
from donebit.retry_policy import RetryPolicy
from donebit.store import Store, keys
from donebit.store.failures import FailedAttempt
from tests.completion.arranged import BYTE_BORDERS, TTLS, now, set_by_other_hands, start

TWICE = RetryPolicy(2, timedelta(seconds=1))
DISK, EMPTY = "OSError: disk full", "ValueError: picture {} is empty"
KINDS = st.sampled_from([DISK, EMPTY, "KeyError: 'a'"])


def give_up(store: Store, task: Task, step: int, error: str = DISK, traceback: str = "") -> None:
    failing.fail(store, task.id, step, error, attempt=FailedAttempt(traceback=traceback))


def steps_by_text(store: Store, task: Task) -> dict[str, int]:
    return {group.error: group.steps for group in list_groups(store, now(store, task))}


def steps_of(store: Store, task: Task, text: str) -> set[int]:
    found = ranges_in(store, now(store, task), id_of(text))
    return {step for first, after in found for step in range(first, after)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ValueError: step 3 is bad", "ValueError: step 1417 is bad"),
        ("HTTP 503 after 1.5 s", "HTTP 503 after 0.25 s"),
        ("no user 0b3cd6d8-9d57-4f0d-9e1b-3ad5a4a61c0f", "no user 11111111-2222-3333-4444-aaaaaaaaaaaa"),
        ("lock 9f2c41d07a3b is held", "lock b2ee6881a154 is held"),
        ("at 0x7f6e22d5d940", "at 0x1"),
        ("TimeoutError: slow\nsecond line 1", "TimeoutError: slow\nanother"),
    ],
)
def test_errors_that_differ_in_numbers_and_ids_are_one_group(one: str, other: str) -> None:
    assert text_of(one) == text_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ValueError: is bad", "TypeError: is bad"),
        ("no such file a.txt", "no such file b.txt"),
        ("the defaced facade", "the decade"),
    ],
)
def test_errors_that_differ_in_words_are_two_groups(one: str, other: str) -> None:
    assert text_of(one) != text_of(other)


@given(st.text())
def test_any_error_has_a_group_text_on_one_short_line(error: str) -> None:
    text = text_of(error)

    assert len(text) <= 200
    assert text.isprintable() or not set(text) & {"\n", "\r", "\x1b"}


@given(
    count=st.sampled_from([*BYTE_BORDERS, 200]),
    failures=st.dictionaries(st.integers(0, 199), KINDS),
    mended=st.sets(st.integers(0, 199)),
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_groups_are_the_steps_that_failed_so(
    real_store: Store, count: int, failures: dict[int, str], mended: set[int]
) -> None:
    failures = {step: error.format(step) for step, error in failures.items() if step < count}
    task = start(real_store, count + 1)
    for step, error in failures.items():
        give_up(real_store, task, step, error)
    reporting.report(real_store, task.id, [step for step in mended if step < count])

    expected: dict[str, set[int]] = defaultdict(set)
    for step, error in failures.items():
        if step not in mended:
            expected[text_of(error)].add(step)
    assert steps_by_text(real_store, task) == {text: len(steps) for text, steps in expected.items()}
    for group in list_groups(real_store, now(real_store, task)):
        steps = expected[group.error]
        assert steps_of(real_store, task, group.error) == steps
        assert {step for first, after in group.ranges for step in range(first, after)} <= steps
        assert group.attempts == sum(text_of(error) == group.error for error in failures.values())


@given(
    count=st.sampled_from([*BYTE_BORDERS, 200]),
    failed=st.sets(st.integers(0, 199)),
    done=st.sets(st.integers(0, 199)),
    chosen=st.sets(st.integers(0, 199), min_size=1),
    ends=st.booleans(),
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_retry_lets_just_the_chosen_failed_steps_be_missing(
    real_store: Store, count: int, failed: set[int], done: set[int], chosen: set[int], ends: bool
) -> None:
    failed, chosen = ({step for step in steps if step < count} for steps in (failed, chosen))
    done = (set(range(count)) if ends else {step for step in done if step < count}) - failed
    task = start(real_store, count)
    for step in failed:
        failing.fail(real_store, task.id, step, DISK, RetryPolicy(1, timedelta(0)))
    reporting.report(real_store, task.id, sorted(done)) if done else None
    before = now(real_store, task)
    if not chosen & failed or before.state is State.DONE:
        return

    retried = resuming.retry(real_store, task.id, ChosenSteps(sorted(chosen)), TTLS)

    after, stay = now(real_store, task), failed - chosen
    assert retried.steps == len(chosen & failed)
    assert retried.began_again is (before.state is State.FAILED)
    assert (after.state, after.run) == (State.RUNNING, before.run + retried.began_again)
    assert (after.failed_steps, after.done_steps) == (len(stay), len(done))
    assert set(failing.iterate_given_up(real_store, after)) == stay
    left = {n for a, b in missing.iterate(real_store, after, 0, count) for n in range(a, b)}
    assert left == set(range(count)) - done - stay
    attempts = real_store.failures.attempts(task.id, range(count))
    assert {step for step, tried in enumerate(attempts) if tried} == stay


def test_a_retried_task_ends_failed_while_others_have_given_up(store: Store) -> None:
    task = start(store, 3)
    for step in range(3):
        give_up(store, task, step, DISK if step else EMPTY)

    resuming.retry(store, task.id, ChosenSteps(group=id_of(text_of(EMPTY))), TTLS)
    first = reporting.report(store, task.id, [0])
    resuming.retry(store, task.id, ChosenSteps(ranges=[(0, 3)]), TTLS)
    second = reporting.report(store, task.id, [1, 2])

    assert (first.state, first.failed_steps, first.completed_task) == (State.FAILED, 2, True)
    assert (second.state, second.completed_task) == (State.DONE, True)
    assert now(store, task).run == 3


def test_a_failed_end_is_announced_before_steps_are_retried(store: Store) -> None:
    task = start(store, 1, webhook=Webhook("http://example.org/"))
    give_up(store, task, 0)
    assert deliveries.list_due(store, "webhook", 9) == []

    resuming.retry(store, task.id, ChosenSteps([0]), TTLS)

    assert [one.end for one in deliveries.list_due(store, "webhook", 9)] == ["failed"]


def test_a_retry_ends_a_task_whose_steps_were_done_after_all(store: Store, client: Redis) -> None:
    task = start(store, 1)
    give_up(store, task, 0)
    set_by_other_hands(client, task, 0)

    retried = resuming.retry(store, task.id, ChosenSteps([0]), TTLS)

    assert (retried.task.state, retried.task.run) == (State.DONE, 2)


def test_the_sweep_looks_after_a_retried_task_again(store: Store) -> None:
    task = start(store, 1)
    give_up(store, task, 0)
    announcing.announce(store, task.id)
    assert not store.task_index.next_look(task.id)

    resuming.retry(store, task.id, ChosenSteps([0]), TTLS)

    assert store.task_index.next_look(task.id)


@pytest.mark.parametrize("first", [0, 1, 6, 7, 8, 9, 15, 16])
@pytest.mark.parametrize("after", [17, 23, 24, 25, 39, 40])
def test_a_range_is_retried_whole_at_every_border_of_bytes(store: Store, first: int, after: int) -> None:
    task = start(store, 41)
    for step in range(40):
        give_up(store, task, step)

    resuming.retry(store, task.id, ChosenSteps(ranges=[(first, after)]), TTLS)

    left = set(range(40)) - set(range(first, after))
    assert set(failing.iterate_given_up(store, now(store, task))) == left
    assert {step for step, n in enumerate(store.failures.attempts(task.id, range(41))) if n} == left


def test_a_retry_sent_twice_under_one_key_is_one_retry(store: Store) -> None:
    task = start(store, 2)
    give_up(store, task, 0)
    first = resuming.retry(store, task.id, ChosenSteps([0]), TTLS, reply_key="k")
    give_up(store, task, 0)

    again = resuming.retry(store, task.id, ChosenSteps([0]), TTLS, reply_key="k")

    assert (first.steps, again.steps, again.task.failed_steps) == (1, 1, 1)
    with pytest.raises(InvalidInput, match="another request"):
        resuming.retry(store, task.id, ChosenSteps([1]), TTLS, reply_key="k")


def test_a_retry_of_a_cancelled_task_is_not_said_to_lack_failed_steps(store: Store) -> None:
    task = start(store, 3)
    give_up(store, task, 1)
    lifecycle.cancel(store, task.id)

    with pytest.raises(Conflict, match="is cancelled; only steps of a running or failed task can be retried"):
        resuming.retry(store, task.id, ChosenSteps([1]), TTLS)


def test_what_is_chosen_and_has_not_given_up_is_refused(store: Store) -> None:
    task = start(store, 3)
    give_up(store, task, 1)

    for chosen in (ChosenSteps([0]), ChosenSteps(group="00000000"), ChosenSteps(ranges=[(2, 3)])):
        with pytest.raises(Conflict, match="has given up"):
            resuming.retry(store, task.id, chosen, TTLS)
    for chosen in (
        ChosenSteps(),
        ChosenSteps([3]),
        ChosenSteps(ranges=[(0, 4)]),
        ChosenSteps(ranges=[(2, 1)]),
    ):
        with pytest.raises(InvalidInput):
            resuming.retry(store, task.id, chosen, TTLS)
    assert now(store, task).failed_steps == 1


def test_a_task_without_steps_has_no_step_to_retry(store: Store) -> None:
    task = start(store, 0, open=True)

    with pytest.raises(InvalidInput, match="has no steps"):
        resuming.retry(store, task.id, ChosenSteps([0]), TTLS)


def test_too_many_ranges_are_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failing, "MAX_RANGES", 2)
    task = start(store, 9)
    for step in (0, 2, 4):
        give_up(store, task, step)

    with pytest.raises(InvalidInput, match="more than 2 ranges"):
        resuming.retry(store, task.id, ChosenSteps(ranges=[(0, 9)]), TTLS)


def test_beyond_fourteen_kinds_errors_are_one_group(store: Store) -> None:
    task = start(store, 20)
    for step in range(20):
        give_up(store, task, step, f"error {'abcdefghijklmnopqrst'[step]}")

    assert Counter(steps_by_text(store, task).values()) == {1: 14, 6: 1}
    assert steps_of(store, task, OTHERS) == set(range(14, 20))


def test_the_last_traceback_of_a_group_is_kept_without_its_middle(store: Store) -> None:
    task = start(store, 3)
    give_up(store, task, 0, EMPTY.format(0), "Traceback, the first")
    give_up(store, task, 1, EMPTY.format(1), f"Traceback {'x' * 9000} its end")

    (group,) = list_groups(store, now(store, task))

    assert group.example is not None
    assert (group.example.step, group.example.error) == (1, "ValueError: picture 1 is empty")
    assert len(group.example.traceback) == 4000
    assert group.example.traceback.startswith("Traceback xxx")
    assert group.example.traceback.endswith("xxx its end")


def test_attempts_that_are_retried_count_in_their_group(store: Store) -> None:
    task = start(store, 3)
    for _ in range(2):
        failing.fail(store, task.id, 1, DISK, TWICE)

    (group,) = list_groups(store, now(store, task))

    assert (group.steps, group.attempts) == (1, 2)
    assert group.first_at
    assert group.last_at
    assert group.first_at <= group.last_at


def test_failures_of_an_earlier_version_are_grouped_by_kept_errors(
    store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("donebit.store.failures.ERRORS_KEPT", 3)
    task = start(store, 9)
    for step in range(4):
        give_up(store, task, step, EMPTY.format(step) if step else DISK)
    client.delete(keys.reasons(task.id), keys.error_groups(task.id))

    give_up(store, task, 4, DISK)

    assert steps_by_text(store, task) == {text_of(EMPTY.format(1)): 2, DISK: 2, NOT_KEPT: 1}
    assert steps_of(store, task, DISK) == {0, 4}


def test_a_resume_forgets_the_groups_of_the_run_before(store: Store) -> None:
    task = start(store, 2)
    give_up(store, task, 0)
    give_up(store, task, 1)
    resuming.resume(store, task.id, TTLS)

    give_up(store, task, 0)

    (group,) = list_groups(store, now(store, task))
    assert (group.steps, group.attempts) == (1, 1)


def test_failures_are_listed_by_group(store: Store) -> None:
    task = start(store, 9)
    for step in range(6):
        give_up(store, task, step, DISK if step % 2 else EMPTY)

    page = failing.list_failures(store, now(store, task), limit=2, group=id_of(DISK))
    rest = failing.list_failures(store, now(store, task), limit=9, group=id_of(DISK), after=page.next or 0)

    assert [one.step for one in (*page.failures, *rest.failures)] == [1, 3, 5]


@pytest.mark.parametrize("chunk", [8, 16])
def test_groups_across_chunks_are_one(store: Store, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(failure_groups, "CHUNK_STEPS", chunk)
    task = start(store, 40)
    for step in range(5, 35):
        give_up(store, task, step)

    (group,) = list_groups(store, now(store, task))

    assert (group.steps, group.ranges) == (30, [(5, 35)])
