"""Reading visits from request bodies: JSON, one JSON object per line, or packed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeVar

import numpy as np
from flask import request
from pydantic import BaseModel, ValidationError

from distinct_app.models.common import MOST_USERS
from distinct_app.models.visits import VisitLine, VisitsLine
from donebit.activity.events.batching import Arrival
from donebit.activity.users.ids import Ids, User, UserKind
from donebit.errors import InvalidInput
from donebit.web import wording

PACKED = "application/octet-stream"
LINES = "application/x-ndjson"
MOST_LINE_BYTES = 4096  # an id of 200 characters, each escaped, has 1200

Moment = Callable[[str | float | None], datetime]
Line = TypeVar("Line", bound=BaseModel)


def packed_ids(body: bytes) -> Ids:
    """The ids of a packed body. Raises InvalidInput for one that is empty or truncated."""
    if not body or len(body) % 4:
        raise InvalidInput(
            f"a packed body is little-endian uint32 ids, 4 bytes each; this one has {len(body)} bytes",
            field="body",
        )
    return np.frombuffer(body, "<u4").astype(np.uint32, copy=False)


def lines(model: type[Line]) -> Iterator[Line]:
    """Each line of the request's body that is not empty.

    Raises:
        InvalidInput: a line is too long or does not fit the model, or there are none or too many lines.
    """
    count = 0
    for number, line in enumerate(request.get_data().split(b"\n"), 1):
        if line.strip():
            count += 1
            if count > MOST_USERS:
                raise InvalidInput(f"the body has more than {MOST_USERS} lines", field="body")
            yield parse_line(model, line, number)
    if not count:
        raise InvalidInput("the body is empty; it must have at least one line", field="body")


def parse_line(model: type[Line], line: bytes, number: int) -> Line:
    """The model of a line. Raises InvalidInput that names the line's number, counted from 1."""
    if len(line) > MOST_LINE_BYTES:
        raise InvalidInput(
            f"line {number} has {len(line)} bytes; at most {MOST_LINE_BYTES}", field=f"line {number}"
        )
    try:
        return model.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        reason = wording.sentence(field, first) if field else not_an_object(line)
        raise InvalidInput(f"line {number}: {reason}", field=f"line {number}") from None
    except (ValueError, RecursionError):
        raise InvalidInput(f"line {number}: {not_an_object(line)}", field=f"line {number}") from None


def not_an_object(line: bytes) -> str:
    """The reason why a line that is not a JSON object is refused."""
    begin = line[: wording.LONGEST_QUOTE].decode(errors="replace")
    return f"it is {wording.quoted(begin)}; it must be a JSON object"


def arrivals(visits: Iterable[tuple[str, VisitLine]], moment: Moment) -> list[Arrival]:
    """The visits of lines, grouped by event, time and kind."""
    users: dict[tuple[str, str | float | None, UserKind | None], list[User]] = {}
    for event, line in visits:
        users.setdefault((event, line.at, line.ids), []).append(line.user)
    return [Arrival(event, named, moment(at), ids) for (event, at, ids), named in users.items()]


def lines_of(event: str) -> Iterator[tuple[str, VisitLine]]:
    """The event and each line of a body that is about one event."""
    return ((event, line) for line in lines(VisitLine))


def lines_of_any() -> Iterator[tuple[str, VisitLine]]:
    """The event of each line, and the line."""
    return ((line.event, line) for line in lines(VisitsLine))
