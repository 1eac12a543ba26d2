"""Which steps are missing, against a plain look at every bit."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from donebit.completion import lifecycle, missing, reporting
from donebit.completion.missing import Range, ranges_of_zeros
from donebit.store import Store, keys
from tests.completion.arranged import BYTE_BORDERS, missing_ranges, now, set_by_other_hands, start, start_done


def zeros_one_by_one(bits: bytes, start: int, stop: int) -> list[Range]:
    """The same, a bit at a time; what lies beyond the bytes is zero."""
    found: list[Range] = []
    for bit in range(start, stop):
        byte = bits[bit // 8] if bit // 8 < len(bits) else 0
        if byte & (0x80 >> bit % 8):
            continue
        if found and found[-1][1] == bit:
            found[-1] = (found[-1][0], bit + 1)
        else:
            found.append((bit, bit + 1))
    return found


@given(st.binary(max_size=12), st.integers(0, 100), st.integers(0, 100), st.integers(0, 3))
def test_ranges_of_zeros_agree_with_a_look_at_every_bit(
    bits: bytes, first: int, length: int, skipped_bytes: int
) -> None:
    offset = skipped_bytes * 8
    start, stop = offset + first, offset + first + length

    ranges = ranges_of_zeros(bits, start, stop, offset=offset)

    assert ranges == zeros_one_by_one(bytes(skipped_bytes) + bits, start, stop)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bytes a read, so that a task of some dozen steps has many borders."""
    monkeypatch.setattr(missing, "CHUNK_BYTES", 2)


@pytest.mark.parametrize("count", BYTE_BORDERS)
def test_nothing_done_is_one_range(store: Store, count: int) -> None:
    task = start(store, count)

    assert missing.list_missing(store, task, limit=10).ranges == [(0, count)]


@pytest.mark.parametrize("count", [border for border in BYTE_BORDERS if border > 1])
@pytest.mark.usefixtures("small_chunks")
def test_the_first_and_the_last_step_are_found_at_byte_borders(store: Store, count: int) -> None:
    task = start(store, count)
    reporting.report(store, task.id, ranges=[(1, count - 1)] if count > 2 else [])

    ranges = missing.list_missing(store, task, limit=10).ranges

    assert ranges == ([(0, 1), (count - 1, count)] if count > 2 else [(0, 2)])


@pytest.mark.usefixtures("small_chunks")
def test_a_range_over_many_chunks_is_one_range(store: Store) -> None:
    task = start(store, 100)
    reporting.report(store, task.id, [3, 97])

    assert list(missing.iterate(store, task, 0, 100)) == [(0, 3), (4, 97), (98, 100)]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("stop", [15, 16, 17, 31, 32, 33, 47])
@pytest.mark.parametrize("begin", [0, 1, 7, 8, 9, 14])
def test_a_part_of_the_task_is_read_across_chunk_borders(store: Store, begin: int, stop: int) -> None:
    task = start(store, 47)
    done = {0, 7, 8, 15, 16, 30, 31, 32, 46}
    reporting.report(store, task.id, sorted(done))

    ranges = list(missing.iterate(store, task, begin, stop))

    listed = [step for low, high in ranges for step in range(low, high)]
    assert listed == [step for step in range(begin, stop) if step not in done]
    assert all(earlier[1] < later[0] for earlier, later in pairwise(ranges))


def test_whole_chunks_of_a_large_task_are_read(real_store: Store) -> None:
    chunk = missing.CHUNK_BYTES * 8
    task = start(real_store, 3 * chunk)
    reporting.report(real_store, task.id, [5], ranges=[(chunk, 2 * chunk), (3 * chunk - 1, 3 * chunk)])

    ranges = list(missing.iterate(real_store, task, 0, task.count))

    assert ranges == [(0, 5), (6, chunk), (2 * chunk, 3 * chunk - 1)]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_pages_together_are_the_whole_and_each_is_within_its_limit(store: Store, limit: int) -> None:
    task = start(store, 60)
    reporting.report(store, task.id, [*range(0, 60, 5), *range(20, 36)])

    pages = [missing.list_missing(store, task, limit=limit)]
    while (after := pages[-1].next) is not None:
        pages.append(missing.list_missing(store, task, after=after, limit=limit))

    assert all(0 < len(page.ranges) <= limit for page in pages)
    assert [found for page in pages for found in page.ranges] == list(missing.iterate(store, task, 0, 60))


def test_a_page_that_holds_all_the_ranges_is_the_last(store: Store) -> None:
    task = start(store, 5)
    reporting.report(store, task.id, [1, 3])

    assert missing.list_missing(store, task, limit=3) == missing.MissingPage([(0, 1), (2, 3), (4, 5)], None)


@pytest.mark.parametrize("after", [5, 6, 10**12])
def test_nothing_is_missing_behind_the_last_step(store: Store, after: int) -> None:
    assert missing.list_missing(store, start(store, 5), after=after, limit=3) == missing.MissingPage([], None)


def test_nothing_is_missing_of_a_done_task(store: Store) -> None:
    assert missing.list_missing(store, start_done(store, 9), limit=3) == missing.MissingPage([], None)


def test_of_a_cancelled_task_its_missing_steps_are_known(store: Store) -> None:
    task = start(store, 9)
    reporting.report(store, task.id, [4])
    lifecycle.cancel(store, task.id)

    assert missing.list_missing(store, now(store, task), limit=3).ranges == [(0, 4), (5, 9)]


def test_steps_finished_by_other_hands_are_not_missing(store: Store, client: Redis) -> None:
    task = start(store, 9)
    set_by_other_hands(client, task, 0, 8)

    assert missing.list_missing(store, task, limit=3).ranges == [(1, 8)]


def test_a_task_that_is_done_between_the_look_and_the_read_misses_nothing(store: Store) -> None:
    looked_at = start(store, 9)
    reporting.report(store, looked_at.id, ranges=[(0, 9)])

    assert missing.list_missing(store, looked_at, limit=3) == missing.MissingPage([], None)


@pytest.mark.usefixtures("small_chunks")
def test_a_task_deleted_during_a_read_has_no_more_missing_steps(store: Store, client: Redis) -> None:
    task = start(store, 40)
    reporting.report(store, task.id, [1])

    reading = missing.iterate(store, task, 0, 40)
    first = next(reading)
    client.delete(keys.bitmap(task.id))

    assert (first, list(reading)) == ((0, 1), [])


@pytest.mark.parametrize("whole_bytes", [0, 4095, 4096, 4097, 8192, 10_000])
def test_a_range_of_any_length_is_marked_whole_and_nothing_beside_it(store: Store, whole_bytes: int) -> None:
    first, after = 13, 13 + 3 + 8 * whole_bytes + 5
    task = start(store, after + 20)

    report = reporting.report(store, task.id, ranges=[(first, after)])

    assert report.fresh == after - first
    assert missing_ranges(store, task) == [(0, first), (after, task.count)]
