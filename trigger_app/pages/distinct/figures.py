"""The live figures: distinct users of this hour, today, this week, this month, and all time."""

from __future__ import annotations

from datetime import timedelta

from donebit import clock
from donebit.activity.analytics.summary import summary
from donebit.activity.events import event as events
from donebit.activity.site import Site
from donebit.names import EXAMPLE_EVENT, is_name
from donebit.web.listener import Table
from trigger_app.pages.fragments import fragment
from trigger_app.pages.last_reads import LastReads
from trigger_app.pages.view import PageContext

last_reads = LastReads(timedelta(seconds=1))


def figures(site: Site, event: str) -> dict[str, int | None]:
    """Count the distinct users of an event in the current periods; None for what is no longer kept.

    Raises:
        InvalidInput: no event can have this name.
    """
    found = summary(site, events.get(site, event), days=1, now=clock.now())
    return {
        "hour": found.hour,
        "today": found.today,
        "new": found.new_today,
        "yesterday": found.yesterday,
        "week": found.week,
        "rolling_7": found.rolling_7,
        "month": found.month,
        "rolling_30": found.rolling_30,
        "all": found.all,
    }


def read_figures(context: PageContext, about: str, before: Table) -> Table:
    """Draw the figures of the event `about`, read at most once a second."""
    event = about or EXAMPLE_EVENT
    if not is_name(event):
        return {}
    if last_reads.is_recent(about) and before:
        return before
    return {"now": fragment("figures", now=figures(context.site, event))}
