"""At which step each process of a worker is: memory that the main process can read at any moment.

A step may hold Python's interpreter lock for minutes, and its process then says nothing. Writing a number to
shared memory costs a step about 30 ns.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import MutableSequence
from datetime import timedelta

SLOTS = 1024  # processes of one worker
NO_STEP = -1
# By then a process that had begun a step before it could know that its worker ends has also written it down.
SETTLED_AFTER = timedelta(seconds=1.5)
WORDS_PER_SLOT, WORD_BYTES = 3, 8


class PositionBoard:
    """Made before the pool is forked. The first word says when the worker was asked to end, 0 before that."""

    def __init__(self) -> None:
        self._memory = memoryview(mmap.mmap(-1, (1 + SLOTS) * WORDS_PER_SLOT * WORD_BYTES)).cast("q")

    @property
    def is_ending(self) -> bool:
        """Whether the worker was asked to end: no step is begun any more."""
        return bool(self._memory[0])

    def end(self) -> None:
        """Note that the worker was asked to end, the first time only."""
        self._memory[0] = self._memory[0] or time.monotonic_ns()

    def settles_in(self) -> float:
        """In how many seconds messages can be sent that the ending worker itself must not take.

        Its last request to the broker for a message is answered within a second, and what that brings would
        be lost if the worker were killed then.
        """
        passed = timedelta(microseconds=(time.monotonic_ns() - self._memory[0]) // 1000)
        return max(0.0, (SETTLED_AFTER - passed).total_seconds()) if self.is_ending else 0.0

    def slot(self, index: int) -> MutableSequence[int]:
        """Where a process of the pool writes the step it is at.

        Args:
            index: of the process in its pool; a process of a higher one is at no step that anybody knows.
        """
        if not 0 <= index < SLOTS:
            return [NO_STEP]
        first = (1 + index) * WORDS_PER_SLOT
        self._memory[first], self._memory[first + 1] = NO_STEP, os.getpid()
        return self._memory[first : first + 1]  # type: ignore[return-value]  # a view of one item is one

    def permit_slot(self, index: int) -> MutableSequence[int]:
        """Where a process of the pool writes since when it has a permit (monotonic ns); 0 for none.

        Args:
            index: as of slot().
        """
        if not 0 <= index < SLOTS:
            return [0]
        at = (1 + index) * WORDS_PER_SLOT + 2
        return self._memory[at : at + 1]  # type: ignore[return-value]  # a view of one item is one

    def permits_by_pid(self) -> dict[int, int]:
        """Since when each process has a permit; those without are left out."""
        words = self._memory.tolist()
        first = WORDS_PER_SLOT + 1
        pairs = zip(words[first::WORDS_PER_SLOT], words[first + 1 :: WORDS_PER_SLOT], strict=True)
        return {pid: since for pid, since in pairs if pid and since}

    def steps_by_pid(self) -> dict[int, int]:
        """The step that each process is at; those between two messages are left out."""
        words = self._memory.tolist()
        first = WORDS_PER_SLOT
        pairs = zip(words[first::WORDS_PER_SLOT], words[first + 1 :: WORDS_PER_SLOT], strict=True)
        return {pid: step for step, pid in pairs if pid and step != NO_STEP}
