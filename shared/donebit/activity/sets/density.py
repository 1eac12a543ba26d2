"""How densely the bitmaps of several sets are filled along the ids, by segment, for drawing them."""

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
FAINTEST = 96  # of 255: a cell with a single user is still visible


@dataclass(frozen=True, slots=True)
class Outline:
    """One segment: at most CELLS shades for each set, 0 for no users, 255 for the fullest cell of all sets.

    A cell stands for `ids_a_cell` ids, the first cell from `start` on. No user is before `start` or from
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
    programs = [
        {program.segment: program for program in algebra.combinations(store, users)} for users in drawn
    ]
    drawn_outlines = []
    for segment in sorted(set().union(*programs))[:MOST_SEGMENTS]:
        places = [place for place, by_segment in enumerate(programs) if segment in by_segment]
        packed = store.bitmaps.results([programs[place][segment] for place in places])
        bits = dict(zip(places, map(bits_of, packed), strict=True))
        none = np.empty(0, np.int64)
        drawn_outlines.append(outline(segment, [bits.get(place, none) for place in range(len(drawn))]))
    return [one for one in drawn_outlines if any(one.users)]


def outline(segment: int, bits: Sequence[npt.NDArray[np.int64]]) -> Outline:
    """The outline of a segment.

    Args:
        bits: for each set, its bits in the segment, ascending.
    """
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
