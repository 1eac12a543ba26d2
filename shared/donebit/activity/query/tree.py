"""What an expression is: events in periods and flags, taken together."""

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
    """Where something stands in a request: a field, and within a text a character, from 1."""

    field: str = "query"
    character: int = 0


@dataclass(frozen=True, slots=True)
class EventUsers:
    """Whoever an event saw."""

    event: str
    when: str = ALL  # a period's name, today, yesterday, 7d, or <from>..<to>, its end open if left out
    place: Place = field(default=Place(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FlagUsers:
    """Whoever has a flag."""

    flag: str
    place: Place = field(default=Place(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Combination:
    """Two sets or more taken together, from the left; MINUS takes all others from the first."""

    operation: Operation
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Of all users ever seen, those who are not in a set."""

    users: Expression
    place: Place = field(default=Place(), compare=False, repr=False)


Leaf = EventUsers | FlagUsers
Expression = Leaf | Combination | Not


def taken(operation: Operation, parts: list[Expression]) -> Expression:
    """One alone is itself."""
    return parts[0] if len(parts) == 1 else Combination(operation, tuple(parts))


def leaves_of(expression: Expression) -> Iterator[Leaf]:
    match expression:
        case Combination():
            for part in expression.parts:
                yield from leaves_of(part)
        case Not():
            yield from leaves_of(expression.users)
        case _:
            yield expression


class ExpressionSize:
    """How deep and wide an expression is, while it is read."""

    def __init__(self) -> None:
        self.leaves = 0

    def leaf(self, place: Place) -> None:
        """Raise InvalidInput for one leaf too many."""
        self.leaves += 1
        if self.leaves > MOST_LEAVES:
            raise ExpressionError(f"more than {MOST_LEAVES} events and flags; at most so many", place)

    def refuse_deep(self, depth: int, place: Place) -> None:
        if depth > DEEPEST:
            raise ExpressionError(f"nested more than {DEEPEST} deep; at most so deep", place)


class ExpressionError(InvalidInput):
    """What stands at a place is no part of an expression; `excerpt` shows the text around it."""

    def __init__(self, why: str, place: Place, excerpt: str = "") -> None:
        at = f", character {place.character}" if place.character else ""
        shown = f": {excerpt}" if excerpt else ""
        super().__init__(f"{place.field}{at}: {why}{shown}", field=place.field)
        self.why, self.place = why, place
