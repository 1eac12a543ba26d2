"""Tasks newest first, a page at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from donebit.completion import lifecycle, listing, reporting
from donebit.completion.listing import Filter
from donebit.completion.state import State
from donebit.completion.sweeping import Sweep
from donebit.completion.task import Task
from donebit.errors import Conflict, InvalidInput
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, start, start_done
from tests.completion.conftest import HandMovedClock
from tests.completion.publisher import RecordingPublisher

EVERY = Filter()


@pytest.fixture
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads of the index so small that every test goes over their borders."""
    monkeypatch.setattr(listing, "MAX_PAGE_ENTRIES", 3)


def start_some(store: Store, hands: HandMovedClock, number: int, *, at_once: int = 1) -> list[str]:
    """Start tasks, so many within each microsecond; their ids, newest first."""
    started = []
    for n in range(number):
        if n % at_once == 0:
            hands.forward(microseconds=1)
        started.append(start(store, 1, task_id=f"t-{n:03}", label=f"label-{n % 3}"))
    return [task.id for task in reversed(started)]


def all_pages(store: Store, wanted: Filter, limit: int) -> list[list[Task]]:
    pages, cursor = [], None
    while True:
        page = listing.list_tasks(store, wanted, limit=limit, cursor=cursor)
        pages.append(page.tasks)
        if (cursor := page.next) is None:
            return pages


def ids(pages: list[list[Task]]) -> list[str]:
    return [task.id for page in pages for task in page]


def test_without_tasks_there_is_one_empty_page(store: Store) -> None:
    assert listing.list_tasks(store, EVERY, limit=5) == listing.TaskPage([], None)


@pytest.mark.usefixtures("few_at_a_time")
@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 11, 50])
def test_pages_hold_every_task_once_newest_first(
    store: Store, hand_moved_clock: HandMovedClock, limit: int, at_once: int
) -> None:
    newest_first = start_some(store, hand_moved_clock, 11, at_once=at_once)

    pages = all_pages(store, EVERY, limit)

    assert ids(pages) == newest_first
    assert all(len(page) <= limit for page in pages)


