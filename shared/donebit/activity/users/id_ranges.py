"""Users named singly and by range, cut into the segments that their bits are in."""

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
    """Raise InvalidInput for a range that is empty, or leaves the ids that there can be."""
    for start, stop in ranges:
        if not 0 <= start < stop <= LARGEST_ID + 1:
            raise InvalidInput(
                f"the range [{start}, {stop}] is half open: it needs 0 <= start < stop <= {LARGEST_ID + 1}",
                field=field,
            )


def merged(ranges: Iterable[Sequence[int]]) -> list[Range]:
    """The same users, as ranges that neither overlap nor touch, ascending."""
    found: list[Range] = []
    for start, stop in sorted(map(tuple, ranges)):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


class SegmentRanges(NamedTuple):
    """The users of one segment: bits within it, and ranges of bits."""

    bits: npt.NDArray[np.uint32]
    ranges: list[Range]

    def marks(self, segment: int) -> Marks:
        """What is sent of them."""
        if len(self.bits) <= MOST_SINGLE_BITS and len(self.ranges) <= MOST_RANGES:
            return Marks(segment, self.bits.tolist(), self.ranges)
        return Marks(segment, packed=self.packed())

    def packed(self) -> bytes:
        """The bytes of the whole segment."""
        flags = np.zeros(SEGMENT_BITS, np.uint8)
        flags[self.bits] = 1
        for start, stop in self.ranges:
            flags[start:stop] = 1
        return np.packbits(flags).tobytes()


def parts_of(ids: Ids, ranges: Iterable[Sequence[int]] = ()) -> dict[int, SegmentRanges]:
    """The users of each segment that is touched, ascending."""
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
