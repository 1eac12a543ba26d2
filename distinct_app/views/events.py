"""The routes about events themselves: which there are, how long each is kept, and what it takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
from flask import request
from flask_openapi3 import APIBlueprint

from distinct_app.bodies import PACKED, packed_ids
from distinct_app.models.common import EventPath
from distinct_app.models.events import (
    EstimateAnswer,
    EstimateBody,
    EventAnswer,
    EventsAnswer,
    EventSummary,
    MemoryAnswer,
    PeriodMemory,
    RetentionBody,
    RetentionDays,
)
from donebit.activity.events import event as events
from donebit.activity.events import memory, set_expiry
from donebit.activity.events.event import Event
from donebit.activity.events.memory import PeriodUsage
from donebit.activity.periods.calendar import Granularity
from donebit.activity.periods.expiry import DEFAULT
from donebit.activity.site import Site
from donebit.activity.users.ids import Ids, UserKind, kind_of
from donebit.errors import InvalidInput
from donebit.web.answers import Reply, answer

MOST_SHOWN = 100
PERIODS_OF_A_VISIT = len(Granularity)
BODY = {
    "content": {
        "application/json": {"schema": EstimateBody.model_json_schema()},
        PACKED: {"schema": {"type": "string", "format": "binary", "description": "little-endian uint32 ids"}},
    },
    "required": True,
}


def add(routes: APIBlueprint, site: Site) -> None:
    """Lists, retention, memory."""
    add_kept(routes, site)
    add_memory(routes, site)


def add_kept(routes: APIBlueprint, site: Site) -> None:
    """Which events there are, and how long they are kept."""

    @routes.get("/events", responses={200: EventsAnswer})
    def list_events() -> Reply:
        """Every event that was ever visited, by name, with the kind of users it holds."""
        found = sorted(site.store.visits.events().items())
        return answer(EventsAnswer(events=[EventSummary(event=name, kind=kind) for name, kind in found]))

    @routes.get("/events/<event>", responses={200: EventAnswer})
    def show_event(path: EventPath) -> Reply:
        """The kind of users of an event, and how long it is kept."""
        return event_answer(events.get(site, path.event))

    @routes.put("/events/<event>/retention", responses={200: EventAnswer})
    def set_retention(path: EventPath, body: RetentionBody) -> Reply:
        """Keep an event so many days from each period's end; what is over by that goes at once."""
        days = body.model_dump(exclude_none=True)
        durations: Any = {granularity: timedelta(days=number) for granularity, number in days.items()}
        kept = replace(DEFAULT, **durations)
        return event_answer(set_expiry.keep(site, path.event, kept))


def add_memory(routes: APIBlueprint, site: Site) -> None:
    """What is taken, and what would be."""

    @routes.get("/events/<event>/memory", responses={200: MemoryAnswer})
    def show_memory(path: EventPath) -> Reply:
        """What an event takes on the server, in all and by period."""
        return memory_answer(path.event, memory.taken(site, path.event))

    @routes.post(
        "/events/<event>/estimate",
        responses={200: EstimateAnswer},
        openapi_extensions={"requestBody": BODY},
    )
    def estimate(path: EventPath) -> Reply:
        """What these users would take, JSON or packed; nothing is recorded."""
        found = memory.estimate(site, path.event, sent_ids())
        return answer(
            EstimateAnswer(
                event=path.event,
                users=found.users,
                segments=found.segments,
                span=found.span,
                most_segments=site.max_segments,
                bytes_a_period=found.bytes_a_period,
                bytes=PERIODS_OF_A_VISIT * found.bytes_a_period,
                fits=found.span <= site.max_segments,
            )
        )


def sent_ids() -> Ids:
    """The integers of the body, packed or JSON. Raises InvalidInput for texts, which are dense anyway."""
    if request.mimetype == PACKED:
        return packed_ids(request.get_data())
    users = EstimateBody.model_validate(request.get_json(silent=True)).users
    if kind_of(users[0]) is not UserKind.INTEGERS:
        raise InvalidInput("users are texts, which are numbered densely: a bit each", field="users")
    return np.array(users, np.uint32)


def event_answer(event: Event) -> Reply:
    kept = {one.value: event.retention.of(one) for one in Granularity}
    days = {name: duration.days for name, duration in kept.items() if duration is not None}
    return answer(EventAnswer(event=event.name, kind=event.kind, retention_days=RetentionDays(**days)))


def memory_answer(event: str, found: list[PeriodUsage]) -> Reply:
    by_granularity = Counter[Granularity]()
    for one in found:
        by_granularity[one.period.granularity] += one.bytes
    return answer(
        MemoryAnswer(
            event=event,
            bytes=sum(one.bytes for one in found),
            segments=sum(one.segments for one in found),
            periods=len(found),
            by_granularity=dict(by_granularity),
            largest=[
                PeriodMemory(
                    period=one.period.granularity,
                    name=one.period.name,
                    segments=one.segments,
                    bytes=one.bytes,
                )
                for one in found[:MOST_SHOWN]
            ],
        )
    )
