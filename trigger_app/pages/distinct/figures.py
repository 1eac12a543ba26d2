"""The figures that move: distinct users of this hour, today, this week, this month, and ever."""

from __future__ import annotations

import time
from typing import Any

from donebit import clock
from donebit.activity.analytics.summary import summary
from donebit.activity.events import event as events
from donebit.activity.site import Site
from donebit.names import EXAMPLE_EVENT, is_name
from donebit.web.listener import Message, Table
from trigger_app.pages.view import PageContext

EVERY_SECONDS = 1.0  # the most often that the figures of one event are read, however many look at them
NOW = "now"


class Figures(dict[str, Any]):
    """A message, and when it was read; two of the same figures are equal whenever they were."""

    def __init__(self, told: Message, read_at: float) -> None:
        super().__init__(told)
        self.read_at = read_at


def figures(site: Site, event: str) -> Message:
    """None for what is no longer kept. Raises InvalidInput for a name that no event can have."""
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
    """What the stream tells: the figures of the event that it is about."""
    event, last, now = about or EXAMPLE_EVENT, before.get(NOW), time.monotonic()
    if not is_name(event):
        return {}
    if isinstance(last, Figures) and now - last.read_at < EVERY_SECONDS:
        return before
    return {NOW: Figures(figures(context.site, event), now)}
