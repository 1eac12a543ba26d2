"""The live figures: distinct users of this hour, today, this week, this month, and all time."""

from __future__ import annotations

import time
from typing import Any

from donebit import clock
from donebit.activity.analytics.summary import summary
from donebit.activity.events import event as events
from donebit.activity.site import Site
from donebit.names import EXAMPLE_EVENT, is_name
from donebit.web.listener import Message, Table
from trigger_app.pages.fragments import fragment
from trigger_app.pages.view import PageContext

EVERY_SECONDS = 1.0  # at most this often are the figures of one event read, however many clients listen
NOW = "now"


class Figures(dict[str, Any]):
    """A message and the time it was read, which does not count when two are compared."""

    def __init__(self, message: Message, read_at: float) -> None:
        super().__init__(message)
        self.read_at = read_at


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
    event, last, now = about or EXAMPLE_EVENT, before.get(NOW), time.monotonic()
    if not is_name(event):
        return {}
    if isinstance(last, Figures) and now - last.read_at < EVERY_SECONDS:
        return before
    return {NOW: Figures(fragment("figures", now=figures(context.site, event)), now)}
