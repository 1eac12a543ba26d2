"""How a task's steps are cut into messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST_MESSAGES = 250  # a message costs about 0.8 ms to publish and to take; more of them only cost more
LARGEST_FANOUT = 100_000  # with a batch of the caller's own


@dataclass(frozen=True, slots=True)
class Slice:
    """Steps `start` to `stop`, half open: what one message asks for."""

    start: int
    stop: int


def batch_size(count: int, batch: int | None) -> int:
    """Steps a message: one up to 250 steps, above that as many as make at most 250 messages."""
    return batch or -(-count // MOST_MESSAGES)


def slices(ranges: Iterable[tuple[int, int]], size: int) -> Iterator[Slice]:
    """Cut half-open ranges into slices of at most `size` steps."""
    for start, stop in ranges:
        for first in range(start, stop, size):
            yield Slice(first, min(first + size, stop))
