"""The routes that count an event's users and check the presence of one."""

from __future__ import annotations

import re
from typing import Any

from flask_openapi3 import APIBlueprint

from distinct_app.models.common import CountQuery, EventPath, PeriodQuery, SpanQuery
from distinct_app.models.questions import CountAnswer, PresenceAnswer, UserPath, UserQuery
from donebit import clock
from donebit.activity.analytics import counts
from donebit.activity.events import event as events
from donebit.activity.events.event import Event
from donebit.activity.periods import spans
from donebit.activity.periods.calendar import Period
from donebit.activity.periods.spans import Span
from donebit.activity.site import Site
from donebit.activity.users.ids import User, UserKind
from donebit.errors import InvalidInput
from donebit.web.answers import Reply, answer

INTEGER = re.compile(r"0|[1-9][0-9]*")
BELOW_ZERO = re.compile(r"-[1-9][0-9]*")


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes that count users and check presence."""

    @routes.get("/events/<event>/count", responses={200: CountAnswer})
    def count(path: EventPath, query: CountQuery) -> Reply:
        """Count an event's distinct users in a period or between two days or hours."""
        event = events.get(site, path.event)
        asked = requested_span(site, event, query)
        ids = counts.id_range(event, query.first, query.last)
        number = counts.count_in(site, event.name, asked.periods, ids=ids)
        return answer(CountAnswer(event=event.name, count=number, **bounds(asked)))

    @routes.get("/events/<event>/users/<user>", responses={200: PresenceAnswer})
    def present(path: UserPath, query: SpanQuery) -> Reply:
        """Check whether a user was active in a period.

        Digits in the path mean an integer, unless the event holds texts.
        """
        event = events.get(site, path.event)
        return presence(event, user_of_path(path.user, event), query)

    @routes.get("/events/<event>/users", responses={200: PresenceAnswer})
    def present_text(path: EventPath, query: UserQuery) -> Reply:
        """Check whether a user was active, for ids passed as ?user= (may contain slashes)."""
        return presence(events.get(site, path.event), query.user, query)

    def presence(event: Event, user: User, query: SpanQuery) -> Reply:
        asked = requested_span(site, event, query)
        found = counts.present(site, event.name, user, *asked.periods)
        return answer(PresenceAnswer(event=event.name, user=user, present=found, **bounds(asked)))


def user_of_path(text: str, event: Event) -> User:
    """The user that a path names: ASCII digits mean an integer, unless the event holds texts.

    Digits with a minus do so too, and are refused later: as texts they would make it an event of texts.
    """
    whole = INTEGER.fullmatch(text) or BELOW_ZERO.fullmatch(text)
    return int(text) if whole and event.kind is not UserKind.TEXTS else text


def requested_period(site: Site, event: Event, query: PeriodQuery) -> Period:
    """The period of a request. Raises InvalidInput for one that has expired, or that a time comes without."""
    if query.at is not None and "period" not in query.model_fields_set:
        raise InvalidInput("at needs a period, such as period=day: all time has no moment", field="at")
    now = clock.now()
    at = site.calendar.moment(query.at) if query.at else now
    return counts.retained_period(site, event, query.period, at=at, now=now)


def requested_span(site: Site, event: Event, query: SpanQuery) -> Span:
    """The period or the span of a request. Raises InvalidInput for both, or if it has expired."""
    if query.from_ is None and query.to is None:
        return Span.of(requested_period(site, event, query))
    if both := query.model_fields_set & {"period", "at"}:
        raise InvalidInput(
            f"from/to cannot be combined with {', '.join(sorted(both, reverse=True))}", field=min(both)
        )
    if query.from_ is None:
        raise InvalidInput("to needs from", field="from")
    now, moment = clock.now(), site.calendar.moment
    stop = moment(query.to) if query.to else site.calendar.tomorrow(now)
    return spans.between(
        site.calendar, event.expiry, moment(query.from_), stop, now=now, imported=event.imported
    )


def bounds(asked: Period | Span) -> dict[str, Any]:
    """The fields in which an answer describes a period or a span."""
    asked = Span.of(asked) if isinstance(asked, Period) else asked
    return {
        "period": asked.name,
        "from_": clock.iso(asked.start) if asked.start else None,
        "to": clock.iso(asked.stop) if asked.stop else None,
    }
