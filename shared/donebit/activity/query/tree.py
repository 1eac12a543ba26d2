"""The parts of an expression: events in periods and flags, combined by operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from donebit.activity.sets.algebra import Operation
from donebit.errors import InvalidInput

DEEPEST = 32  # parts within parts, parentheses and nots included
MOST_LEAVES = 256  # events in periods and flags of one expression
ALL = "all"


class Place(NamedTuple):
    """Where something stands in a request: a field, and in a text a character, counted from 1."""

    field: str = "query"
    character: int = 0


@dataclass(frozen=True, slots=True)
class EventUsers:
    """The users of an event at some time."""

    event: str
    when: str = ALL  # a period's name, today, yesterday, 7d, <from>..<to> or <from>..
    place: Place = field(default=Place(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FlagUsers:
    """The users who have a flag."""

    flag: str
    place: Place = field(default=Place(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Combination:
    """Two or more sets combined from the left; MINUS removes all others from the first."""

    operation: Operation
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """All users ever seen who are not in a set."""

    users: Expression
    place: Place = field(default=Place(), compare=False, repr=False)


Leaf = EventUsers | FlagUsers
Expression = Leaf | Combination | Not


def combine(operation: Operation, parts: list[Expression]) -> Expression:
    """The combination of the parts; a single part is returned as it is."""
    return parts[0] if len(parts) == 1 else Combination(operation, tuple(parts))


def leaves_of(expression: Expression) -> Iterator[Leaf]:
    """Every event and flag of an expression."""
    match expression:
        case Combination():
            for part in expression.parts:
                yield from leaves_of(part)
        case Not():
            yield from leaves_of(expression.users)
        case _:
            yield expression


class ExpressionSize:
    """Limits the depth and width of an expression while it is read."""

    def __init__(self) -> None:
        self.leaves = 0

    def add_leaf(self, place: Place) -> None:
        """Count an event or a flag. Raises InvalidInput if there are too many."""
        self.leaves += 1
        if self.leaves > MOST_LEAVES:
            raise ExpressionError(f"more than {MOST_LEAVES} events and flags, which is the maximum", place)

    def refuse_deep(self, depth: int, place: Place) -> None:
        """Raise InvalidInput for an expression nested too deeply."""
        if depth > DEEPEST:
            raise ExpressionError(f"nested more than {DEEPEST} deep, which is the maximum", place)


class ExpressionError(InvalidInput):
    """A mistake at a place of an expression; `excerpt` shows the text around it."""

    def __init__(self, why: str, place: Place, excerpt: str = "") -> None:
        at = f", character {place.character}" if place.character else ""
        shown = f": {excerpt}" if excerpt else ""
        super().__init__(f"{place.field}{at}: {why}{shown}", field=place.field)
        self.why, self.place = why, place
