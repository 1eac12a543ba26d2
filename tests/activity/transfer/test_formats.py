"""Bitmaps as bytes: what comes back is what was written, and what was tampered with is refused."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from donebit.activity.transfer import formats, roaring
from donebit.activity.users.ids import LARGEST_ID, segments_of
from donebit.errors import InvalidInput
from donebit.store.bitmaps import SEGMENT_BITS, bits_of

EDGES = [0, 7, 8, 65535, 65536, SEGMENT_BITS - 1, SEGMENT_BITS, 3 * SEGMENT_BITS - 1, LARGEST_ID]
SINGLE = st.sampled_from(EDGES).map(lambda edge: [edge])
SPANS = st.builds(
    lambda start, length, step: list(range(start, min(start + length, LARGEST_ID + 1), step)),
    st.sampled_from([0, 3, 65_000, SEGMENT_BITS - 5000, 2 * SEGMENT_BITS, LARGEST_ID - 9000]),
    st.integers(1, 9000),
    st.sampled_from([1, 1, 2, 7]),
)
USERS = st.lists(SINGLE | SPANS, min_size=1, max_size=5).map(
    lambda parts: sorted({user for part in parts for user in part})
)


def packed_segments(users: list[int]) -> list[tuple[int, bytes]]:
    found = []
    for number, bits in segments_of(np.array(users, np.uint32)):
        flags = np.zeros(SEGMENT_BITS, np.uint8)
        flags[bits] = 1
        found.append((number, np.packbits(flags).tobytes()))
    return found


def users_of(parts: formats.Parts) -> list[int]:
    return [int(bit) + number * SEGMENT_BITS for number in sorted(parts) for bit in bits_of(parts[number]())]


@settings(max_examples=60, deadline=None)
@given(USERS, st.booleans())
def test_roaring_bitmaps_round_trip_and_match_their_own_library(users: list[int], optimized: bool) -> None:
    theirs = BitMap(users)
    if optimized:
        theirs.run_optimize()

    ours = formats.roaring_of(packed_segments(users))

    assert list(BitMap.deserialize(ours)) == users
    assert users_of(formats.parts_of_roaring(ours)) == users
    assert users_of(formats.parts_of_roaring(theirs.serialize())) == users


@settings(max_examples=40, deadline=None)
@given(USERS.filter(lambda users: users[-1] < 4 * SEGMENT_BITS))
def test_a_raw_bitmap_is_the_one_that_setbit_makes(users: list[int]) -> None:
    segments = packed_segments(users)
    length = formats.raw_length(*segments[-1])

    raw = b"".join(formats.raw_of(length, segments))

    assert bits_of(raw).tolist() == users
    assert len(raw) == users[-1] // 8 + 1
    assert users_of(formats.parts_of_raw(raw)) == users
    assert users_of(formats.parts_of_raw(raw + bytes(10))) == users


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_bytes_that_are_no_roaring_bitmap_are_refused_and_harm_nothing(body: bytes) -> None:
    with suppress(InvalidInput):
        assert users_of(formats.parts_of_roaring(body)) == list(BitMap.deserialize(body))


@settings(max_examples=150, deadline=None)
@given(USERS, st.integers(0, 60), st.integers(0, 255), st.booleans())
def test_a_roaring_bitmap_with_a_wrong_byte_is_refused_or_still_sound(
    users: list[int], place: int, byte: int, optimized: bool
) -> None:
    bitmap = BitMap(users)
    if optimized:
        bitmap.run_optimize()
    body = bytearray(bitmap.serialize())
    body[place % len(body)] = byte

    try:
        found = users_of(formats.parts_of_roaring(bytes(body)))
    except InvalidInput:
        return

    assert found == sorted(set(found))
    assert all(0 <= user <= LARGEST_ID for user in found)


@pytest.mark.parametrize("cut", [1, 2, 8])
def test_a_roaring_bitmap_that_is_cut_or_continued_is_refused(cut: int) -> None:
    body = BitMap(range(0, 30_000, 3)).serialize()

    with pytest.raises(InvalidInput, match="no roaring bitmap"):
        formats.parts_of_roaring(body[:-cut])
    with pytest.raises(InvalidInput, match=f"it has {cut} bytes after its end"):
        formats.parts_of_roaring(body + bytes(cut))


def test_a_count_that_is_smaller_than_its_bits_is_refused() -> None:
    """What makes the library that writes them write beyond its memory."""
    body = bytearray(BitMap(range(0, 65536, 2)).serialize())
    assert roaring.containers(bytes(body))[0].cardinality == 32768
    body[10:12] = (5000).to_bytes(2, "little")

    with pytest.raises(InvalidInput, match="a container that contradicts itself"):
        formats.parts_of_roaring(bytes(body))
