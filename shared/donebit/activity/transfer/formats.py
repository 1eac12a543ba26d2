"""Converting a bitmap between its segments and one sequence of bytes, raw or roaring.

Raw is the layout of SETBIT: bit n of the whole, the highest of each byte first, is user n. Roaring is the
portable format of RoaringFormatSpec (https://github.com/RoaringBitmap/RoaringFormatSpec).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial
from itertools import pairwise

import numpy as np
from pyroaring import BitMap

from donebit.activity.transfer import roaring
from donebit.activity.transfer.roaring import Container
from donebit.activity.users.ids import Ids
from donebit.errors import InvalidInput
from donebit.store.bitmaps import FULL_BYTES, SEGMENT_BITS, bits_of

# For each segment a function that gives its bytes: all of them at once may not fit into memory.
Parts = Mapping[int, Callable[[], bytes]]


class Format(StrEnum):
    RAW = "raw"
    ROARING = "roaring"
    IDS = "ids"  # one user per line, as JSON


def raw_length(last: int, packed: bytes) -> int:
    """The length in bytes of a raw bitmap with this last segment, without zero bytes at the end."""
    return last * FULL_BYTES + len(packed.rstrip(b"\0"))


def raw_of(length: int, segments: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    """The raw bitmap of `length` bytes; segments must ascend, and missing ones are zeros."""
    at = 0
    for number, packed in segments:
        while at < number * FULL_BYTES:
            yield bytes(FULL_BYTES)
            at += FULL_BYTES
        part = packed.ljust(FULL_BYTES, b"\0")[: length - at]
        yield part
        at += len(part)


def parts_of_raw(body: bytes) -> Parts:
    """Divide a raw bitmap into segments. Raises InvalidInput for one with bits beyond the largest id."""
    if len(body) > 2**29 and any(body[2**29 :]):
        raise InvalidInput("a raw bitmap has at most 536870912 bytes, a bit for each id", field="body")
    numbers = range(-(-len(body) // FULL_BYTES))
    cut = {n: body[n * FULL_BYTES : (n + 1) * FULL_BYTES] for n in numbers}
    return {n: partial(bytes.ljust, part, FULL_BYTES, b"\0") for n, part in cut.items() if any(part)}


def numbers_in(segments: Iterable[tuple[int, bytes]]) -> BitMap:
    """The numbers of the bits that are set in these segments, held compactly."""
    numbers = BitMap()
    for number, packed in segments:
        numbers |= BitMap((bits_of(packed) + number * SEGMENT_BITS).astype(np.uint32))
    numbers.run_optimize()
    return numbers


def roaring_of(segments: Iterable[tuple[int, bytes]]) -> bytes:
    """The roaring bitmap of these segments."""
    return bytes(numbers_in(segments).serialize())


def lines_length(numbers: BitMap) -> int:
    """How many bytes these numbers take in decimal, each with a line break after it."""
    starts = [0, *(10**digits for digits in range(1, 11))]
    return sum(
        numbers.range_cardinality(start, min(stop, 2**32)) * (digits + 1)
        for digits, (start, stop) in enumerate(pairwise(starts), 1)
    )


def parts_of_roaring(body: bytes) -> Parts:
    """Divide a roaring bitmap into segments. Raises InvalidInput for malformed bytes."""
    of_segment: dict[int, list[Container]] = defaultdict(list)
    for container in roaring.containers(body):
        ids = container.ids(body)
        for number in sorted({int(ids[0]) // SEGMENT_BITS, int(ids[-1]) // SEGMENT_BITS}):
            of_segment[number].append(container)
    return {number: partial(_packed, body, number, parts) for number, parts in of_segment.items()}


def _packed(body: bytes, number: int, containers: Sequence[Container]) -> bytes:
    """The bytes of a segment; a container at its end may continue in the next segment."""
    flags, first = np.zeros(SEGMENT_BITS, np.uint8), number * SEGMENT_BITS
    for container in containers:
        ids = container.ids(body) - first
        flags[ids[(ids >= 0) & (ids < SEGMENT_BITS)]] = 1
    return np.packbits(flags).tobytes()


def ids_of(number: int, packed: bytes) -> Ids:
    """The ids of the users in a segment's bytes, ascending."""
    return (bits_of(packed) + number * SEGMENT_BITS).astype(np.uint32)
