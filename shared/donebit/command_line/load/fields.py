"""Takes a field out of a JSON object by its name, or by its path through nested objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from donebit.json_reading import read_json

Getter = Callable[[Mapping[str, Any]], object]


def getter(names: Sequence[str]) -> Getter:
    """Return a function that takes the first of these fields that is there and neither null nor empty.

    Args:
        names: Names of fields; `properties.time` is also the field `time` of the object `properties`.

    Returns:
        The function; it raises KeyError, with the names, for an object that has none of them. If all that
        there are are null or empty, it returns the last.
    """
    if len(names) == 1:
        return _getter(names[0])
    getters = [_getter(name) for name in names]

    def first(fields: Mapping[str, Any]) -> object:
        found: list[object] = []
        for get in getters:
            try:
                value = get(fields)
            except KeyError:
                continue
            if value is not None and value != "":
                return value
            found.append(value)
        if not found:
            raise KeyError(" or ".join(names))
        return found[-1]

    return first


def _getter(name: str) -> Getter:
    first, *rest = name.split(".")
    if not rest:
        return lambda fields: fields[name]

    def nested(fields: Mapping[str, Any]) -> object:
        if name in fields:
            return fields[name]
        value: object = fields.get(first)
        for part in rest:
            if isinstance(value, str) and value.startswith("{"):
                value = _parsed(value)
            if not isinstance(value, dict) or part not in value:
                raise KeyError(name)
            value = value[part]
        return value

    return nested


def _parsed(text: str) -> object:
    # Some exports hold an object as its text.
    try:
        return read_json(text, any_number=True)
    except ValueError:
        return None
