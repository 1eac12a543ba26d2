"""A task's bitmap as bytes: whole, or summed up where there are more steps than anybody can see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from donebit.completion import lifecycle
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.store import Store

CHUNK_BYTES = 256 * 1024  # one GETRANGE never holds the server up
ONE_BY_ONE = 1_000_000  # steps that are shown one by one; beyond, many are one shade
MOST_SHADES = 250_000


def whole(store: Store, task: Task) -> bytes:
    """Bits 0..N and zero padding; made from the count once the task is done and its bitmap dropped.

    Raises NotFound when the task has gone.
    """
    if task.state is State.DONE:
        return np.packbits(np.ones(task.count + 1, np.uint8)).tobytes()
    bits = store.tasks.bitmap_bytes(task.id, 0, task.count // 8 + 1)
    if not bits:  # done, or gone, since the look
        return whole(store, lifecycle.get_task(store, task.id).task)
    return bits


def done_bits(store: Store, task: Task) -> bytes:
    """Bits 0..N with zero padding, read a chunk at a time, as it stands; all zeros when it is gone."""
    size = task.count // 8 + 1
    parts = (
        store.tasks.bitmap_bytes(task.id, first, min(first + CHUNK_BYTES, size))
        for first in range(0, size, CHUNK_BYTES)
    )
    return b"".join(parts).ljust(size, b"\0")


def failed_bits(store: Store, task: Task) -> bytes:
    """The same of the steps that gave up."""
    size = task.count // 8 + 1
    parts = (
        store.failures.failed_bytes(task.id, first, min(first + CHUNK_BYTES, size)).ljust(
            min(CHUNK_BYTES, size - first), b"\0"
        )
        for first in range(0, size, CHUNK_BYTES)
    )
    return b"".join(parts)


def steps_a_shade(count: int) -> int:
    """How many steps one shade stands for: 1 up to a million steps, else whole bytes of them."""
    if count <= ONE_BY_ONE:
        return 1
    return 8 * -(-count // (8 * MOST_SHADES))


def shades(bits: bytes, count: int, steps: int) -> bytes:
    """How full each run of `steps` steps is, 0 to 255: 0 only for none of them, 255 only for all.

    Args:
        steps: a multiple of 8
    """
    size = -(-count // steps)
    known: npt.NDArray[np.uint8] = np.zeros(size * steps // 8, np.uint8)
    read = np.frombuffer(bits, np.uint8)[: -(-count // 8)]
    known[: len(read)] = read
    if count % 8:  # the end marker, and what is behind it
        known[count // 8] &= 0xFF << (8 - count % 8) & 0xFF
    # Column by column: along rows as short as these numpy's own sum is ten times as slow.
    counts = np.bitwise_count(known).reshape(size, steps // 8)
    full = np.zeros(size, np.int64)
    for column in range(steps // 8):
        full += counts[:, column]
    of = np.full(size, steps, np.int64)
    of[-1] = count - (size - 1) * steps
    shade = np.where(full == of, 255, np.minimum(-(-full * 255 // of), 254))
    return shade.astype(np.uint8).tobytes()
