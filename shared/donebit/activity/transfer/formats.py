"""A bitmap over users as one piece of bytes, raw or roaring, and back again, a segment at a time.

Raw is what SETBIT makes: bit n of the whole, the highest of each byte first, is user n. Roaring is the
portable format of RoaringFormatSpec (https://github.com/RoaringBitmap/RoaringFormatSpec).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial

import numpy as np
from pyroaring import BitMap

from donebit.activity.transfer import roaring
from donebit.activity.transfer.roaring import Container
from donebit.activity.users.ids import Ids
from donebit.errors import InvalidInput
from donebit.store.bitmaps import FULL_BYTES, SEGMENT_BITS, bits_of

# Each segment, and what gives the bytes of its bitmap: made when it is written, as all may be too many.
Parts = Mapping[int, Callable[[], bytes]]


class Format(StrEnum):
    RAW = "raw"
    ROARING = "roaring"
    IDS = "ids"  # a user a line, as JSON


def raw_length(last: int, packed: bytes) -> int:
    """How many bytes the raw bitmap has, of which the last segment is this; none at its end is zero."""
    return last * FULL_BYTES + len(packed.rstrip(b"\0"))


def raw_of(length: int, segments: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    """The raw bitmap of that length, of segments ascending; those in between that are absent are zeros."""
    at = 0
    for number, packed in segments:
        while at < number * FULL_BYTES:
            yield bytes(FULL_BYTES)
            at += FULL_BYTES
        part = packed.ljust(FULL_BYTES, b"\0")[: length - at]
        yield part
        at += len(part)


def parts_of_raw(body: bytes) -> Parts:
    """Cut a raw bitmap into segments. Raises InvalidInput for one that reaches beyond what ids can be."""
    if len(body) > 2**29 and any(body[2**29 :]):
        raise InvalidInput("a raw bitmap has at most 536870912 bytes, a bit for each id", field="body")
    numbers = range(-(-len(body) // FULL_BYTES))
    cut = {n: body[n * FULL_BYTES : (n + 1) * FULL_BYTES] for n in numbers}
    return {n: partial(bytes.ljust, part, FULL_BYTES, b"\0") for n, part in cut.items() if any(part)}


def roaring_of(segments: Iterable[tuple[int, bytes]]) -> bytes:
    """The same users as a roaring bitmap."""
    users = BitMap()
    for number, packed in segments:
        users |= BitMap((bits_of(packed) + number * SEGMENT_BITS).astype(np.uint32))
    users.run_optimize()
    return bytes(users.serialize())


def parts_of_roaring(body: bytes) -> Parts:
    """Cut a roaring bitmap into segments. Raises InvalidInput for bytes that are none."""
    found: dict[int, list[Container]] = defaultdict(list)
    for container in roaring.containers(body):
        ids = container.ids(body)
        for number in sorted({int(ids[0]) // SEGMENT_BITS, int(ids[-1]) // SEGMENT_BITS}):
            found[number].append(container)
    return {number: partial(_packed, body, number, parts) for number, parts in found.items()}


def _packed(body: bytes, number: int, containers: Sequence[Container]) -> bytes:
    """The bytes of a segment; a container at its border has a part in the next."""
    flags, first = np.zeros(SEGMENT_BITS, np.uint8), number * SEGMENT_BITS
    for container in containers:
        ids = container.ids(body) - first
        flags[ids[(ids >= 0) & (ids < SEGMENT_BITS)]] = 1
    return np.packbits(flags).tobytes()


def ids_of(number: int, packed: bytes) -> Ids:
    """The users of a segment's bytes."""
    return (bits_of(packed) + number * SEGMENT_BITS).astype(np.uint32)
