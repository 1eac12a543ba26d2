"""A task's bitmap as bytes: all its bits, or shades that each stand for many steps of a large task."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from donebit.completion import lifecycle
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.store import Store

CHUNK_BYTES = 256 * 1024  # so that one GETRANGE never blocks the server for long
MAX_SINGLE_STEPS = 1_000_000  # shown one by one; of a larger task one shade stands for many
MAX_SHADES = 250_000


def bitmap_bytes(store: Store, task: Task) -> bytes:
    """The bitmap with its end marker, bits 0..N, padded with zeros to whole bytes.

    It is made from the count once the task is done and its bitmap dropped.

    Raises:
        NotFound: the task is gone.
    """
    if task.state is State.DONE:
        return np.packbits(np.ones(task.count + 1, np.uint8)).tobytes()
    bits = store.tasks.bitmap_bytes(task.id, 0, task.count // 8 + 1)
    if not bits:  # done, or gone, since the task was read
        return bitmap_bytes(store, lifecycle.get_task(store, task.id).task)
    return bits


def done_bits(store: Store, task: Task) -> bytes:
    """The bitmap as `bitmap_bytes` gives it, read in chunks; all zeros when it is gone."""
    size = task.count // 8 + 1
    parts = (
        store.tasks.bitmap_bytes(task.id, first, min(first + CHUNK_BYTES, size))
        for first in range(0, size, CHUNK_BYTES)
    )
    return b"".join(parts).ljust(size, b"\0")


def failed_bits(store: Store, task: Task) -> bytes:
    """A bitmap of the failed steps, bits 0..N, padded with zeros to whole bytes."""
    size = task.count // 8 + 1
    parts = (
        store.failures.failed_bytes(task.id, first, min(first + CHUNK_BYTES, size)).ljust(
            min(CHUNK_BYTES, size - first), b"\0"
        )
        for first in range(0, size, CHUNK_BYTES)
    )
    return b"".join(parts)


def steps_per_shade(count: int) -> int:
    """How many steps one shade stands for: 1 up to a million steps, else a multiple of 8."""
    if count <= MAX_SINGLE_STEPS:
        return 1
    return 8 * -(-count // (8 * MAX_SHADES))


def shades(bits: bytes, count: int, steps: int) -> bytes:
    """How many steps of each group are done, as one byte per group: 0 only for none, 255 only for all.

    Args:
        bits: the task's bitmap.
        count: the task's number of steps.
        steps: the size of a group, a multiple of 8.
    """
    size = -(-count // steps)
    known: npt.NDArray[np.uint8] = np.zeros(size * steps // 8, np.uint8)
    read = np.frombuffer(bits, np.uint8)[: -(-count // 8)]
    known[: len(read)] = read
    if count % 8:  # the end marker, and the bits after it
        known[count // 8] &= 0xFF << (8 - count % 8) & 0xFF
    # Column by column: along rows as short as these numpy's own sum is ten times as slow.
    counts = np.bitwise_count(known).reshape(size, steps // 8)
    full = np.zeros(size, np.int64)
    for column in range(steps // 8):
        full += counts[:, column]
    sizes = np.full(size, steps, np.int64)
    sizes[-1] = count - (size - 1) * steps
    shade = np.where(full == sizes, 255, np.minimum(-(-full * 255 // sizes), 254))
    return shade.astype(np.uint8).tobytes()
