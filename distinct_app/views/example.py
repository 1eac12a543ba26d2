"""The example project's routes: one event, counted as it is visited."""

from __future__ import annotations

import logging

from flask_openapi3 import APIBlueprint

from distinct_app.models.visits import (
    Distinct,
    Forgotten,
    MaybeVisit,
    MaybeVisitQuery,
    Visit,
    VisitQuery,
)
from donebit import clock
from donebit.activity.analytics import counts
from donebit.activity.events import deletion, single_visit
from donebit.activity.periods.calendar import ALL_TIME
from donebit.activity.site import Site
from donebit.names import EXAMPLE_EVENT
from donebit.throttled_log import ThrottledLog
from donebit.web.answers import Reply, answer
from donebit.web.guard import changes_state

log = ThrottledLog(logging.getLogger(__name__))


def add(routes: APIBlueprint, site: Site) -> None:
    """The routes of the fixed surface, each also by GET as the example project's curl lines ask."""

    def visit(user: int) -> Reply:
        made = single_visit.visit(site, EXAMPLE_EVENT, user, clock.now())
        log.info("%d distinct users", made.users)
        return answer(Visit(distinct=made.users, fresh=made.fresh))

    add_reset(routes, site)

    @routes.post("/distinct", responses={200: Visit}, operation_id="distinct_post")
    def post_distinct(query: VisitQuery) -> Reply:
        """A visit of this user."""
        return visit(query.userId)

    @routes.get("/distinct", responses={200: MaybeVisit}, operation_id="distinct_get")
    @changes_state
    def get_distinct(query: MaybeVisitQuery) -> Reply:
        """How many distinct users there were; with a user, a visit of theirs."""
        if query.userId is not None:
            return visit(query.userId)
        return answer(Distinct(distinct=distinct_users(site)))


def add_reset(routes: APIBlueprint, site: Site) -> None:
    """The ways to begin anew."""

    def reset() -> Reply:
        deletion.forget(site, EXAMPLE_EVENT)
        return answer(Forgotten(distinct=distinct_users(site)))

    @routes.delete("/distinct", responses={200: Forgotten}, operation_id="distinct_delete")
    def delete_distinct() -> Reply:
        """Forget all of the example's event."""
        return reset()

    @routes.get("/distinct/reset", responses={200: Forgotten}, operation_id="distinct_reset")
    @changes_state
    def reset_distinct() -> Reply:
        """Forget all of the example's event."""
        return reset()


def distinct_users(site: Site) -> int:
    """BITCOUNT of all time."""
    return counts.count(site, EXAMPLE_EVENT, ALL_TIME)
