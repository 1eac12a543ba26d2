"""Sets of users as expressions over bitmaps, reckoned on the server, a segment at a time."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from donebit.activity.periods.calendar import ALL_TIME
from donebit.activity.site import Site
from donebit.activity.users.ids import UserKind
from donebit.errors import InvalidInput
from donebit.store import Store
from donebit.store.bitmaps import SEGMENT_BITS, Bitmap, Combination, Scratch, bits_of

MOST_BITMAPS = 256
# Nobody else is served while a script runs. Of what is taken together, so many bitmaps are read by one; more
# are merged before, by scripts of their own.
MOST_AT_ONCE = 64
MOST_READS = 128  # operands of all operations of one script, MINUS being two of two each
FEW = 4  # bitmaps that are not worth a script of their own
SEGMENTS_AT_ONCE = 16  # of members, 2 MB


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


def known_users(site: Site, kind: UserKind) -> Set:
    """Everybody of this kind whom any event ever saw: what NOT is reckoned against."""
    held = site.store.visits.events()
    return Everybody(
        Operation.OR, tuple(Bitmap(event, ALL_TIME.name) for event in sorted(held) if held[event] == kind)
    )


def both(*parts: Set) -> Set:
    return Combined(Operation.AND, parts)


def without(left: Set, right: Set) -> Set:
    return Combined(Operation.MINUS, (left, right))


def count(store: Store, users: Set, *, ids: range | None = None) -> int:
    """How many users a set has; with `ids`, of those alone.

    Raises:
        InvalidInput: the expression reads more bitmaps than a question may.
    """
    return sum(store.bitmaps.counts(list(combinations(store, users, ids=ids))))


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
    remaining = list(combinations(store, users, ids=range(after + 1, 2**32)))
    found: list[npt.NDArray[np.int64]] = []
    at_once, missing = 1, limit
    while remaining and missing > 0:
        some, remaining = remaining[:at_once], remaining[at_once:]
        for one, packed in zip(some, store.bitmaps.results(some), strict=True):
            numbers = bits_of(packed) + one.segment * SEGMENT_BITS
            found.append(numbers[numbers > after][:missing])
            missing -= len(found[-1])
        at_once = min(2 * at_once, SEGMENTS_AT_ONCE)  # a set of few users may have them far apart
    return np.concatenate(found) if found else np.empty(0, np.int64)


def combinations(store: Store, users: Set, *, ids: range | None = None) -> Iterator[Combination]:
    """What is reckoned in each segment that the set can have users in, ascending."""
    return in_segments(users, segments_of(store, set(bitmaps_in(users))), ids)


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


def in_segments(
    users: Set, found: Mapping[Bitmap, frozenset[int]], ids: range | None = None
) -> Iterator[Combination]:
    """The same, where it is known which segments there are."""
    refuse_wide(users)
    asked = list(set(bitmaps_in(users)))
    programs: dict[frozenset[Bitmap], Combination | None] = {}  # most segments have the same bitmaps
    for segment in sorted(frozenset().union(*(found[bitmap] for bitmap in asked))):
        if ids is not None and not (bits := bits_within(segment, ids)):
            continue
        there = frozenset([bitmap for bitmap in asked if segment in found[bitmap]])
        if there not in programs:
            programs[there] = compiled(within(users, there.__contains__))
        if program := programs[there]:
            whole = ids is None or bits == (0, SEGMENT_BITS - 1)
            yield program._replace(segment=segment, bits=None if whole else bits)


def refuse_wide(users: Set) -> None:
    """Raise InvalidInput for a question that reads more bitmaps than it may."""
    named = len(set(named_in(users)))
    if named > MOST_BITMAPS:
        raise InvalidInput(
            f"the question reads {named} bitmaps of each segment; at most {MOST_BITMAPS}", field="query"
        )


def bits_within(segment: int, ids: range) -> tuple[int, int] | None:
    """The first and the last bit of a segment that are in a range of ids, where there are any."""
    base = segment * SEGMENT_BITS
    first, last = max(ids.start - base, 0), min(ids.stop - base, SEGMENT_BITS) - 1
    return (first, last) if first <= last else None


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


def compiled(users: Set) -> Combination | None:
    """An expression without bitmaps that are not there, as a program; None for the empty set."""
    if users == EMPTY:
        return None
    compiler = Compiler(MOST_AT_ONCE)
    program = compiler.compiled(users)
    if compiler.reads > MOST_READS:
        compiler = Compiler(FEW)
        program = compiler.compiled(users)
    if compiler.reads > MOST_READS:
        raise InvalidInput(
            f"the question has {compiler.reads} operands in each segment; at most {MOST_READS}", field="query"
        )
    return program


class Compiler:
    """Writes one expression as a program in postfix. Each bitmap is read once, however often it is named."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once  # bitmaps of one operation; where there are more, they are merged before
        self.sources: dict[Bitmap | Scratch, int] = {}
        self.program: list[str] = []
        self.levels = self.reads = 0
        self.merged: dict[tuple[Operation, tuple[Bitmap, ...]], Scratch] = {}

    def compiled(self, users: Set) -> Combination:
        self.write(users, 0)
        merged = tuple((scratch, operation, parts) for (operation, parts), scratch in self.merged.items())
        return Combination(0, tuple(self.sources), tuple(self.program), self.levels, merged)

    def write(self, users: Set, waiting: int) -> None:
        """Append what computes a set, with so many operands of others on the stack already."""
        if isinstance(users, Bitmap):
            self.read(users)
            return
        parts = self.in_groups(users)
        for place, part in enumerate(parts):
            if isinstance(part, Combined):
                self.write(part, waiting + place)
            else:
                self.read(part)
        self.program.append(f"{users.operation}:{len(parts)}")
        of_two = users.operation is Operation.MINUS
        self.levels = max(self.levels, waiting + 1 + of_two)
        self.reads += 4 if of_two else len(parts)

    def read(self, source: Bitmap | Scratch) -> None:
        self.program.append(str(self.sources.setdefault(source, len(self.sources) + 1)))

    def in_groups(self, users: Combined) -> Sequence[Set | Scratch]:
        """What is taken together: where there are many bitmaps, some are merged by scripts before."""
        bitmaps = [part for part in users.parts if isinstance(part, Bitmap)]
        if len(bitmaps) <= self.at_once:
            return users.parts
        others = [part for part in users.parts if not isinstance(part, Bitmap)]
        starts = range(0, len(bitmaps), MOST_AT_ONCE)
        return [*others, *(self.merge(users, bitmaps[at : at + MOST_AT_ONCE]) for at in starts)]

    def merge(self, users: Combined, bitmaps: Sequence[Bitmap]) -> Bitmap | Scratch:
        if len(bitmaps) == 1:
            return bitmaps[0]
        return self.merged.setdefault((users.operation, tuple(bitmaps)), Scratch(uuid.uuid4().hex, 0))
