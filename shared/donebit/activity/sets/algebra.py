"""Sets of users as expressions over bitmaps, computed on the server a segment at a time."""

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
from donebit.store.bitmaps import FULL_BYTES, SEGMENT_BITS, Bitmap, Combination, Scratch, bits_of

MOST_BITMAPS = 256
MOST_IN_ALL = 1_000_000  # some ten seconds of the server
# The server serves no other client while a script runs. One script reads this many bitmaps of an operation;
# more are merged before, by scripts of their own.
MOST_AT_ONCE = 64
MOST_READS = 128  # operands of all operations of one script, MINUS being two of two each
FEW = 4  # bitmaps too few for a script of their own
SEGMENTS_AT_ONCE = 16  # of members, 2 MB


class Operation(StrEnum):
    """How the sets of an expression are combined."""

    AND = "AND"
    OR = "OR"
    XOR = "XOR"
    MINUS = "MINUS"  # the users of the first who are not in the second


@dataclass(frozen=True, slots=True)
class Combined:
    """Two or more sets combined by an operation; MINUS takes two. An OR of no sets is the empty set."""

    operation: Operation
    parts: tuple[Set, ...]


@dataclass(frozen=True, slots=True)
class AllUsers(Combined):
    """The union of all events' users. It does not count towards the limit of bitmaps in a question."""


Set = Bitmap | Combined
EMPTY = Combined(Operation.OR, ())


def union(sets: Sequence[Set]) -> Set:
    """The users in any of the sets."""
    return sets[0] if len(sets) == 1 else Combined(Operation.OR, tuple(sets))


def all_users(site: Site, kind: UserKind) -> Set:
    """All users of this kind whom any event ever saw: what NOT is computed against."""
    kinds = site.store.visits.events()
    return AllUsers(
        Operation.OR, tuple(Bitmap(event, ALL_TIME.name) for event in sorted(kinds) if kinds[event] == kind)
    )


def both(*parts: Set) -> Set:
    """The users in all of the sets."""
    return Combined(Operation.AND, parts)


def without(left: Set, right: Set) -> Set:
    """The users of `left` who are not in `right`."""
    return Combined(Operation.MINUS, (left, right))


def count(store: Store, users: Set, *, ids: range | None = None) -> int:
    """How many users a set has.

    Args:
        ids: count only users whose bits are in this range.

    Raises:
        InvalidInput: the expression reads more bitmaps than a question may.
    """
    return sum(store.bitmaps.counts(list(combinations(store, users, ids=ids))))


def counts(store: Store, sets: Sequence[Set]) -> list[int]:
    """How many users each of many sets has, in few round trips. Raises as `count` does."""
    for users in sets:
        refuse_wide(users)
    segments = segments_of(store, {bitmap for users in sets for bitmap in bitmaps_in(users)})
    programs = [
        (place, program) for place, users in enumerate(sets) for program in in_segments(users, segments)
    ]
    totals = [0] * len(sets)
    answers = store.bitmaps.counts([program for _, program in programs])
    for (place, _), answer in zip(programs, answers, strict=True):
        totals[place] += answer
    return totals


def members(store: Store, users: Set, *, after: int = -1, limit: int) -> npt.NDArray[np.int64]:
    """The first `limit` users of a set after the bit `after`, as their bits, ascending.

    Raises:
        InvalidInput: the expression reads more bitmaps than a question may.
    """
    remaining = list(combinations(store, users, ids=range(after + 1, 2**32)))
    pieces: list[npt.NDArray[np.int64]] = []
    at_once, missing = 1, limit
    while remaining and missing > 0:
        batch, remaining = remaining[:at_once], remaining[at_once:]
        for program, packed in zip(batch, store.bitmaps.results(batch), strict=True):
            numbers = bits_of(packed) + program.segment * SEGMENT_BITS
            pieces.append(numbers[numbers > after][:missing])
            missing -= len(pieces[-1])
        at_once = min(2 * at_once, SEGMENTS_AT_ONCE)  # the users of a small set may be far apart
    return np.concatenate(pieces) if pieces else np.empty(0, np.int64)


def combinations(store: Store, users: Set, *, ids: range | None = None) -> Iterator[Combination]:
    """The program of each segment in which the set may have users, ascending by segment."""
    refuse_wide(users)
    return in_segments(users, segments_of(store, set(bitmaps_in(users))), ids)


def segments_of(store: Store, bitmaps: Collection[Bitmap]) -> dict[Bitmap, frozenset[int]]:
    """The numbers of the segments that each bitmap has."""
    ordered = list(bitmaps)
    return dict(zip(ordered, map(frozenset, store.bitmaps.segments(ordered)), strict=True))


def bitmaps_in(users: Set) -> Iterator[Bitmap]:
    """Every bitmap of an expression."""
    if isinstance(users, Bitmap):
        yield users
        return
    for part in users.parts:
        yield from bitmaps_in(part)


