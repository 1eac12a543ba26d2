"""Which steps are missing, read from the bitmap as ranges, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.store import Store

CHUNK_BYTES = 64 * 1024  # 524,288 steps: one GETRANGE never blocks the server for long

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class MissingPage:
    """Some missing ranges, half open and ascending, and the step to continue from, if there are more."""

    ranges: list[Range]
    next: int | None


def ranges_of_zeros(bits: bytes, start: int, stop: int, *, offset: int = 0) -> list[Range]:
    """The runs of zeros among the bits `start` to `stop` (half open) of a bitmap.

    Args:
        bits: the bitmap from bit `offset` on, bit 0 the highest of its byte as Redis has it. What lies
            beyond its end is zero, as it is for Redis.
    """
    flags = np.unpackbits(np.frombuffer(bits, np.uint8), count=stop - offset if bits else 0)
    window = np.zeros(stop - start + 2, np.int8)
    window[1:-1] = 1
    known = flags[start - offset :]
    window[1 : 1 + len(known)] -= known.astype(np.int8)
    edges: npt.NDArray[np.intp] = np.flatnonzero(np.diff(window))
    return [(start + int(a), start + int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def ranges_in(bits: bytes, start: int, stop: int) -> list[Range]:
    """The runs of zeros among the bits `start` to `stop` (half open) of a task's bitmap.

    Args:
        bits: the bitmap from the byte of bit `start` on. Empty when it is gone: then no step is missing, for
            while it exists its end marker follows every step.
    """
    return ranges_of_zeros(bits, start, stop, offset=start // 8 * 8) if bits else []


def bitwise_or(bits: bytes, others: bytes) -> bytes:
    """Bitwise OR of two bitmaps, as long as the first, which must be the longer."""
    known = np.frombuffer(bits, np.uint8).copy()
    known[: len(others)] |= np.frombuffer(others, np.uint8)[: len(known)]
    return known.tobytes()


def iterate(store: Store, task: Task, start: int, stop: int) -> Iterator[Range]:
    """The half-open ranges of missing steps (neither done nor given up) from `start` to `stop`, ascending.

    They end early if the bitmap disappears meanwhile, because the task is done or deleted.
    """
    pending: Range | None = None
    for first in range(start // 8 * 8, stop, CHUNK_BYTES * 8):
        after = min(first + CHUNK_BYTES * 8, stop)
        bits = store.tasks.bitmap_bytes(task.id, first // 8, (after + 7) // 8)
        if not bits:
            return
        if task.failed_steps:
            bits = bitwise_or(bits, store.failures.failed_bytes(task.id, first // 8, (after + 7) // 8))
        for low, high in ranges_in(bits, max(first, start), after):
            if pending and pending[1] == low:
                pending = (pending[0], high)
                continue
            if pending:
                yield pending
            pending = (low, high)
    if pending:
        yield pending


def list_missing(store: Store, task: Task, *, after: int = 0, limit: int) -> MissingPage:
    """Up to `limit` missing ranges, from step `after` on."""
    found: list[Range] = []
    if task.state is State.DONE or after >= task.count:
        return MissingPage(found, None)
    for low, high in iterate(store, task, after, task.count):
        if len(found) == limit:
            return MissingPage(found, low)
        found.append((low, high))
    return MissingPage(found, None)
