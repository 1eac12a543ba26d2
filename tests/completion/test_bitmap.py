"""A task's bitmap as bytes: as it stands, and summed up to shades."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donebit.completion import bitmap, failing, lifecycle, reporting
from donebit.store import Store
from tests.completion.arranged import start, start_done


def bits_of(steps: set[int], size_bytes: int) -> bytes:
    """A bitmap with these bits, as Redis keeps it."""
    number = sum(1 << (size_bytes * 8 - 1 - step) for step in steps)
    return number.to_bytes(size_bytes, "big")


@pytest.mark.parametrize("count", [1, 7, 8, 9, 15, 16, 17, 30])
def test_done_and_failed_bits_come_with_end_marker_and_padding(
    store: Store, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(bitmap, "CHUNK_BYTES", 2)
    task = start(store, count=count, task_id="t")
    last = count - 1
    if count > 1:
        reporting.report(store, "t", [0])
    failing.fail(store, "t", last, "no")

    done, failed = bitmap.done_bits(store, task), bitmap.failed_bits(store, task)

    size = count // 8 + 1
    assert done == bits_of({0, count} if count > 1 else {count}, size)
    assert failed == bits_of({last}, size)


def test_a_task_without_failures_has_zeros_for_them(store: Store) -> None:
    assert bitmap.failed_bits(store, start(store, count=20)) == bytes(3)


def test_the_bitmap_of_a_done_task_is_made_from_its_count(store: Store) -> None:
    start_done(store, task_id="t")
    task = lifecycle.get_task(store, "t").task

    assert bitmap.bitmap_bytes(store, task) == bits_of(set(range(task.count + 1)), task.count // 8 + 1)


@pytest.mark.parametrize(
    ("count", "steps"), [(1, 1), (1_000_000, 1), (1_000_001, 8), (2_000_001, 16), (100_000_000, 400)]
)
def test_a_shade_stands_for_whole_bytes_of_steps_beyond_a_million(count: int, steps: int) -> None:
    assert bitmap.steps_per_shade(count) == steps


@given(
    count=st.integers(1, 200),
    steps=st.sampled_from([8, 16, 24]),
    done=st.sets(st.integers(0, 199)),
)
def test_a_shade_is_how_full_its_steps_are(count: int, steps: int, done: set[int]) -> None:
    done = {step for step in done if step < count}
    bits = bits_of(done | {count}, count // 8 + 1)

    shades = bitmap.shades(bits, count, steps)

    runs = [range(first, min(first + steps, count)) for first in range(0, count, steps)]
    assert len(shades) == len(runs)
    for shade, run in zip(shades, runs, strict=True):
        full = len(done & {*run})
        assert (shade == 0, shade == 255) == (full == 0, full == len(run))
        assert abs(shade / 255 - full / len(run)) <= 1 / 255
