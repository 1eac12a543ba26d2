"""A directory in shards: which of them an id is in, and which numbers each of them gives.

On a cluster a directory is cut in shards, each in a slot of its own. An id is in the shard that the hash of
its field says. The numbers are cut in buckets of 64, which the shards have in turns: so the bits of all
shards together are about as dense as those of one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from hashlib import shake_128
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from donebit.store.id_numbers import Field, Numbers, Places, parts
from donebit.store.text_ids import as_fields

# A list this short is kept as one string: 19 bytes a UUID, where a hash of all would take 60. Where an id
# was that is erased, it holds an empty text.
BUCKET = 64
WORD = 4  # bytes; rows have a multiple of it
OF_A_CLUSTER = 64  # shards; fewer than so many primaries would not share them evenly
# The name of a shard in keys. It has all that says where an id is, so that a key can be read by itself.
SHARD_NAME = re.compile(r"(?P<directory>[a-z]+)-(?P<shard>\d+)/(?P<shards>\d+)")

Id = TypeVar("Id")
Rows = npt.NDArray[np.uint8]  # (ids, bytes): of ids that have as many bytes each
Kept = Rows | Sequence[Field]  # ids as a directory keeps them
# The shard of each of some ids; numpy sorts longer numbers five times as long.
Shards = npt.NDArray[np.uint16]


class IdPart(NamedTuple):
    """Some ids of one shard, as they are kept, and where they stand among all that are asked about."""

    shard: int
    places: Places
    ids: Kept


class Directory(NamedTuple):
    """A directory as it is kept.

    Attributes:
        name: in keys
        shards: how many it has; with one it is in no shards
    """

    name: str
    shards: int

    @property
    def names(self) -> Sequence[str]:
        """The name of each shard in keys."""
        return _names(self)

    def name_at(self, bucket: int) -> str:
        """The name of the shard that has the ids of a bucket."""
        return self.names[bucket % self.shards]

    def bucket_at(self, shard: int, place: int) -> int:
        """The bucket of a shard's n-th number."""
        return place // BUCKET * self.shards + shard

    def number_at(self, shard: int, place: int) -> int:
        """The n-th number of a shard."""
        return self.bucket_at(shard, place) * BUCKET + place % BUCKET

    def numbers_at(self, shard: int, places: range) -> Numbers:
        """The numbers that a shard gives in a row."""
        local = np.arange(places.start, places.stop, dtype=np.uint32)
        if self.shards == 1:
            return local
        return (local // BUCKET * self.shards + shard) * BUCKET + local % BUCKET

    def ids_at_once(self, most: int) -> int:
        """Of how many ids hardly any shard has more than so many, and each about as many."""
        return most if self.shards == 1 else most * self.shards * 7 // 8

    def shards_of(self, ids: Kept) -> Shards:
        """The shard of each id."""
        if self.shards == 1:
            return np.zeros(len(ids), np.uint16)
        return (hashes_of(ids) * np.uint64(self.shards) >> np.uint64(32)).astype(np.uint16)

    def shards_with(self, ids: Sequence[Id], kept: Callable[[Sequence[Id]], Kept]) -> Collection[int]:
        """The shards that few ids are in, each once; of many ids all shards.

        Args:
            kept: ids as a directory keeps them
        """
        if len(ids) >= self.shards:
            return range(self.shards)
        return set(self.shards_of(kept(ids)).tolist())


@cache
def _names(directory: Directory) -> Sequence[str]:
    if directory.shards == 1:
        return (directory.name,)
    return tuple(f"{directory.name}-{shard}/{directory.shards}" for shard in range(directory.shards))


def in_parts(
    directory: Directory, ids: Sequence[Id], size: int, kept: Callable[[Sequence[Id]], Kept]
) -> Iterator[IdPart]:
    """The ids by their shards, at most so many of one shard at a time.

    Args:
        kept: ids as a directory keeps them
    """
    at_once = directory.ids_at_once(size)
    for start in range(0, len(ids), at_once):
        some = kept(ids[start : start + at_once])
        if directory.shards == 1:
            yield IdPart(0, np.arange(start, start + len(some)), some)
            continue
        for shard, places in by_shard(directory.shards_of(some)):
            for part in parts(places, size):
                yield IdPart(shard, start + part, taken(some, part))


def directory_in(name: str) -> Directory:
    """The directory of a name in keys, which may be that of a shard."""
    found = SHARD_NAME.fullmatch(name)
    return Directory(found["directory"], int(found["shards"])) if found else Directory(name, 1)


def by_shard(shards: Shards) -> Iterator[tuple[int, Places]]:
    """Where the ids of each shard stand among those whose shards these are; of those shards that have any."""
    order = np.argsort(shards, kind="stable")
    ends = np.cumsum(np.bincount(shards))
    for shard, (start, end) in enumerate(zip([0, *ends.tolist()], ends.tolist(), strict=False)):
        if start < end:
            yield shard, order[start:end]


def taken(ids: Kept, places: Places) -> Kept:
    """Those of the ids that stand at these places."""
    return ids[places] if isinstance(ids, np.ndarray) else [ids[place] for place in places.tolist()]


def fields_of(ids: Kept) -> Sequence[Field]:
    """The ids one by one; rows of them contiguous."""
    return as_fields(ids) if isinstance(ids, np.ndarray) else ids


def hashes_of(ids: Kept) -> npt.NDArray[np.uint64]:
    """A hash of each id, that of its bytes: the same for ever, and whichever others are asked about with it.

    The sum of its words of 32 bits, each times a constant, of which the high half is evenly spread (the
    multiply-shift for vectors of M. Thorup, "High Speed Hashing for Integers and Strings"). Zeros at the end
    add nothing, so ids may be filled up to the length of the longest.
    """
    if not isinstance(ids, np.ndarray):
        fields = [field.encode() if isinstance(field, str) else field for field in ids]
        width = -(-max(map(len, fields), default=0) // WORD) * WORD
        ids = np.frombuffer(b"".join([field.ljust(width, b"\0") for field in fields]), np.uint8)
        ids = ids.reshape(len(fields), width)
    words = ids.view("<u4").astype(np.uint64)
    return words @ _factors(words.shape[1]) >> np.uint64(32)


@cache
def _factors(words: int) -> npt.NDArray[np.uint64]:
    """Numbers without a pattern, the same for ever."""
    return np.frombuffer(shake_128(b"directories of Donebit").digest(8 * words), "<u8").astype(np.uint64)
