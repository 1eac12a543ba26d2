"""Users named one by one and by range, divided into the segments of their bits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from donebit.activity.users.ids import LARGEST_ID, Ids, segments_of
from donebit.errors import InvalidInput
from donebit.store.bitmaps import SEGMENT_BITS
from donebit.store.flags import Marks

Range = tuple[int, int]  # half open

# Above either, the bytes of a whole segment cost less than a command for each.
MOST_SINGLE_BITS = 512
MOST_RANGES = 64

EMPTY = np.empty(0, np.uint32)


def check(ranges: Iterable[Sequence[int]], field: str = "ranges") -> None:
    """Raise InvalidInput for a range that is empty or out of bounds."""
    for start, stop in ranges:
        if not 0 <= start < stop <= LARGEST_ID + 1:
            raise InvalidInput(
                f"the range [{start}, {stop}] is half open: it needs 0 <= start < stop <= {LARGEST_ID + 1}",
                field=field,
            )


def merged(ranges: Iterable[Sequence[int]]) -> list[Range]:
    """The union of the ranges, as ranges that neither overlap nor touch, ascending."""
    union: list[Range] = []
    for start, stop in sorted(map(tuple, ranges)):
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(stop, union[-1][1]))
        else:
            union.append((start, stop))
    return union


class SegmentRanges(NamedTuple):
    """The users of one segment: bits within it, and ranges of bits."""

    bits: npt.NDArray[np.uint32]
    ranges: list[Range]

    def marks(self, segment: int) -> Marks:
        """What is sent to the store: single bits and ranges if there are few, else the packed bytes."""
        if len(self.bits) <= MOST_SINGLE_BITS and len(self.ranges) <= MOST_RANGES:
            return Marks(segment, self.bits.tolist(), self.ranges)
        return Marks(segment, packed=self.packed())

    def packed(self) -> bytes:
        """The segment's bitmap as bytes, one bit per id, the highest bit of each byte first."""
        flags = np.zeros(SEGMENT_BITS, np.uint8)
        flags[self.bits] = 1
        for start, stop in self.ranges:
            flags[start:stop] = 1
        return np.packbits(flags).tobytes()


def parts_of(ids: Ids, ranges: Iterable[Sequence[int]] = ()) -> dict[int, SegmentRanges]:
    """The users of each segment that has any, ascending by segment."""
    singles = dict(segments_of(ids)) if len(ids) else {}
    within = defaultdict[int, list[Range]](list)
    for start, stop in merged(ranges):
        for segment in range(start // SEGMENT_BITS, (stop - 1) // SEGMENT_BITS + 1):
            base = segment * SEGMENT_BITS
            within[segment].append((max(start - base, 0), min(stop - base, SEGMENT_BITS)))
    return {
        s: SegmentRanges(singles.get(s, EMPTY), within.get(s, []))
        for s in sorted(singles.keys() | within.keys())
    }
