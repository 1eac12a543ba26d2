"""Expressions as JSON: {"and": [{"event": "active", "at": "today"}, {"flag": "newsletter"}]}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from donebit.activity.query import times
from donebit.activity.query.text import cut
from donebit.activity.query.tree import (
    ALL,
    MOST_LEAVES,
    Combination,
    EventUsers,
    Expression,
    ExpressionError,
    ExpressionSize,
    FlagUsers,
    Not,
    Place,
    combine,
)
from donebit.activity.sets.algebra import Operation
from donebit.names import NAME_PATTERN, NAME_RULE, is_name

OPERATIONS = {operation.value.lower(): operation for operation in Operation}
MAY_HAVE = {"event": {"at", "from", "to"}, "flag": set(), "not": {"of"}} | {
    name: set() for name in OPERATIONS
}
RULE = 'an object with one of "event", "flag", "and", "or", "xor", "minus", "not"'

# The parts are expressions themselves; the schema does not repeat that, so the documentation stays finite.
_PARTS = {"type": "array", "minItems": 1, "maxItems": MOST_LEAVES, "items": {"type": "object"}}
_NAME = {"type": "string", "pattern": NAME_PATTERN}
_WHEN = {
    "at": {"type": "string", "description": times.RULE},
    "from": {"type": "string", "description": times.BORDER_RULE},
    "to": {"type": "string", "description": "half open; today is the last day when left out"},
}


def _schema(needs: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [needs], "additionalProperties": False}


SCHEMA: dict[str, Any] = {
    "anyOf": [
        _schema("event", {"event": _NAME} | _WHEN),
        _schema("flag", {"flag": _NAME}),
        *(_schema(name, {name: _PARTS}) for name in OPERATIONS),
        _schema("not", {"not": {"type": "object"}, "of": {"type": "object"}}),
    ]
}
EXAMPLE: dict[str, Any] = {
    "minus": [
        {"and": [{"event": "active", "at": "2026-11-20"}, {"event": "active", "at": "2026-11-21"}]},
        {"flag": "staff"},
    ]
}


def parse(value: object, field: str = "query") -> Expression:
    """The expression that a JSON value describes.

    Args:
        field: what the value is called in error messages.

    Raises:
        InvalidInput: it is not an expression, or too deep or wide; the message names the place in it.
    """
    return Reader().read(value, field, 1)


def render(expression: Expression) -> dict[str, Any]:
    """The expression as a JSON value; `parse` turns it into the same expression again."""
    match expression:
        case EventUsers(event=event, when=when):
            if ".." not in when:
                return {"event": event} if when == ALL else {"event": event, "at": when}
            start, _, stop = when.partition("..")
            return {"event": event, "from": start} | ({"to": stop} if stop else {})
        case FlagUsers(flag=flag):
            return {"flag": flag}
        case Not(users=users):
            return {"not": render(users)}
        case Combination(operation=operation, parts=parts):
            return {operation.value.lower(): [render(part) for part in parts]}


class Reader:
    """Reads one expression from JSON, and limits its size."""

    def __init__(self) -> None:
        self.size = ExpressionSize()

    def read(self, value: object, field: str, depth: int) -> Expression:
        """The expression of a value at this place and depth, from 1."""
        place = Place(field)
        self.size.refuse_deep(depth - 1, place)
        if not isinstance(value, Mapping) or len(heads := [name for name in MAY_HAVE if name in value]) != 1:
            raise ExpressionError(f"it must be {RULE}", place)
        (head,) = heads
        if unknown := sorted(set(map(str, value)) - {head} - MAY_HAVE[head]):
            raise ExpressionError(f"{cut(unknown[0])} is unknown beside {head!r}", place)
        if head == "not":
            return self.negated(value, field, depth)
        if head in OPERATIONS:
            return self.combined(head, value[head], field, depth)
        self.size.add_leaf(place)
        return self.leaf(head, value, place)

    def negated(self, value: Mapping[Any, Any], field: str, depth: int) -> Expression:
        """The complement within all users ever seen, or within the users of "of"."""
        users = self.read(value["not"], f"{field}.not", depth + 1)
        if "of" not in value:
            return Not(users, Place(field))
        return Combination(Operation.MINUS, (self.read(value["of"], f"{field}.of", depth + 1), users))

    def combined(self, head: str, parts: object, field: str, depth: int) -> Expression:
        """The operation named `head` on its parts."""
        field = f"{field}.{head}"
        if not isinstance(parts, list) or not 1 <= len(parts) <= MOST_LEAVES:
            raise ExpressionError(f"it must be a list of 1 to {MOST_LEAVES} expressions", Place(field))
        operands = [self.read(part, f"{field}.{place}", depth + 1) for place, part in enumerate(parts)]
        return combine(OPERATIONS[head], operands)

    def leaf(self, head: str, value: Mapping[Any, Any], place: Place) -> Expression:
        """An event or a flag."""
        name = value[head]
        if not isinstance(name, str) or not is_name(name):
            raise ExpressionError(f"{to_json(name)} is no name; it must be {NAME_RULE}", within(place, head))
        return FlagUsers(name, place) if head == "flag" else EventUsers(name, when(value, place), place)


def when(value: Mapping[Any, Any], place: Place) -> str:
    """The time of an event, as an expression's text writes it after the @."""
    if "from" in value or "to" in value:
        if "at" in value:
            raise ExpressionError("from/to cannot be combined with at", within(place, "at"))
        if "from" not in value:
            raise ExpressionError("to needs from", within(place, "from"))
        return f"{border(value, 'from', place)}..{border(value, 'to', place) if 'to' in value else ''}"
    at = value.get("at", ALL)
    if not isinstance(at, str) or ".." in at or not times.SHAPE.fullmatch(at):
        raise ExpressionError(f"{to_json(at)} is no period; it must be {times.RULE}", within(place, "at"))
    return at


def border(value: Mapping[Any, Any], name: str, place: Place) -> str:
    """The day or hour of a field, `from` or `to`. Raises ExpressionError for any other value."""
    text = value[name]
    if not isinstance(text, str) or not times.is_border(text):
        raise ExpressionError(f"{to_json(text)}; it must be {times.BORDER_RULE}", within(place, name))
    return text


def within(place: Place, name: str) -> Place:
    """The place of a field inside another."""
    return Place(f"{place.field}.{name}")


def to_json(value: object) -> str:
    """A value as error messages quote it."""
    return cut(value) if isinstance(value, str) else f"of type {type(value).__name__}"
