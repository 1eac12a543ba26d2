"""The routes that export and import whole bitmaps."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import numpy as np
from flask import Response, request
from flask_openapi3 import APIBlueprint
from werkzeug.exceptions import UnsupportedMediaType

from distinct_app.bodies import lines_of
from distinct_app.models.bitmaps import (
    BitmapQuery,
    FlagImportAnswer,
    FlagImportQuery,
    FormatQuery,
    ImportAnswer,
    ImportQuery,
)
from distinct_app.models.common import EventPath
from distinct_app.models.flags import FlagPath
from distinct_app.views.questions import requested_period
from donebit import clock
from donebit.activity.events import event as events
from donebit.activity.flags import flag as flags
from donebit.activity.flags import replace
from donebit.activity.site import Site
from donebit.activity.transfer import export, formats, import_
from donebit.activity.transfer.export import Export
from donebit.activity.transfer.formats import Format, Parts
from donebit.activity.users.ids import LARGEST_ID, Ids, User
from donebit.errors import InvalidInput
from donebit.json_reading import read_json_line
from donebit.store.bitmaps import Bitmap
from donebit.web.answers import Reply, answer
from donebit.wording import quoted

BYTES, LINES = "application/octet-stream", "application/x-ndjson"
# No type says nothing, nor does the one that curl gives what it is told to send.
OF_BITS = frozenset({BYTES, "", "application/x-www-form-urlencoded"})
BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
OUT: dict[str | int | HTTPStatus, Any] = {
    200: {"description": "the bitmap", "content": {BYTES: BINARY, LINES: BINARY}}
}
# As raw bits the byte "A" is the users 1 and 7.
IN = {
    "requestBody": {
        "content": {BYTES: BINARY | {"example": "A"}, LINES: BINARY},
        "required": True,
    }
}


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of events' and of flags' bitmaps."""
    add_of_events(routes, site)
    add_of_flags(routes, site)


def add_of_events(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of the bitmap of one period of an event."""

    @routes.get("/events/<event>/bitmap", responses=OUT)
    def export_event(path: EventPath, query: BitmapQuery) -> Response:
        """Export an event's users of a period as a bitmap.

        The format is raw bits in the layout of SETBIT, a roaring bitmap, or one user per line.
        """
        event = events.get(site, path.event)
        period = requested_period(site, event, query)
        found = export.export(site, Bitmap(event.name, period.name), event.kind, query.format)
        return sent(found, query.format)

    @routes.post("/events/<event>/bitmap", responses={200: ImportAnswer}, openapi_extensions=IN)
    def import_event(path: EventPath, query: ImportQuery) -> Reply:
        """Import the users of a bitmap into a period of an event.

        They are added to the longer periods that contain it too. Sending the bitmap again changes nothing.
        """
        now, event = clock.now(), events.get(site, path.event)
        period = requested_period(site, event, query)
        if query.format is Format.IDS:
            users = sent_users()
            received, fresh = import_.add_users(site, event.name, period, users, now, ids=query.ids)
        else:
            received, fresh = import_.add(site, event.name, period, sent_parts(query.format), now)
        return answer(
            ImportAnswer(
                event=event.name,
                period=period.granularity,
                name=period.name,
                received=received,
                fresh=fresh,
            )
        )


def add_of_flags(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of the bitmap of a flag."""

    @routes.get("/flags/<flag>/bitmap", responses=OUT)
    def export_flag(path: FlagPath, query: FormatQuery) -> Response:
        """Export the users who have a flag as a bitmap."""
        flag = flags.get(site, path.flag)
        return sent(export.export(site, flag.bitmap, flag.kind, query.format), query.format)

    @routes.put("/flags/<flag>/bitmap", responses={200: FlagImportAnswer}, openapi_extensions=IN)
    def import_flag(path: FlagPath, query: FlagImportQuery) -> Reply:
        """Replace the flag's users by those of a bitmap."""
        if query.format is Format.IDS:
            count = replace.assign_users(site, path.flag, sent_users(), ids=query.ids)
        else:
            count = replace.assign(site, path.flag, sent_parts(query.format))
        return answer(FlagImportAnswer(flag=path.flag, count=count))


def sent(found: Export, form: Format) -> Response:
    """A streamed answer with its length, without which clients would take a cut for the end."""
    response = Response(found.pieces, content_type=LINES if form is Format.IDS else BYTES)
    response.content_length = found.length
    return response


def sent_body() -> bytes:
    """The bytes of the request. Raises InvalidInput for none, as a missing body would mean no users."""
    if body := request.get_data():
        return body
    raise InvalidInput("the body is empty; it must be a bitmap in the format of the query", field="body")


def sent_parts(form: Format) -> Parts:
    refuse_other_type(form)
    body = sent_body()
    return formats.parts_of_roaring(body) if form is Format.ROARING else formats.parts_of_raw(body)


def refuse_other_type(form: Format) -> None:
    """Refuse a body that says it is no bits, such as a form's file: as raw bits it would be some users.

    Raises:
        UnsupportedMediaType: naming its type.
    """
    if request.mimetype not in OF_BITS:
        raise UnsupportedMediaType(
            f"the body is {request.mimetype}, and format is {form}: send the bytes alone, as {BYTES}"
        )


def sent_users() -> list[User] | Ids:
    """One user per line, as a JSON integer or text. Raises InvalidInput naming the first bad line."""
    numbers, users = array("I"), list[User]()
    for number, line in enumerate(sent_lines(), 1):
        user = sent_user(line, number)
        if not users and isinstance(user, int) and 0 <= user <= LARGEST_ID:
            numbers.append(user)  # 4 bytes, where a list takes 40
        else:
            if not users:
                users.extend(numbers)
            users.append(user)
    return users or np.array(numbers, np.uint32)


def sent_lines() -> Iterator[bytes]:
    """The lines of the body, whichever way they end."""
    body = sent_body()
    for part in lines_of(body.removesuffix(b"\n")):
        yield from part.splitlines() or [part]


def sent_user(line: bytes, number: int) -> User:
    """The user of a line. Raises InvalidInput, naming the line, for what is none."""
    try:
        user = read_json_line(line)
    except (ValueError, InvalidInput):
        user = None
    if not isinstance(user, int | str) or isinstance(user, bool):
        raise InvalidInput(
            f"line {number} is {quoted(line)}; it must be an integer or a JSON text", field="body"
        )
    return user
