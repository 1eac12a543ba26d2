"""The route of an event's users over time."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint

from distinct_app.models.common import EventPath
from distinct_app.models.series import ColumnAnswer, SeriesAnswer, SeriesQuery
from distinct_app.views.questions import bounds
from donebit import clock
from donebit.activity.analytics import series
from donebit.activity.analytics.series import Column
from donebit.activity.events import event
from donebit.activity.periods.calendar import Granularity
from donebit.activity.site import Site
from donebit.web.answers import Reply, answer
from donebit.web.questions.asking import answer_to


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the route of series."""

    @routes.get("/events/<event>/series", responses={200: SeriesAnswer})
    def event_series(path: EventPath, query: SeriesQuery) -> Reply:
        """Count distinct users of each hour, day, week or month, and of rolling windows."""
        start, stop = (site.calendar.moment(text) if text else None for text in (query.from_, query.to))
        found = answer_to(
            series.columns,
            site,
            event.get(site, path.event),
            Granularity(query.granularity),
            start=start,
            stop=stop,
            rolling=query.rolling,
            now=clock.now(),
        )
        columns = [series_answer(column) for column in found]
        return answer(
            SeriesAnswer(
                event=path.event, granularity=query.granularity, rolling=query.rolling, columns=columns
            )
        )


def series_answer(column: Column) -> ColumnAnswer:
    period = bounds(column.period) | {"period": column.period.name}
    return ColumnAnswer(count=column.count, rolling=column.rolling, **period)
