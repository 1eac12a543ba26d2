"""What sets of users look like beside each other: how full their bitmaps are along the ids, by segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from donebit.activity.sets import algebra
from donebit.activity.sets.algebra import Set
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, bits_of

MOST_SEGMENTS = 4
CELLS = 512
FAINTEST = 96  # of 255: whoever is there is seen


@dataclass(frozen=True, slots=True)
class Outline:
    """One segment: of each set CELLS shades or fewer, 0 for nobody, 255 for the fullest cell of all sets.

    A cell stands for `ids_a_cell` ids, the first of them from `start` on. Nobody is before that, or from
    `stop` on.
    """

    segment: int
    start: int
    stop: int
    ids_a_cell: int
    shades: tuple[bytes, ...]
    users: tuple[int, ...]  # of each set, in this segment


def outlines(store: Store, drawn: Sequence[Set]) -> list[Outline]:
    """The first segments in which any of the sets has users.

    Raises:
        InvalidInput: a set reads more bitmaps than a question may.
    """
    asked = [{one.segment: one for one in algebra.combinations(store, users)} for users in drawn]
    segments = sorted(set().union(*asked))[:MOST_SEGMENTS]
    found = []
    for segment in segments:
        there = [place for place, one in enumerate(asked) if segment in one]
        packed = store.bitmaps.results([asked[place][segment] for place in there])
        bits = dict(zip(there, map(bits_of, packed), strict=True))
        none = np.empty(0, np.int64)
        found.append(outline(segment, [bits.get(place, none) for place in range(len(drawn))]))
    return [one for one in found if any(one.users)]


def outline(segment: int, bits: Sequence[npt.NDArray[np.int64]]) -> Outline:
    """Of the bits that each set has in a segment, ascending."""
    first = min((int(some[0]) for some in bits if len(some)), default=0)
    stop = max((int(some[-1]) + 1 for some in bits if len(some)), default=1)
    ids_a_cell = -(-(stop - first) // CELLS)
    cells = -(-(stop - first) // ids_a_cell)
    counts = [np.bincount((some - first) // ids_a_cell, minlength=cells) for some in bits]
    most = max(int(count.max()) for count in counts) or 1
    shades = [
        np.where(count, FAINTEST + count * (255 - FAINTEST) // most, 0).astype(np.uint8) for count in counts
    ]
    base = segment * SEGMENT_BITS
    return Outline(
        segment,
        base + first,
        base + stop,
        ids_a_cell,
        tuple(shade.tobytes() for shade in shades),
        tuple(len(some) for some in bits),
    )
