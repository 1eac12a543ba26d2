"""Exporting a whole bitmap: raw, roaring, or one user per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pyroaring import BitMap

from donebit.activity.site import Site
from donebit.activity.transfer import formats
from donebit.activity.transfer.formats import Format, lines_length
from donebit.activity.users.id_mapping import names_of
from donebit.activity.users.ids import UserKind
from donebit.errors import InvalidInput
from donebit.store.bitmaps import Bitmap

SEGMENTS_A_CALL = 16  # 2 MB a round trip
USERS_A_PIECE = 50_000  # half a megabyte of lines


@dataclass(frozen=True, slots=True)
class Export:
    """The bytes, in pieces as they are produced, and their number.

    The server ends a response cleanly whose generator raises, so without the number a client would take an
    export that Redis broke off for a whole one.
    """

    pieces: Iterator[bytes]
    length: int


def export(site: Site, bitmap: Bitmap, kind: UserKind | None, form: Format) -> Export:
    """One bitmap in one format; a bitmap that does not exist is empty.

    It is read a few segments at a time, so it may contain a part of the visits that arrive meanwhile.

    Raises:
        InvalidInput: the users are texts and the format is bits, which mean nothing elsewhere.
    """
    if kind not in (None, UserKind.INTEGERS) and form is not Format.IDS:
        raise InvalidInput(
            f"{bitmap.name} holds {kind}, whose bits mean nothing elsewhere; format must be ids",
            field="format",
        )
    (numbers,) = site.store.bitmaps.segments([bitmap])
    if form is Format.IDS:
        return _lines(site, kind or UserKind.INTEGERS, formats.numbers_in(_segments(site, bitmap, numbers)))
    if form is Format.ROARING:
        whole = formats.roaring_of(_segments(site, bitmap, numbers))
        return Export(iter([whole]), len(whole))
    return _raw(site, bitmap, numbers)


def _segments(site: Site, bitmap: Bitmap, numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(numbers), SEGMENTS_A_CALL):
        part = numbers[start : start + SEGMENTS_A_CALL]
        yield from zip(part, site.store.bitmaps.packed(bitmap, part), strict=True)


def _raw(site: Site, bitmap: Bitmap, numbers: Sequence[int]) -> Export:
    """The raw bytes with their length, so that a client notices a cut; later users are left out."""
    ends = zip(reversed(numbers), _backwards(site, bitmap, numbers), strict=True)
    length = next((formats.raw_length(number, end) for number, end in ends if any(end)), 0)
    return Export(formats.raw_of(length, _segments(site, bitmap, numbers)), length)


def _backwards(site: Site, bitmap: Bitmap, numbers: Sequence[int]) -> Iterator[bytes]:
    for number in reversed(numbers):
        yield from site.store.bitmaps.packed(bitmap, [number])


def _lines(site: Site, kind: UserKind, users: BitMap) -> Export:
    """One user per line, of a bitmap that is read already.

    Integers are written without Redis. The ids of numbers are read twice, once for the length alone: they
    would not fit into memory. A user erased in between makes the export shorter than it says, as a failure
    of Redis does.
    """
    if kind is UserKind.INTEGERS:
        return Export(
            ("\n".join([*map(str, part), ""]).encode() for part in _batches(users)), lines_length(users)
        )

    def pieces() -> Iterator[bytes]:
        for part in _batches(users):
            yield "".join(json.dumps(name) + "\n" for name in names_of(site, kind, part)).encode()

    return Export(pieces(), sum(map(len, pieces())))


def _batches(users: BitMap) -> Iterator[list[int]]:
    ascending = iter(users)
    while part := list(islice(ascending, USERS_A_PIECE)):
        yield part
