"""How sets look beside each other: every user is in a cell, and no cell shows anybody who is not there."""

from __future__ import annotations

import pytest

from donebit.activity.sets.algebra import EMPTY
from donebit.activity.sets.density import CELLS, FAINTEST, MOST_SEGMENTS, Outline, outlines
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap
from tests.activity.arranged import record

A, B = Bitmap("a", "all"), Bitmap("b", "all")


def drawn(store: Store, **users: list[int]) -> list[Outline]:
    for event, ids in users.items():
        record(store, ids, event)
    return outlines(store, [A, B])


def ids_shown(one: Outline, place: int) -> set[int]:
    """The first id of each cell that is not empty."""
    return {one.start + cell * one.ids_a_cell for cell, shade in enumerate(one.shades[place]) if shade}


@pytest.mark.parametrize("span", [1, 7, 8, 9, CELLS - 1, CELLS, CELLS + 1, 3 * CELLS + 1])
def test_every_user_is_in_its_cell_and_nobody_else(store: Store, span: int) -> None:
    a, b = [100, 99 + span], list(range(100, 100 + span, 7))

    (found,) = drawn(store, a=a, b=b)

    wide = found.ids_a_cell
    assert (found.start, found.stop) == (100, 100 + span)
    assert len(found.shades[0]) == len(found.shades[1]) == -(-span // wide) <= CELLS
    for place, ids in enumerate((a, b)):
        assert ids_shown(found, place) == {100 + (one - 100) // wide * wide for one in ids}
        assert found.users[place] == len(set(ids))


def test_the_fullest_cell_is_darkest_and_a_single_user_is_visible(store: Store) -> None:
    (found,) = drawn(store, a=[0, 100 * CELLS - 1], b=list(range(300, 400)))

    assert max(found.shades[1]) == 255
    assert FAINTEST <= found.shades[0][0] < FAINTEST + 10


def test_each_segment_is_drawn_by_itself_and_not_more_than_a_few(store: Store) -> None:
    users = [segment * SEGMENT_BITS + 5 for segment in range(MOST_SEGMENTS + 1)]

    found = drawn(store, a=users, b=[5])

    assert [one.start for one in found] == users[:MOST_SEGMENTS]
    assert [one.users for one in found] == [(1, 1), (1, 0), (1, 0), (1, 0)]


def test_of_nobody_there_is_nothing_to_draw(store: Store) -> None:
    assert outlines(store, [A, EMPTY]) == []