def named_in(users: Set) -> Iterator[Bitmap]:
    """The bitmaps of an expression, without those of `AllUsers`."""
    if isinstance(users, Bitmap):
        yield users
    elif not isinstance(users, AllUsers):
        for part in users.parts:
            yield from named_in(part)


def in_segments(
    users: Set, segments: Mapping[Bitmap, frozenset[int]], ids: range | None = None
) -> Iterator[Combination]:
    """The program of each segment in which the set may have users, ascending by segment.

    Args:
        segments: the segments that each bitmap of the expression has.
        ids: only bits in this range.

    Raises:
        InvalidInput: the expression has more operands than a script may.
    """
    bitmaps = list(set(bitmaps_in(users)))
    programs: dict[frozenset[Bitmap], Combination | None] = {}  # most segments have the same bitmaps
    for segment in sorted(frozenset().union(*(segments[bitmap] for bitmap in bitmaps))):
        if ids is not None and not (bits := bits_within(segment, ids)):
            continue
        present = frozenset([bitmap for bitmap in bitmaps if segment in segments[bitmap]])
        if present not in programs:
            programs[present] = compiled(within(users, present.__contains__))
        if program := programs[present]:
            whole = ids is None or bits == (0, SEGMENT_BITS - 1)
            yield program._replace(segment=segment, bits=None if whole else bits)


def refuse_heavy(bitmaps: int, field: str) -> None:
    """Raise InvalidInput for a question that reads too many bitmaps of segments, each as often as it does."""
    if bitmaps > MOST_IN_ALL:
        raise InvalidInput(
            f"the question would read {bitmaps:,} bitmaps of {FULL_BYTES} bytes; at most {MOST_IN_ALL:,}: "
            "ask for fewer periods",
            field=field,
        )


def refuse_wide(users: Set) -> None:
    """Raise InvalidInput for a question that reads too many bitmaps."""
    named = len(set(named_in(users)))
    if named > MOST_BITMAPS:
        raise InvalidInput(
            f"the question reads {named} bitmaps of each segment; at most {MOST_BITMAPS}", field="query"
        )


def bits_within(segment: int, ids: range) -> tuple[int, int] | None:
    """The first and the last bit of a segment within a range of ids; None if there are none."""
    base = segment * SEGMENT_BITS
    first, last = max(ids.start - base, 0), min(ids.stop - base, SEGMENT_BITS) - 1
    return (first, last) if first <= last else None


def within(users: Set, exists: Callable[[Bitmap], bool]) -> Set:
    """The expression without the bitmaps that a segment does not have: reading an absent key takes time."""
    if isinstance(users, Bitmap):
        return users if exists(users) else EMPTY
    parts = [within(part, exists) for part in users.parts]
    if users.operation is Operation.MINUS:
        left, right = parts
        return left if EMPTY in (left, right) else Combined(Operation.MINUS, (left, right))
    if users.operation is Operation.AND and EMPTY in parts:
        return EMPTY
    remaining = tuple(part for part in parts if part != EMPTY)
    return remaining[0] if len(remaining) == 1 else replace(users, parts=remaining) if remaining else EMPTY


def compiled(users: Set) -> Combination | None:
    """An expression whose bitmaps all exist, as a program; None for the empty set."""
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
    """Writes one expression as a program in postfix notation, in which each bitmap is read once."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once  # bitmaps of one operation; if there are more, they are merged before
        self.sources: dict[Bitmap | Scratch, int] = {}
        self.program: list[str] = []
        self.levels = self.reads = 0
        self.merged: dict[tuple[Operation, tuple[Bitmap, ...]], Scratch] = {}

    def compiled(self, users: Set) -> Combination:
        """The program of an expression, for segment 0."""
        self.write(users, 0)
        merged = tuple((scratch, operation, parts) for (operation, parts), scratch in self.merged.items())
        return Combination(0, tuple(self.sources), tuple(self.program), self.levels, merged)

    def write(self, users: Set, waiting: int) -> None:
        """Append the operations that compute a set.

        Args:
            waiting: how many operands are on the stack already.
        """
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
        """Append the reading of a source, by its position among the sources, from 1."""
        self.program.append(str(self.sources.setdefault(source, len(self.sources) + 1)))

    def in_groups(self, users: Combined) -> Sequence[Set | Scratch]:
        """The operands of an operation; if they are many bitmaps, groups of them are merged before."""
        bitmaps = [part for part in users.parts if isinstance(part, Bitmap)]
        if len(bitmaps) <= self.at_once:
            return users.parts
        others = [part for part in users.parts if not isinstance(part, Bitmap)]
        starts = range(0, len(bitmaps), MOST_AT_ONCE)
        return [*others, *(self.merge(users, bitmaps[at : at + MOST_AT_ONCE]) for at in starts)]

    def merge(self, users: Combined, bitmaps: Sequence[Bitmap]) -> Bitmap | Scratch:
        """The scratch bitmap into which these are merged before the program runs."""
        if len(bitmaps) == 1:
            return bitmaps[0]
        return self.merged.setdefault((users.operation, tuple(bitmaps)), Scratch(uuid.uuid4().hex, 0))
