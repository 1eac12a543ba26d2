"""The routes about events themselves: which there are, how long each is kept, and the memory it uses."""

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
    ExpiryBody,
    ExpiryDays,
    MemoryAnswer,
    PeriodMemory,
)
from donebit.activity.events import event as events
from donebit.activity.events import memory, set_expiry
from donebit.activity.events.event import Event
from donebit.activity.events.memory import PeriodUsage
from donebit.activity.periods.calendar import Granularity
from donebit.activity.site import Site
from donebit.activity.users.ids import Ids, UserKind, kind_of
from donebit.errors import InvalidInput
from donebit.web import audit
from donebit.web.answers import Reply, answer

MOST_SHOWN = 100
PERIODS_OF_A_VISIT = len(Granularity)
ESTIMATE_BODY = {
    "content": {
        "application/json": {"schema": EstimateBody.model_json_schema()},
        PACKED: {"schema": {"type": "string", "format": "binary", "description": "little-endian uint32 ids"}},
    },
    "required": True,
}


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes that list and describe events, set their expiry, and report their memory."""
    add_events(routes, site)
    add_expiry(routes, site)
    add_memory(routes, site)


def add_events(routes: APIBlueprint, site: Site) -> None:
    """Add the routes that list events and describe one."""

    @routes.get("/events", responses={200: EventsAnswer})
    def list_events() -> Reply:
        """List all events with the kind of users each holds."""
        kinds = sorted(site.store.visits.events().items())
        return answer(EventsAnswer(events=[EventSummary(event=name, kind=kind) for name, kind in kinds]))

    @routes.get("/events/<event>", responses={200: EventAnswer})
    def show_event(path: EventPath) -> Reply:
        """Show an event's kind of users and its data expiry."""
        return event_answer(events.get(site, path.event))


def add_expiry(routes: APIBlueprint, site: Site) -> None:
    """Add the routes that set and show how long an event's data is kept."""

    @routes.put("/events/<event>/expiry", responses={200: EventAnswer})
    def put_expiry(path: EventPath, body: ExpiryBody) -> Reply:
        """Set an event's data expiry in days for each granularity.

        Each period is kept for that many days from its end; periods older than that are dropped immediately.
        A granularity that is left out stays as it is.
        """
        days = body.model_dump(exclude_none=True)
        durations: Any = {granularity: timedelta(days=number) for granularity, number in days.items()}
        kept = events.get(site, path.event).expiry
        changed = set_expiry.apply(site, path.event, replace(kept, **durations))
        audit.name(f"event {path.event}", ", ".join(f"{one} {number} days" for one, number in days.items()))
        return event_answer(changed)

    @routes.get("/events/<event>/expiry", responses={200: EventAnswer})
    def get_expiry(path: EventPath) -> Reply:
        """Show an event's data expiry in days for each granularity."""
        return event_answer(events.get(site, path.event))


def add_memory(routes: APIBlueprint, site: Site) -> None:
    """Add the routes that report and estimate memory."""

    @routes.get("/events/<event>/memory", responses={200: MemoryAnswer})
    def show_memory(path: EventPath) -> Reply:
        """Show the memory that an event uses, in total and by period."""
        return memory_answer(path.event, memory.usage(site, path.event))

    @routes.post(
        "/events/<event>/estimate",
        responses={200: EstimateAnswer},
        openapi_extensions={"requestBody": ESTIMATE_BODY},
    )
    def estimate(path: EventPath) -> Reply:
        """Estimate the memory for a set of users; records nothing.

        The users are integers, as JSON or as packed little-endian uint32.
        """
        estimated = memory.estimate(site, path.event, ids_from_body())
        return answer(
            EstimateAnswer(
                event=path.event,
                users=estimated.users,
                segments=estimated.segments,
                span=estimated.span,
                most_segments=site.max_segments,
                bytes_a_period=estimated.bytes_a_period,
                bytes=PERIODS_OF_A_VISIT * estimated.bytes_a_period,
                fits=estimated.span <= site.max_segments,
            )
        )


def ids_from_body() -> Ids:
    """The integers of the body, packed or JSON. Raises InvalidInput for texts: their numbers are dense."""
    if request.mimetype == PACKED:
        return packed_ids(request.get_data())
    users = EstimateBody.model_validate(request.get_json(silent=True)).users
    if kind_of(users[0]) is not UserKind.INTEGERS:
        raise InvalidInput("users are texts, which are numbered densely: a bit each", field="users")
    return np.array(users, np.uint32)


def event_answer(event: Event) -> Reply:
    durations = {one.value: event.expiry.duration(one) for one in Granularity}
    days = {name: duration.days for name, duration in durations.items() if duration is not None}
    return answer(EventAnswer(event=event.name, kind=event.kind, expiry_days=ExpiryDays(**days)))


def memory_answer(event: str, usages: list[PeriodUsage]) -> Reply:
    """Totals, and the largest periods. `usages` has the largest first."""
    by_granularity = Counter[Granularity]()
    for usage in usages:
        by_granularity[usage.period.granularity] += usage.bytes
    return answer(
        MemoryAnswer(
            event=event,
            bytes=sum(usage.bytes for usage in usages),
            segments=sum(usage.segments for usage in usages),
            periods=len(usages),
            by_granularity=dict(by_granularity),
            largest=[
                PeriodMemory(
                    period=usage.period.granularity,
                    name=usage.period.name,
                    segments=usage.segments,
                    bytes=usage.bytes,
                )
                for usage in usages[:MOST_SHOWN]
            ],
        )
    )
