"""Lists of tasks and actions on many mean the tasks that match every condition, however they are paged."""

from __future__ import annotations

from datetime import timedelta

import pytest

from donebit import clock
from donebit.completion import bulk, failing, lifecycle, listing, reporting
from donebit.completion.bulk import Action
from donebit.completion.listing import Filter
from donebit.completion.state import State
from donebit.store import Store
from tests.completion.arranged import start, start_done
from tests.completion.conftest import HandMovedClock


@pytest.fixture
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads of the index so small that every test goes over their borders."""
    monkeypatch.setattr(listing, "MAX_PAGE_ENTRIES", 3)


def listed(store: Store, wanted: Filter, limit: int = 2) -> list[str]:
    """The ids of all pages."""
    found, cursor = list[str](), None
    while True:
        page = listing.list_tasks(store, wanted, limit=limit, cursor=cursor)
        found += [task.id for task in page.tasks]
        if (cursor := page.next) is None:
            return found


@pytest.mark.usefixtures("few_at_a_time")
def test_tasks_are_found_by_their_job_and_the_beginning_of_their_ids(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    for n in range(12):
        hand_moved_clock.forward(seconds=1)
        start(store, 1, task_id=f"{'ab'[n % 2]}-{n:02}", job="demo" if n % 3 else None)

    assert listed(store, Filter(prefix="a-0")) == ["a-08", "a-06", "a-04", "a-02", "a-00"]
    assert listed(store, Filter(prefix="b-", job="demo")) == ["b-11", "b-07", "b-05", "b-01"]
    assert listed(store, Filter(prefix="A-0")) == []
    assert listed(store, Filter(job="visit")) == []


@pytest.mark.usefixtures("few_at_a_time")
def test_tasks_are_found_by_the_error_of_a_failed_step(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    errors = ("ValueError: no picture 7", "OSError: disk is full", "ValueError: no picture 8 in 0x1f")
    for n in range(9):
        hand_moved_clock.forward(seconds=1)
        task = start(store, 2, task_id=f"t-{n}")
        if n % 2:
            failing.fail(store, task.id, n % 4 // 2, errors[n % 3])

    assert listed(store, Filter(error="no picture 12345")) == ["t-5", "t-3"]
    assert listed(store, Filter(error="OSERROR: disk")) == ["t-7", "t-1"]
    assert listed(store, Filter(error="valueerror", prefix="t-3")) == ["t-3"]
    assert listed(store, Filter(error="no such error")) == []


@pytest.mark.usefixtures("few_at_a_time")
@pytest.mark.parametrize(("first", "after"), [(0, 9), (3, 7), (3, 3), (0, 0), (8, 99)])
def test_tasks_are_found_by_when_they_were_created_half_open(
    store: Store, hand_moved_clock: HandMovedClock, first: int, after: int
) -> None:
    began = clock.now()
    ids = []
    for n in range(9):
        ids.append(start(store, 1, task_id=f"t-{n}").id)
        hand_moved_clock.forward(seconds=1)

    found = listed(
        store,
        Filter(
            created_from=began + timedelta(seconds=first), created_before=began + timedelta(seconds=after)
        ),
    )

    assert found == ids[first:after][::-1]


def test_each_action_means_the_tasks_that_it_applies_to(store: Store) -> None:
    running, done = start(store, 1, task_id="running"), start_done(store, task_id="done")
    lifecycle.pause(store, start(store, 1, task_id="paused").id)
    lifecycle.cancel(store, start(store, 1, task_id="cancelled").id)

    meant = {
        action: {task.id for task in bulk.select_by_filter(store, action, Filter(), limit=9).tasks}
        for action in Action
    }

    assert meant == {
        Action.CANCEL: {"running", "paused"},
        Action.DELETE: {"running", "paused", "cancelled", "done"},
        Action.PAUSE: {"running"},
        Action.RESUME: {"paused", "cancelled"},
        Action.RERUN: {"done", "cancelled"},
    }
    assert (running.state, done.state) == (State.RUNNING, State.DONE)


def test_named_tasks_that_an_action_does_not_apply_to_are_skipped_with_why(store: Store) -> None:
    start(store, 1, task_id="running")
    start_done(store, task_id="done")

    found = bulk.select_by_ids(store, Action.CANCEL, ["running", "done", "nobody", "running"])

    assert [task.id for task in found.tasks] == ["running"]
    assert [(one.task_id, one.why) for one in found.skipped] == [
        ("done", "task done is done, which cancel does not apply to"),
        ("nobody", "no task nobody is known, or it has expired"),
    ]


@pytest.mark.usefixtures("few_at_a_time")
def test_an_action_on_many_goes_through_all_pages(store: Store, hand_moved_clock: HandMovedClock) -> None:
    for n in range(9):
        hand_moved_clock.forward(seconds=1)
        task = start(store, 1, task_id=f"t-{n}")
        if n % 2:
            reporting.report(store, task.id, [0])

    pages, cursor = list[list[str]](), None
    while True:
        page = bulk.select_by_filter(store, Action.CANCEL, Filter(prefix="t-"), limit=2, cursor=cursor)
        pages.append([task.id for task in page.tasks])
        for task in page.tasks:
            lifecycle.cancel(store, task.id)
        if (cursor := page.next) is None:
            break

    assert [one for page in pages for one in page] == ["t-8", "t-6", "t-4", "t-2", "t-0"]
