"""distinct_app's routes: read, call, answer."""

from __future__ import annotations

import logging
import re
from typing import Any

import numpy as np
from flask import request
from flask_openapi3 import APIBlueprint, Tag

from distinct_app.models import (
    AtQuery,
    CountAnswer,
    Distinct,
    EventPath,
    Forgotten,
    MaybeVisitQuery,
    PeriodQuery,
    PresenceAnswer,
    UserPath,
    UserQuery,
    Visit,
    VisitQuery,
    VisitsAnswer,
    VisitsBody,
    moment,
)
from shared import clock
from shared.activity import forgetting, ingest, questions
from shared.activity.ingest import Recorded
from shared.activity.periods import Granularity, Period, period_at
from shared.activity.users import Ids, Kind, User
from shared.config import Settings
from shared.errors import InvalidInput
from shared.store import Store
from shared.web.answers import Reply, answer
from shared.web.guard import changes_state

EXAMPLE_EVENT = "distinct"
TAG = Tag(name="activity", description="Who was here, and when")
PACKED = "application/octet-stream"
BODY = {
    "content": {
        # In place: the body is read by hand, so the framework knows of no such component.
        "application/json": {"schema": VisitsBody.model_json_schema()},
        PACKED: {"schema": {"type": "string", "format": "binary", "description": "little-endian uint32 ids"}},
    },
    "required": True,
}
INTEGER = re.compile(r"0|[1-9][0-9]*")

log = logging.getLogger(__name__)


def blueprint(store: Store, settings: Settings) -> APIBlueprint:
    """The routes over this store."""
    routes = APIBlueprint("activity", __name__, abp_tags=[TAG])
    add_example(routes, store, settings)
    add_visits(routes, store, settings)
    add_questions(routes, store)
    return routes


def add_example(routes: APIBlueprint, store: Store, settings: Settings) -> None:
    """The example project's routes."""

    def visit(user: int) -> Reply:
        now = clock.now()
        made = ingest.record(
            store, EXAMPLE_EVENT, [user], at=now, now=now, max_segments=settings.max_segments
        )
        distinct = distinct_users(store)
        log.info("%d distinct users", distinct)
        return answer(Visit(distinct=distinct, fresh=bool(made.fresh_ever)))

    @routes.post("/distinct", responses={200: Visit}, operation_id="distinct_post")
    def post_distinct(query: VisitQuery) -> Reply:
        """A visit of this user."""
        return visit(query.userId)

    @routes.get("/distinct", responses={200: Visit}, operation_id="distinct_get")
    @changes_state
    def get_distinct(query: MaybeVisitQuery) -> Reply:
        """How many distinct users there were; with a user, a visit of theirs."""
        if query.userId is not None:
            return visit(query.userId)
        return answer(Distinct(distinct=distinct_users(store)))

    def reset() -> Reply:
        forgetting.forget(store, EXAMPLE_EVENT)
        return answer(Forgotten(distinct=distinct_users(store)))

    @routes.delete("/distinct", responses={200: Forgotten}, operation_id="distinct_delete")
    def delete_distinct() -> Reply:
        """Forget all of the example's event."""
        return reset()

    @routes.get("/distinct/reset", responses={200: Forgotten}, operation_id="distinct_reset")
    @changes_state
    def reset_distinct() -> Reply:
        """Forget all of the example's event."""
        return reset()


def add_visits(routes: APIBlueprint, store: Store, settings: Settings) -> None:
    """The route through which visits arrive."""

    @routes.post("/events/<event>", responses={200: VisitsAnswer}, openapi_extensions={"requestBody": BODY})
    def record_visits(path: EventPath, query: AtQuery) -> Reply:
        """Visits of many users: JSON, or packed little-endian uint32 ids with `?at=`."""
        now = clock.now()
        limits: dict[str, Any] = {"now": now, "max_segments": settings.max_segments}
        if request.mimetype == PACKED:
            at = moment(query.at, now)
            made = ingest.record_ids(store, path.event, packed_ids(request.get_data()), at=at, **limits)
            return visits_answer(path.event, made, at)
        body = VisitsBody.model_validate(request.get_json(silent=True))
        at = moment(body.at or query.at, now)
        made = ingest.record(store, path.event, body.users, at=at, **limits)
        return visits_answer(path.event, made, at)


def add_questions(routes: APIBlueprint, store: Store) -> None:
    """The routes that only look."""

    @routes.get("/events/<event>/count", responses={200: CountAnswer})
    def count(path: EventPath, query: PeriodQuery) -> Reply:
        """How many distinct users there were in a period."""
        period = asked_period(query)
        number = questions.count(store, path.event, period)
        return answer(CountAnswer(event=path.event, count=number, **bounds(period)))

    @routes.get("/events/<event>/users/<user>", responses={200: PresenceAnswer})
    def present(path: UserPath, query: PeriodQuery) -> Reply:
        """Whether a user was here in a period. Digits mean an integer, unless the event holds texts."""
        held = store.activity.kind(path.event)
        user: User = path.user
        if held != Kind.TEXTS and INTEGER.fullmatch(path.user):
            user = int(path.user)
        return presence(path.event, user, query)

    @routes.get("/events/<event>/users", responses={200: PresenceAnswer})
    def present_text(path: EventPath, query: UserQuery) -> Reply:
        """The same for any text, a slash in it or not."""
        return presence(path.event, query.user, query)

    def presence(event: str, user: User, query: PeriodQuery) -> Reply:
        period = asked_period(query)
        found = questions.present(store, event, user, period)
        return answer(PresenceAnswer(event=event, user=user, present=found, **bounds(period)))


def packed_ids(body: bytes) -> Ids:
    """The ids of a packed body. Raises InvalidInput for one that is empty or cut short."""
    if not body or len(body) % 4:
        raise InvalidInput(
            f"a packed body is little-endian uint32 ids, 4 bytes each; this one has {len(body)} bytes",
            field="body",
        )
    return np.frombuffer(body, "<u4").astype(np.uint32, copy=False)


def asked_period(query: PeriodQuery) -> Period:
    now = clock.now()
    return questions.period_of_question(query.period, moment(query.at, now), now)


def distinct_users(store: Store) -> int:
    return questions.count(store, EXAMPLE_EVENT, period_at(Granularity.ALL, clock.now()))


def bounds(period: Period) -> dict[str, Any]:
    return {
        "period": period.granularity,
        "from_": clock.iso(period.start) if period.start else None,
        "to": clock.iso(period.stop) if period.stop else None,
    }


def visits_answer(event: str, made: Recorded, at: Any) -> Reply:
    return answer(
        VisitsAnswer(event=event, received=made.received, fresh=made.fresh_in_day, at=clock.iso(at))
    )