@pytest.mark.usefixtures("few_at_a_time")
def test_tasks_started_between_two_pages_shift_nothing(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    newest_first = start_some(store, hand_moved_clock, 6)
    first = listing.list_tasks(store, EVERY, limit=4)
    hand_moved_clock.forward(seconds=1)
    start(store, 1, task_id="later")

    second = listing.list_tasks(store, EVERY, limit=4, cursor=first.next)

    assert ids([first.tasks, second.tasks]) == newest_first


@pytest.mark.usefixtures("few_at_a_time")
def test_a_task_deleted_between_two_pages_hides_no_other(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    newest_first = start_some(store, hand_moved_clock, 6)
    first = listing.list_tasks(store, EVERY, limit=3)
    lifecycle.delete(store, first.tasks[-1].id)

    second = listing.list_tasks(store, EVERY, limit=3, cursor=first.next)

    assert ids([first.tasks, second.tasks]) == newest_first


@pytest.mark.usefixtures("few_at_a_time")
@pytest.mark.parametrize("limit", [1, 2, 50])
def test_a_filter_by_label_and_state_leaves_out_the_others(
    store: Store, hand_moved_clock: HandMovedClock, limit: int
) -> None:
    start_some(store, hand_moved_clock, 12)
    for done in ("t-001", "t-004", "t-005"):
        reporting.report(store, done, [0])
    lifecycle.cancel(store, "t-007")

    by_both = ids(all_pages(store, Filter(State.DONE, "label-1"), limit))
    by_state = ids(all_pages(store, Filter(state=State.DONE), limit))
    by_label = ids(all_pages(store, Filter(label="label-1"), limit))

    assert by_both == ["t-004", "t-001"]
    assert by_state == ["t-005", "t-004", "t-001"]
    assert by_label == ["t-010", "t-007", "t-004", "t-001"]


@pytest.mark.usefixtures("few_at_a_time")
def test_a_filter_with_few_matches_continues_on_the_next_page(
    store: Store, hand_moved_clock: HandMovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_ENTRIES_READ", 4)
    start_some(store, hand_moved_clock, 12)
    reporting.report(store, "t-000", [0])

    pages = all_pages(store, Filter(state=State.DONE), 1)

    assert pages[0] == []
    assert ids(pages) == ["t-000"]


@pytest.mark.parametrize("limit", [1, 2, 4, 8])
def test_no_page_leads_to_an_empty_one(store: Store, hand_moved_clock: HandMovedClock, limit: int) -> None:
    start_some(store, hand_moved_clock, 8)

    pages = all_pages(store, EVERY, limit)

    assert [len(page) for page in pages] == [limit] * (8 // limit)


def test_the_last_match_of_a_filter_is_known_to_be_the_last(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    start_some(store, hand_moved_clock, 12)
    reporting.report(store, "t-006", [0])

    pages = all_pages(store, Filter(state=State.DONE), 1)

    assert [len(page) for page in pages] == [1]


@pytest.mark.parametrize("cursor", ["", "x", "12", "-a", "1.5-a", "-5-a", "1" * 18 + "-a", "٣-a"])
def test_a_cursor_that_no_page_gave_is_named(store: Store, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="it must be the `next` of an earlier page") as refused:
        listing.list_tasks(store, EVERY, limit=1, cursor=cursor)

    assert repr(cursor) in refused.value.detail


def test_a_task_whose_record_has_expired_is_not_listed(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    start_some(store, hand_moved_clock, 3)
    client.delete(keys.record("t-001"), keys.bitmap("t-001"))

    assert ids(all_pages(store, EVERY, 50)) == ["t-002", "t-000"]


def test_a_sweep_prunes_expired_tasks_and_leaves_new_entries(
    store: Store, client: Redis, hand_moved_clock: HandMovedClock
) -> None:
    start(store, task_id="expired")
    start(store, task_id="alive")
    assert store.task_index.close_task("expired", store.task_index.next_look("expired") or 0)
    hand_moved_clock.forward(minutes=2)
    # As a start that has listed its task and not yet written the record.
    listed_us, look_ms = (int(hand_moved_clock.moment.timestamp() * unit) for unit in (1e6, 1e3))
    store.task_index.index_task("half-started", listed_us, look_ms + 5000, timedelta(days=1))
    client.delete(keys.record("expired"), keys.bitmap("expired"))

    Sweep(store, RecordingPublisher(), TTLS).run()

    assert sorted(store.task_index.sample(listed_us, 10)) == ["alive", "half-started"]


def test_running_tasks_are_found_however_many_ended_since(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    for name in ("older", "old"):
        start(store, task_id=name)
        hand_moved_clock.forward(seconds=1)
    for number in range(5):
        start_done(store, task_id=f"ended-{number}")
        hand_moved_clock.forward(seconds=1)

    seen = [task.id for task in listing.list_running(store)]

    assert seen == ["old", "older"]


def test_the_ended_tasks_of_any_end_are_listed_without_the_running_ones(
    store: Store, hand_moved_clock: HandMovedClock
) -> None:
    start_some(store, hand_moved_clock, 4)
    reporting.report(store, "t-000", [0])
    lifecycle.cancel(store, "t-002")

    assert ids(all_pages(store, Filter(ended=True), 1)) == ["t-002", "t-000"]


def test_a_task_that_a_later_version_wrote_hides_no_other(store: Store) -> None:
    task, later = start(store, 3), start(store, 3)
    store.tasks.update_record(later.id, later.nonce, later.run, {"order": "of a later version"})

    assert [one.id for one in listing.list_tasks(store, EVERY, limit=9).tasks] == [task.id]
    assert [one.id for one in listing.list_running(store)] == [task.id]
    with pytest.raises(Conflict, match=f"task {later.id} cannot be read here"):
        lifecycle.get_task(store, later.id)
