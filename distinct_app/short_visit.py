"""The short way of `POST /distinct?userId=7`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel

from distinct_app.views.example import visit_answer
from donebit import clock
from donebit.access.quotas import Quotas
from donebit.activity.events import single_visit
from donebit.activity.events.single_visit import Visited
from donebit.activity.site import Site
from donebit.activity.users.ids import LARGEST_ID
from donebit.names import EXAMPLE_EVENT
from donebit.web.plain_request import PlainRequest
from donebit.web.short_route import ShortRoute
from donebit.workers import replicas

QUERY: Final = re.compile(r"userId=([0-9]{1,10})")


class ShortVisit(ShortRoute[int, Visited]):
    """Records visits to the example event, as the view `post_distinct` does."""

    route = "POST /distinct"

    def __init__(self, site: Site, quotas: Quotas) -> None:
        self._site, self._quotas = site, quotas

    def read(self, asked: PlainRequest) -> int | None:
        """The user, if nothing about the request is unusual."""
        found = QUERY.fullmatch(asked.query)
        if found is None or asked.path != "/distinct" or not self._quotas.admits_event_at_once():
            return None
        user = int(found[1])
        return user if user <= LARGEST_ID else None

    def do_each(self, items: Sequence[int]) -> Sequence[Visited | Exception | None]:
        """Record the visits.

        On a cluster only their marks are confirmed with them: what names the event and its segments is on
        other nodes.
        """
        replicas.begin(self._site.store)
        visited = single_visit.visit_each(self._site, EXAMPLE_EVENT, items, clock.now())
        replicas.confirm_on_cluster(self._site.store)
        return visited

    def describe(self, item: int, result: Visited) -> BaseModel:
        """The answer to the visit."""
        del item
        return visit_answer(result)
