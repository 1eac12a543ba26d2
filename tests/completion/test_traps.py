"""The traps of telling "done" by BITPOS 0 == BITCOUNT: each announces too early, twice, or never."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from donebit.completion import lifecycle, reporting
from donebit.completion.progress import Reading
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.errors import InvalidInput, NotFound
from donebit.store import Store, keys
from tests.completion.arranged import BYTE_BORDERS, TTLS, expire, now, set_by_other_hands, start, start_done
from tests.conftest import keys_in_use, keys_without_ttl


@pytest.mark.parametrize(
    ("reading", "done"),
    [
        (Reading(first_gap=0, set_bits=0), False),  # an absent key: equal, and nothing has finished
        (Reading(first_gap=0, set_bits=1), False),  # just started: the end marker alone
        (Reading(first_gap=3, set_bits=3), True),
        (Reading(first_gap=3, set_bits=4), False),  # a step finished behind the first gap
        (Reading(first_gap=-1, set_bits=8), False),  # BITPOS with an end, on an all-ones bitmap
        (Reading(first_gap=4, set_bits=5), False),  # a bit set beyond the end marker
    ],
)
def test_the_rule_reads_an_unbroken_run_of_ones_as_done_and_nothing_else(
    reading: Reading, *, done: bool
) -> None:
    assert reading.done is done


ASKED: dict[str, Callable[[Store, Task], object]] = {
    "look": lambda store, task: lifecycle.get_task(store, task.id),
    "report": lambda store, task: reporting.report(store, task.id, [0]),
    "recount": reporting.recount,
    "cancel": lambda store, task: lifecycle.cancel(store, task.id),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_task_without_its_bitmap_is_unknown_and_not_done(
    store: Store, client: Redis, asked: Callable[[Store, Task], object]
) -> None:
    task = start(store, 1)
    expire(client, task)

    with pytest.raises(NotFound, match=f"no task {task.id} is known, or it has expired"):
        asked(store, task)

    assert client.exists(keys.bitmap(task.id)) == 0
    assert client.hget(keys.record(task.id), "state") == b"running"


@pytest.mark.parametrize("nonce_given", [False, True], ids=["any_nonce", "its_nonce"])
@pytest.mark.parametrize(
    ("steps", "ranges"),
    [([0], []), ([7], []), ([19], []), ([3, 4], []), ([], [(8, 16)])],
    ids=["first", "middle", "last", "two", "range"],
)
def test_a_report_to_a_record_without_its_bitmap_leaves_no_key_and_no_bit(
    store: Store, client: Redis, steps: list[int], ranges: list[tuple[int, int]], *, nonce_given: bool
) -> None:
    task = start(store, 20)
    client.delete(keys.bitmap(task.id))
    before, record = set(client.keys()), client.hgetall(keys.record(task.id))

    with pytest.raises(NotFound):
        reporting.report(store, task.id, steps, ranges, nonce=task.nonce if nonce_given else "")

    assert set(client.keys()) == before
    assert client.hgetall(keys.record(task.id)) == record


def test_a_step_leaves_no_bit_in_a_bitmap_without_its_end_marker(store: Store, client: Redis) -> None:
    task = start(store, 20)
    client.delete(keys.bitmap(task.id))
    client.setbit(keys.bitmap(task.id), 4, 1)

    with pytest.raises(NotFound):
        reporting.report(store, task.id, [5])

    assert client.bitcount(keys.bitmap(task.id)) == 1
    client.delete(keys.bitmap(task.id))


def test_a_step_of_an_earlier_task_under_the_id_leaves_no_bit(store: Store, client: Redis) -> None:
    task = start(store, 20)

    with pytest.raises(NotFound):
        reporting.report(store, task.id, [5], nonce="of-another")

    assert client.bitcount(keys.bitmap(task.id)) == 1


@pytest.mark.parametrize("count", [2, 9, 10, 11, 99, 100, 101, 1000])
def test_steps_at_the_borders_of_a_count_are_told_apart_by_their_value(store: Store, count: int) -> None:
    task = start(store, count)

    for step in (-1, count, 10 * count):
        with pytest.raises(InvalidInput, match=f"step {step} is not a step of task"):
            reporting.report(store, task.id, [step])
    reports = [reporting.report(store, task.id, [step]) for step in range(count)]

    assert [report.missing_steps for report in reports] == list(range(count - 1, -1, -1))
    assert [report.completed_task for report in reports] == [False] * (count - 1) + [True]


@pytest.mark.parametrize("steps", [{"steps": [0]}, {"ranges": [(0, 3)]}])
def test_a_late_step_of_an_expired_task_creates_no_key(
    store: Store, client: Redis, steps: dict[str, list[int]]
) -> None:
    task = start(store, 3)
    expire(client, task)

    with pytest.raises(NotFound):
        reporting.report(store, task.id, **steps)  # type: ignore[arg-type]  # steps or ranges

    assert client.exists(keys.bitmap(task.id)) == 0
    assert keys_without_ttl(client) == set()


@pytest.mark.parametrize("reply_key", [None, "again"])
def test_a_late_step_of_a_deleted_task_creates_no_key(
    store: Store, client: Redis, reply_key: str | None
) -> None:
    task = start(store, 3)
    lifecycle.delete(store, task.id)

    with pytest.raises(NotFound):
        reporting.report(store, task.id, [0], reply_key=reply_key)

    assert keys_in_use(client) == []


def test_a_late_duplicate_after_the_end_does_not_bring_the_bitmap_back(store: Store, client: Redis) -> None:
    task = start_done(store, 3)

    late = reporting.report(store, task.id, [0], [(0, 3)])

    assert (late.fresh, late.completed_task, late.state) == (0, False, State.DONE)
    assert client.exists(keys.bitmap(task.id)) == 0


@pytest.mark.parametrize("count", BYTE_BORDERS)
def test_a_step_beyond_the_last_is_refused_and_the_task_still_completes(store: Store, count: int) -> None:
    task = start(store, count)

    for beyond in (count, count + 1, count + 8):
        with pytest.raises(InvalidInput, match=rf"step {beyond} .* 0 to {count - 1}"):
            reporting.report(store, task.id, [beyond])

    assert reporting.report(store, task.id, ranges=[(0, count)]).completed_task


@pytest.mark.parametrize("wrong", [(0, 4), (2, 4), (3, 5), (-1, 2)])
def test_a_range_out_of_the_task_changes_nothing(store: Store, wrong: tuple[int, int]) -> None:
    task = start(store, 3)

    with pytest.raises(InvalidInput):
        reporting.report(store, task.id, [0], [(1, 2), wrong])

    assert now(store, task).done_steps == 0
    assert lifecycle.get_task(store, task.id).reading == Reading(first_gap=0, set_bits=1)


@pytest.mark.parametrize("step", [10**15, 2**63, 10**30, -(10**30)])
def test_a_step_of_any_size_is_named_as_it_was_given(store: Store, step: int) -> None:
    task = start(store, 3)

    with pytest.raises(InvalidInput, match=rf"step {step} is not a step of task {task.id}: .* 0 to 2"):
        reporting.report(store, task.id, [0, step])


def test_a_step_far_out_allocates_nothing(store: Store, client: Redis) -> None:
    task = start(store, 3)

    with pytest.raises(InvalidInput, match="4294967295"):
        reporting.report(store, task.id, [2**32 - 1])

    assert client.strlen(keys.bitmap(task.id)) == 1


@pytest.mark.parametrize("count", [-1, 1001, 2**32 - 1])
def test_a_count_out_of_bounds_is_refused_before_anything_is_allocated(
    store: Store, client: Redis, count: int
) -> None:
    with pytest.raises(InvalidInput, match=f"count is {count}; it must be 0 to 1000"):
        lifecycle.start(store, TaskSpec(count), ttls=TTLS, max_steps=1000)

    assert keys_in_use(client) == []


@pytest.mark.parametrize("count", BYTE_BORDERS)
def test_an_all_ones_bitmap_reads_as_its_length(store: Store, client: Redis, count: int) -> None:
    task = start(store, count)
    set_by_other_hands(client, task, *range(count))

    reading = lifecycle.get_task(store, task.id).reading

    assert reading == Reading(first_gap=count + 1, set_bits=count + 1)
    assert reading.done


@pytest.mark.parametrize("count", BYTE_BORDERS)
def test_a_bitmap_filled_by_other_hands_is_found_done(store: Store, client: Redis, count: int) -> None:
    task = start(store, count)
    set_by_other_hands(client, task, *range(count))

    recounted = reporting.recount(store, task)

    assert (recounted.completed_task, recounted.state) == (True, State.DONE)


def test_a_bit_beyond_the_end_set_by_other_hands_ends_nothing_early(store: Store, client: Redis) -> None:
    task = start(store, 3)
    set_by_other_hands(client, task, 5)

    recounted = reporting.recount(store, task)

    assert (recounted.completed_task, recounted.missing_steps) == (False, 3)


@pytest.mark.parametrize("count", BYTE_BORDERS)
@pytest.mark.parametrize("beyond", [2, 3, 8, 100])
def test_bits_beyond_the_end_marker_do_not_keep_a_task_from_its_end(
    store: Store, client: Redis, count: int, beyond: int
) -> None:
    task = start(store, count)
    set_by_other_hands(client, task, count + beyond, count + beyond + 1)
    kept = reporting.report(store, task.id, ranges=[(0, count)])

    recounted = reporting.recount(store, task)

    assert not kept.completed_task
    assert (recounted.completed_task, recounted.state, recounted.missing_steps) == (True, State.DONE, 0)


def test_a_task_cleared_of_bits_beyond_its_end_marker_keeps_its_life(store: Store, client: Redis) -> None:
    task = start(store, 3)
    set_by_other_hands(client, task, 5, 90)
    reporting.report(store, task.id, [0, 1, 2])
    life = client.pttl(keys.bitmap(task.id))
    client.hset(keys.record(task.id), "state", "cancelled")  # so that the recount ends nothing

    reporting.recount(store, task)

    assert 0 < client.pttl(keys.bitmap(task.id)) <= life
    assert client.get(keys.bitmap(task.id)) == bytes([0b1111_0000])


@pytest.mark.parametrize("count", BYTE_BORDERS)
def test_the_end_marker_stands_when_start_returns(store: Store, client: Redis, count: int) -> None:
    task = start(store, count)

    assert client.getbit(keys.bitmap(task.id), count) == 1
    assert client.bitcount(keys.bitmap(task.id)) == 1


@pytest.mark.parametrize("count", BYTE_BORDERS)
def test_finished_steps_from_the_first_on_are_not_yet_all(store: Store, count: int) -> None:
    task = start(store, count + 1)

    reports = [reporting.report(store, task.id, [step]) for step in range(count)]

    assert not any(report.completed_task for report in reports)
    assert now(store, task).missing_steps == 1


@pytest.mark.parametrize("count", BYTE_BORDERS)
def test_a_counter_that_lies_does_not_end_a_task_that_the_rule_calls_open(
    store: Store, client: Redis, count: int
) -> None:
    task = start(store, count + 1)
    client.hset(keys.record(task.id), "left", 1)

    report = reporting.report(store, task.id, [0])

    assert (report.completed_task, report.missing_steps) == (False, count)


def test_two_who_report_the_last_step_at_once_do_not_both_complete_it(real_store: Store) -> None:
    tasks = [start(real_store, 2) for _ in range(60)]
    reports = [(task.id, step) for task in tasks for step in (0, 0, 1, 1)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda report: reporting.report(real_store, report[0], [report[1]]), reports))

    completed = [
        task_id for (task_id, _), answer in zip(reports, answers, strict=True) if answer.completed_task
    ]
    assert sorted(completed) == sorted(task.id for task in tasks)


def test_two_who_start_one_id_at_once_do_not_both_make_it(real_store: Store) -> None:
    def attempt(number: int) -> bool:
        return lifecycle.start(
            real_store, TaskSpec(2), task_id=f"shared-{number // 4}", ttls=TTLS, max_steps=2
        ).fresh

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(attempt, range(160)))

    assert sum(made) == 40
