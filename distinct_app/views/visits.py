"""The routes that record visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import request
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel

from distinct_app import bodies
from distinct_app.bodies import LINES, MOST_LINE_BYTES, PACKED
from distinct_app.models.common import MOST_USERS, NUMBER_RULE, EventPath, VisitTimeQuery
from distinct_app.models.visits import (
    DayAnswer,
    ManyVisits,
    ManyVisitsAnswer,
    RecordQuery,
    VisitsAnswer,
    VisitsBody,
)
from donebit import clock
from donebit.activity.events import ingest
from donebit.activity.events.batching import Arrival
from donebit.activity.events.ingest import Recorded
from donebit.activity.site import Site
from donebit.activity.users.ids import User
from donebit.errors import InvalidInput
from donebit.moments import TimeUnit
from donebit.web import wording
from donebit.web.answers import Reply, answer

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
    lines = {"schema": {"type": "string", "description": described}}
    content = {"application/json": {"schema": inlined(model)}, LINES: lines, **more}
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
        arrived = arrivals_of_event(site, path.event, query, now)
        recorded = sum(ingest.record_all(site, arrived, now=now).values(), ingest.NOTHING)
        return answer(
            VisitsAnswer(
                event=path.event,
                received=recorded.received,
                fresh=recorded.fresh_in_day,
                at=clock.iso(max(one.at for one in arrived)),
            )
        )


def add_many(routes: APIBlueprint, site: Site) -> None:
    """Add the route that records visits to several events at once."""

    @routes.post("/visits", responses={200: ManyVisitsAnswer}, openapi_extensions=OF_ANY)
    def record_many(query: VisitTimeQuery) -> Reply:
        """Record visits to several events at several times.

        The body is JSON or NDJSON; all of it is checked before any of it is recorded.
        """
        now, unit = clock.now(), query.time_unit
        if request.mimetype == LINES:
            arrived = bodies.arrivals(bodies.lines_of_any(), lambda at: moment(site, at, now, unit))
        else:
            body = ManyVisits.model_validate(request.get_json(silent=True))
            arrived = [
                Arrival(visit.event, visit.named, moment(site, visit.at, now, unit), visit.ids)
                for visit in body.visits
            ]
            refuse_many([visit.named for visit in body.visits])
        return answer(many_answer(ingest.record_all(site, arrived, now=now)))


def arrivals_of_event(site: Site, event: str, query: RecordQuery, now: datetime) -> list[Arrival]:
    """The visits in the body of a request about one event."""
    unit = query.time_unit
    at = moment(site, query.at, now, unit)
    if request.mimetype == PACKED:
        return [Arrival(event, bodies.packed_ids(request.get_data()), at, query.ids)]
    if request.mimetype == LINES:
        arrived = bodies.arrivals(bodies.lines_of(event), lambda text: moment(site, text, at, unit))
        return [replace(one, ids=one.ids or query.ids) for one in arrived]
    body = VisitsBody.model_validate(request.get_json(silent=True))
    return [Arrival(event, body.users, moment(site, body.at, at, unit), body.ids or query.ids)]


def moment(
    site: Site, written: str | float | None, otherwise: datetime, unit: TimeUnit | None = None
) -> datetime:
    """The moment that a text or a number gives, or `otherwise` without one.

    Raises:
        InvalidInput: it is a number without a unit, or a text with one.
    """
    if written is None:
        return otherwise
    try:
        return site.calendar.moment(written, unit=unit)
    except ValueError:
        rule = NUMBER_RULE if unit is None else f"a number, as time_unit={unit} says"
        raise InvalidInput(f"at is {wording.quoted(written)}; it must be {rule}", field="at") from None


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
