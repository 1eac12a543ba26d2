"""The routes that record visits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from flask import Response, current_app, request
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel

from distinct_app import bodies, integer_lists, lines
from distinct_app.bodies import LINES, PACKED
from distinct_app.lines import MOST_LINE_BYTES, BadLines, moment
from distinct_app.models.common import MOST_USERS, EventPath
from distinct_app.models.visits import (
    DayAnswer,
    ManyVisits,
    ManyVisitsAnswer,
    RecordQuery,
    SkippedLines,
    VisitLine,
    VisitsAnswer,
    VisitsBody,
    VisitsLine,
)
from donebit import clock
from donebit.activity.events import ingest
from donebit.activity.events.batching import Arrival
from donebit.activity.events.ingest import Recorded
from donebit.activity.site import Site
from donebit.activity.users.ids import Ids, User
from donebit.errors import InvalidInput
from donebit.web.answers import Reply
from donebit.web.quotas import admit_events

PACKED_BODY = {"schema": {"type": "string", "format": "binary", "description": "little-endian uint32 ids"}}


def body_of(model: type[BaseModel], line: str, **more: Any) -> dict[str, Any]:
    """The documentation of a request body that the views parse themselves.

    Args:
        line: an example of a line of NDJSON.
        more: further media types.
    """
    described = (
        f"one JSON object per line, at most {MOST_LINE_BYTES} bytes each, at most {MOST_USERS}, such as\n\n"
        f"    {line}"
    )
    as_lines = {"schema": {"type": "string", "description": described}}
    content = {"application/json": {"schema": inlined(model)}, LINES: as_lines, **more}
    return {"requestBody": {"content": content, "required": True}}


def inlined(model: type[BaseModel]) -> dict[str, Any]:
    """The model's schema with every reference replaced by what it refers to."""
    schema = model.model_json_schema()
    defined = schema.pop("$defs", {})

    def resolved(part: Any) -> Any:
        if isinstance(part, dict):
            if "$ref" in part:
                rest = {name: value for name, value in part.items() if name != "$ref"}
                return {**resolved(defined[part["$ref"].rpartition("/")[2]]), **rest}
            return {name: resolved(value) for name, value in part.items()}
        return [resolved(item) for item in part] if isinstance(part, list) else part

    whole: dict[str, Any] = resolved(schema)
    return whole


OF_EVENT = body_of(VisitsBody, '{"user": 8, "at": "2026-11-21T03:04:05Z"}', **{PACKED: PACKED_BODY})
OF_ANY = body_of(ManyVisits, '{"event": "bought", "user": 8, "at": "2026-11-21"}')


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes that record visits."""
    add_many(routes, site)

    @routes.post("/events/<event>", responses={200: VisitsAnswer}, openapi_extensions=OF_EVENT)
    def record_visits(path: EventPath, query: RecordQuery) -> Reply:
        """Record visits of many users to one event.

        The body is JSON, NDJSON, or packed little-endian uint32 ids.
        """
        now = clock.now()
        arrived, bad = arrivals_of_event(site, path.event, query, now)
        recorded = sum(ingest.record_all(site, arrived, now=now).values(), ingest.NOTHING)
        return recorded_answer(
            VisitsAnswer(
                event=path.event,
                received=recorded.received,
                fresh=recorded.fresh_in_day,
                at=clock.iso(max((one.at for one in arrived), default=now)),
                **skipped_lines(query, bad),
            )
        )


def add_many(routes: APIBlueprint, site: Site) -> None:
    """Add the route that records visits to several events at once."""

    @routes.post("/visits", responses={200: ManyVisitsAnswer}, openapi_extensions=OF_ANY)
    def record_many(query: RecordQuery) -> Reply:
        """Record visits to several events at several times.

        The body is JSON or NDJSON; all of it is checked before any of it is recorded. A visit that has no
        `at` or `ids` of its own has those of the query.
        """
        now = clock.now()
        arrived, bad = arrivals_of_many(site, query, now)
        admit_events({one.event for one in arrived})
        made = many_answer(ingest.record_all(site, arrived, now=now))
        return recorded_answer(made.model_copy(update=skipped_lines(query, bad)))


def arrivals_of_many(site: Site, query: RecordQuery, now: datetime) -> tuple[list[Arrival], BadLines]:
    """The visits in the body of a request about several events, and the lines that were skipped."""
    if request.mimetype == LINES:
        return lines.arrivals(site, VisitsLine, None, query, now)
    at = moment(site, query.at, now, query.time_unit)
    visits = ManyVisits.model_validate(request.get_json(silent=True)).visits
    refuse_many([visit.named for visit in visits])
    arrived = [
        Arrival(visit.event, visit.named, moment(site, visit.at, at, query.time_unit), visit.ids or query.ids)
        for visit in visits
    ]
    return arrived, none_skipped(query)


def arrivals_of_event(
    site: Site, event: str, query: RecordQuery, now: datetime
) -> tuple[list[Arrival], BadLines]:
    """The visits in the body of a request about one event, and the lines that were skipped."""
    if request.mimetype == LINES:
        return lines.arrivals(site, VisitLine, event, query, now)
    at, none = moment(site, query.at, now, query.time_unit), none_skipped(query)
    if request.mimetype == PACKED:
        return [Arrival(event, bodies.packed_ids(request.get_data()), at, query.ids)], none
    body, users = json_visits()
    return [Arrival(event, users, moment(site, body.at, at, query.time_unit), body.ids or query.ids)], none


def json_visits() -> tuple[VisitsBody, Sequence[User] | Ids]:
    """The body of a request as JSON, and its users."""
    found = integer_lists.split(request.get_data(), "users", MOST_USERS)
    if found is not None:
        with suppress(ValueError, InvalidInput):  # the usual way says what is wrong with the whole of it
            return VisitsBody.model_validate(current_app.json.loads(found.rest)), found.integers
    body = VisitsBody.model_validate(request.get_json(silent=True))
    return body, body.users


def none_skipped(query: RecordQuery) -> BadLines:
    """The bad lines of a body that has no lines. Raises InvalidInput if some are to be skipped."""
    if query.skip_bad:
        raise InvalidInput(f"skip_bad needs a body of {LINES}", field="skip_bad")
    return BadLines(skipped=False)


def skipped_lines(query: RecordQuery, bad: BadLines) -> dict[str, Any]:
    """The fields of an answer about lines that were skipped; none unless that was asked for."""
    return {"skipped": bad.count, "bad_lines": bad.named} if query.skip_bad else {}


def recorded_answer(made: SkippedLines) -> Response:
    """The answer, without the fields about skipped lines where none may be skipped."""
    body = made.model_dump_json(exclude_none=True) + "\n"
    return Response(body, content_type="application/json")


def refuse_many(parts: Sequence[Sequence[User]]) -> None:
    """Raise InvalidInput if all parts together have more users than a request may name."""
    if (users := sum(map(len, parts))) > MOST_USERS:
        raise InvalidInput(
            f"the visits name {users} users; at most {MOST_USERS} in one request", field="visits"
        )


def many_answer(recorded: dict[tuple[str, str], Recorded]) -> ManyVisitsAnswer:
    """The answer for what was recorded by event and day."""
    days = [
        DayAnswer(event=event, day=day, received=of_day.received, fresh=of_day.fresh_in_day)
        for (event, day), of_day in recorded.items()
    ]
    total = sum(recorded.values(), ingest.NOTHING)
    return ManyVisitsAnswer(received=total.received, fresh=total.fresh_in_day, days=days)
