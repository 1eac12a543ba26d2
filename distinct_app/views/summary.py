"""The route of the figures that a dashboard shows of an event."""

from __future__ import annotations

from dataclasses import asdict

from flask_openapi3 import APIBlueprint

from distinct_app.models.common import EventPath
from distinct_app.models.summary import DayCount, SummaryAnswer, SummaryQuery
from donebit import clock
from donebit.activity.analytics import summary
from donebit.activity.events import event
from donebit.activity.site import Site
from donebit.web.answers import Reply, answer
from donebit.web.questions.asking import answer_to


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the route of the summary."""

    @routes.get("/events/<event>/summary", responses={200: SummaryAnswer})
    def summary_of_event(path: EventPath, query: SummaryQuery) -> Reply:
        """Summarize an event: distinct users now, today, recently and in total, new users, last days."""
        now = clock.now()
        found = answer_to(summary.summary, site, event.get(site, path.event), days=query.days, now=now)
        fields = asdict(found) | {
            "known_since": clock.iso(found.known_since),
            "days": [DayCount(day=day.name, count=count) for day, count in found.days],
        }
        return answer(SummaryAnswer(event=path.event, at=clock.iso(now), zone=site.zone, **fields))
