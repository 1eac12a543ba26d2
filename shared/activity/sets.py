"""Sets of users as expressions over bitmaps, reckoned on the server, a segment at a time."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from shared.activity.calendar import ALL_TIME
from shared.activity.site import Site
from shared.activity.users import Kind
from shared.errors import InvalidInput
from shared.store import Store
from shared.store.bitmaps import SEGMENT_BITS, Bitmap, Combination, Scratch, bits_of

# One script reads this much of a segment in about 2 ms, and nobody else is served meanwhile.
MOST_BITMAPS = 256
MOST_EVENTS_AT_ONCE = 64  # of all events; more are merged before, by scripts of their own


class Operation(StrEnum):
    """How the sets of an expression are taken together."""

    AND = "AND"
    OR = "OR"
    XOR = "XOR"
    MINUS = "MINUS"  # the first without the second


@dataclass(frozen=True, slots=True)
class Combined:
    """Two sets or more taken together; MINUS takes two. An OR of none is the empty set."""

    operation: Operation
    parts: tuple[Set, ...]


@dataclass(frozen=True, slots=True)
class Everybody(Combined):
    """The union of all events' users. No question is too wide for it: there are as many as there are."""


Set = Bitmap | Combined
EMPTY = Combined(Operation.OR, ())


def union(bitmaps: Sequence[Set]) -> Set:
    return bitmaps[0] if len(bitmaps) == 1 else Combined(Operation.OR, tuple(bitmaps))


def known_users(site: Site, kind: Kind) -> Set:
    """Everybody of this kind whom any event ever saw: what NOT is reckoned against."""
    held = site.store.visits.events()
    return Everybody(
        Operation.OR, tuple(Bitmap(event, ALL_TIME.name) for event in sorted(held) if held[event] == kind)
    )


def both(*parts: Set) -> Set:
    return Combined(Operation.AND, parts)


def without(left: Set, right: Set) -> Set:
    return Combined(Operation.MINUS, (left, right))


def count(store: Store, users: Set) -> int:
    """How many users a set has.

    Raises:
        InvalidInput: the expression reads more bitmaps than one script may.
    """
    return sum(store.bitmaps.counts(list(combinations(store, users))))


def counts(store: Store, sets: Sequence[Set]) -> list[int]:
    """The same for many sets, in as few round trips. Raises as `count` does."""
    found = segments_of(store, {bitmap for users in sets for bitmap in bitmaps_in(users)})
    asked = [(place, one) for place, users in enumerate(sets) for one in in_segments(users, found)]
    numbers = [0] * len(sets)
    answers = store.bitmaps.counts([one for _, one in asked])
    for (place, _), answer in zip(asked, answers, strict=True):
        numbers[place] += answer
    return numbers


def members(store: Store, users: Set, *, after: int = -1, limit: int) -> npt.NDArray[np.int64]:
    """The first `limit` users of a set behind `after`, as their bits, ascending. Raises as `count` does."""
    found: list[npt.NDArray[np.int64]] = []
    missing = limit
    for one in combinations(store, users):
        if (one.segment + 1) * SEGMENT_BITS <= after + 1 or missing <= 0:
            continue
        (packed,) = store.bitmaps.results([one])
        numbers = bits_of(packed) + one.segment * SEGMENT_BITS
        found.append(numbers[numbers > after][:missing])
        missing -= len(found[-1])
    return np.concatenate(found) if found else np.empty(0, np.int64)


def combinations(store: Store, users: Set) -> Iterator[Combination]:
    """What is reckoned in each segment that the set can have users in, ascending."""
    return in_segments(users, segments_of(store, set(bitmaps_in(users))))


def segments_of(store: Store, bitmaps: Collection[Bitmap]) -> dict[Bitmap, frozenset[int]]:
    """The segments that each bitmap has."""
    ordered = list(bitmaps)
    return dict(zip(ordered, map(frozenset, store.bitmaps.segments(ordered)), strict=True))


def bitmaps_in(users: Set) -> Iterator[Bitmap]:
    if isinstance(users, Bitmap):
        yield users
        return
    for part in users.parts:
        yield from bitmaps_in(part)


def named_in(users: Set) -> Iterator[Bitmap]:
    """Those that the question names itself, rather than everybody."""
    if isinstance(users, Bitmap):
        yield users
    elif not isinstance(users, Everybody):
        for part in users.parts:
            yield from named_in(part)


def in_segments(users: Set, found: Mapping[Bitmap, frozenset[int]]) -> Iterator[Combination]:
    """The same, where it is known which segments there are."""
    named = len(set(named_in(users)))
    if named > MOST_BITMAPS:
        raise InvalidInput(
            f"the question reads {named} bitmaps of each segment; at most {MOST_BITMAPS}", field="query"
        )
    asked = set(bitmaps_in(users))
    for segment in sorted(frozenset().union(*(found[bitmap] for bitmap in asked))):
        there = within(users, lambda bitmap, segment=segment: segment in found[bitmap])  # type: ignore[misc]  # bound now
        if there != EMPTY:
            yield Compiler(segment).compiled(there)


def within(users: Set, exists: Callable[[Bitmap], bool]) -> Set:
    """The set without the bitmaps that a segment does not have: an absent source is slow, and empty."""
    if isinstance(users, Bitmap):
        return users if exists(users) else EMPTY
    parts = [within(part, exists) for part in users.parts]
    if users.operation is Operation.MINUS:
        left, right = parts
        return left if EMPTY in (left, right) else Combined(Operation.MINUS, (left, right))
    if users.operation is Operation.AND and EMPTY in parts:
        return EMPTY
    kept = tuple(part for part in parts if part != EMPTY)
    return kept[0] if len(kept) == 1 else replace(users, parts=kept) if kept else EMPTY


class Compiler:
    """Writes one expression as a program in postfix. Each bitmap is read once, however often it is named."""

    def __init__(self, segment: int) -> None:
        self.segment = segment
        self.sources: dict[Bitmap | Scratch, int] = {}
        self.program: list[str] = []
        self.levels = 0
        self.merged: dict[tuple[Bitmap, ...], Scratch] = {}

    def compiled(self, users: Set) -> Combination:
        self.write(users, 0)
        merged = tuple((scratch, parts) for parts, scratch in self.merged.items())
        return Combination(self.segment, tuple(self.sources), tuple(self.program), self.levels, merged)

    def write(self, users: Set, waiting: int) -> None:
        """Append what computes a set, with so many operands of others on the stack already."""
        if isinstance(users, Bitmap):
            self.read(users)
            return
        parts = self.in_groups(users) if isinstance(users, Everybody) else users.parts
        for place, part in enumerate(parts):
            if isinstance(part, Combined):
                self.write(part, waiting + place)
            else:
                self.read(part)
        self.program.append(f"{users.operation}:{len(parts)}")
        self.levels = max(self.levels, waiting + (2 if users.operation is Operation.MINUS else 1))

    def read(self, source: Bitmap | Scratch) -> None:
        self.program.append(str(self.sources.setdefault(source, len(self.sources) + 1)))

    def in_groups(self, users: Everybody) -> Sequence[Bitmap | Scratch]:
        """The bitmaps themselves where they are few; else unions of as many as one script may read."""
        bitmaps = tuple(bitmaps_in(users))
        if len(bitmaps) <= MOST_EVENTS_AT_ONCE:
            return bitmaps
        groups = [bitmaps[start : start + MOST_BITMAPS] for start in range(0, len(bitmaps), MOST_BITMAPS)]
        return [self.merged.setdefault(group, Scratch(uuid.uuid4().hex, 0)) for group in groups]
