"""The routes that take days of an event back."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint

from distinct_app.models.common import EventPath
from distinct_app.models.taking_back import DaysQuery, DaysTakenBack, Removed
from donebit import clock
from donebit.activity.events import taking_back
from donebit.activity.periods.calendar import Granularity
from donebit.activity.site import Site
from donebit.web.answers import Reply, answer


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes that take days of an event back, and that count what this would remove."""

    @routes.delete("/events/<event>/visits", responses={200: DaysTakenBack})
    def take_visits_back(path: EventPath, query: DaysQuery) -> Reply:
        """Take back all visits of some days, out of weeks, months and all time too.

        A user stays in a period if another kept day or import shows them there. Refused, unchanged, if the
        kept data cannot decide.
        """
        return taken_back(site, path.event, query, dry_run=False)

    @routes.get("/events/<event>/visits", responses={200: DaysTakenBack})
    def count_visits_to_take_back(path: EventPath, query: DaysQuery) -> Reply:
        """Count what taking back some days would remove; changes nothing."""
        return taken_back(site, path.event, query, dry_run=True)


def taken_back(site: Site, event: str, query: DaysQuery, *, dry_run: bool) -> Reply:
    """Take the days back, or only count."""
    start, stop = site.calendar.moment(query.from_, "from"), site.calendar.moment(query.to, "to")
    made = taking_back.take_back(site, event, start, stop, now=clock.now(), dry_run=dry_run)
    return answer(
        DaysTakenBack(
            event=event,
            from_=clock.iso(start),
            to=clock.iso(stop),
            days=made.days,
            users=made.users,
            visits=made.visits,
            removed=Removed(**{name: made.lost.get(Granularity(name), 0) for name in Removed.model_fields}),
            taken_back=not dry_run,
        )
    )
