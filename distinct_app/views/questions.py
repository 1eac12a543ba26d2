"""The questions about one event: how many, and was this one here."""

from __future__ import annotations

import re
from typing import Any

from flask_openapi3 import APIBlueprint

from distinct_app.models.common import EventPath, PeriodQuery
from distinct_app.models.questions import CountAnswer, PresenceAnswer, UserPath, UserQuery
from shared import clock
from shared.activity import events, questions
from shared.activity.calendar import Period
from shared.activity.events import Event
from shared.activity.site import Site
from shared.activity.users import Kind, User
from shared.web.answers import Reply, answer

INTEGER = re.compile(r"0|[1-9][0-9]*")


def add(routes: APIBlueprint, site: Site) -> None:
    """The routes that only look."""

    @routes.get("/events/<event>/count", responses={200: CountAnswer})
    def count(path: EventPath, query: PeriodQuery) -> Reply:
        """How many distinct users there were in a period."""
        period = asked_period(site, events.known(site, path.event), query)
        number = questions.count(site, path.event, period)
        return answer(CountAnswer(event=path.event, count=number, **bounds(period)))

    @routes.get("/events/<event>/users/<user>", responses={200: PresenceAnswer})
    def present(path: UserPath, query: PeriodQuery) -> Reply:
        """Whether a user was here in a period. Digits mean an integer, unless the event holds texts."""
        event = events.known(site, path.event)
        return presence(event, user_of_path(path.user, event), query)

    @routes.get("/events/<event>/users", responses={200: PresenceAnswer})
    def present_text(path: EventPath, query: UserQuery) -> Reply:
        """The same for any text, a slash in it or not."""
        return presence(events.known(site, path.event), query.user, query)

    def presence(event: Event, user: User, query: PeriodQuery) -> Reply:
        period = asked_period(site, event, query)
        found = questions.present(site, event.name, user, period)
        return answer(PresenceAnswer(event=event.name, user=user, present=found, **bounds(period)))


def user_of_path(text: str, event: Event) -> User:
    """ASCII digits without a leading zero mean an integer, unless the event holds texts."""
    return int(text) if event.kind is not Kind.TEXTS and INTEGER.fullmatch(text) else text


def asked_period(site: Site, event: Event, query: PeriodQuery) -> Period:
    """The period of a request. Raises InvalidInput for one past its retention."""
    now = clock.now()
    at = site.calendar.moment(query.at) if query.at else now
    return questions.asked_period(site, event, query.period, at=at, now=now)


def bounds(period: Period) -> dict[str, Any]:
    """What an answer says of a period."""
    return {
        "period": period.granularity,
        "from_": clock.iso(period.start) if period.start else None,
        "to": clock.iso(period.stop) if period.stop else None,
    }
