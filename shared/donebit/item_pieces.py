"""Items that the client sends, cut into requests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from donebit.errors import InvalidInput
from donebit.request_room import Room

BYTES_PER_PIECE = 1024 * 1024  # of JSON; an item may be larger
ITEMS_PER_PIECE = 100_000

ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class Piece(NamedTuple):
    """Some items, and the same as NDJSON."""

    items: list[object]
    lines: bytes


def pieces_of(items: Iterable[object]) -> Iterator[Piece]:
    """Cut items into pieces, each for one request; they are gone through only as far as pieces are taken.

    Raises:
        InvalidInput: An item cannot be written as JSON, or the items are none, a text or a mapping.
    """
    if isinstance(items, Mapping | str | bytes | bytearray) or not isinstance(items, Iterable):
        # Each character would be an item, and the values of a mapping would be lost.
        shown = f"{items!r}"[:120]
        raise InvalidInput(
            f"items is {shown}; it must be items, in a list or another iterable", field="items"
        )
    part: list[object] = []
    lines: list[bytes] = []
    room = Room(BYTES_PER_PIECE, ITEMS_PER_PIECE)
    for index, item in enumerate(items):
        line = _line(item, index)
        if not room.take(line):
            yield Piece(part, b"".join(lines))
            part, lines = [], []
        part.append(item)
        lines.append(line)
    if part:
        yield Piece(part, b"".join(lines))


def _line(item: object, index: int) -> bytes:
    try:
        return f"{ENCODER.encode(item)}\n".encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"items[{index}] cannot be written as JSON: {error}", field="items") from error
